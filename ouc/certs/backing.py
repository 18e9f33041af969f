"""Where a project's state lives: in memory here, in a file in `ouc.certs.file`. Both show the same face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..errors import ParameterError
from .state import Draft, Event, State

__all__ = ["Backing", "MemoryBacking"]


class Backing(Protocol):
    """Keeps the state and the history of one project."""

    def current(self) -> State:
        """The newest committed state; cheap when nothing has changed."""

    def change(self, work: Callable[[State], Draft]) -> None:
        """Give the newest state to `work` and commit the draft that comes back, all of it or nothing."""

    def history(self, number: int | None) -> tuple[Event, ...]:
        """The lines of one ID, or all, oldest first."""

    def backup(self, target: str) -> None:
        """Copy the committed state into a new file."""

    def damage(self) -> tuple[str, ...]:
        """What is wrong with the place it is kept in; empty for nothing."""

    def close(self) -> None:
        """Let go of it."""


class MemoryBacking:
    """A project that ends with the process."""

    def __init__(self, state: State, events: list[Event]) -> None:
        self._state = state
        self._events = list(events)

    def close(self) -> None:
        """Nothing to let go of."""

    def backup(self, target: str) -> None:
        """Refused: what is only in memory has no file to copy."""
        raise ParameterError(
            "a project in memory cannot be copied into a file", where=target,
            remedy="Make it in a file: ouc project new",
        )

    def damage(self) -> tuple[str, ...]:
        """Nothing can be damaged."""
        return ()

    def current(self) -> State:
        """The state."""
        return self._state

    def change(self, work: Callable[[State], Draft]) -> None:
        """One step; an exception of `work` leaves everything as it was."""
        draft = work(self._state)
        self._state = draft.finished()
        self._events += draft.events

    def history(self, number: int | None) -> tuple[Event, ...]:
        """Lines of history."""
        return tuple(event for event in self._events if number in (None, event.id))
