"""The BEGIN section: start values by path, carried out on the image of one block."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..errors import ParameterError
from ..s7 import Opaque, Place, Struct, Unfit, locate, spelled, split
from .scope import Scope
from .start import Start, derive_weekday, joined
from .tree import Assignment, Init

__all__ = ["Begin"]

_LONGEST = 100  # steps of a path; nine levels of arrays of six dimensions have fewer


@attrs.define
class Begin:
    """The BEGIN section of one block, carried out on its image."""

    start: Start
    scope: Scope
    layout: Struct
    dates: dict[str, Assignment] = attrs.field(factory=dict)

    def run(self, assignments: Sequence[Assignment]) -> None:
        """Carry out the assignments; what could not be placed is in `start.unplaced` afterwards."""
        for assignment in assignments:
            if assignment.value is not None:
                self._assign(assignment, assignment.value)
        for path, assignment in self.dates.items():
            self._settle(path, assignment)

    def _settle(self, path: str, assignment: Assignment) -> None:
        """Derive the weekday of a DTL whose fields were assigned: the one in the source is not considered."""
        place = locate(self.layout, split(path))
        try:
            derive_weekday(self.start.image, place.offset)
        except ParameterError as error:
            raise self._wrong(assignment, error.failure.what) from None

    def _wrong(self, assignment: Assignment, what: str) -> ParameterError:
        return self.scope.wrong_at(assignment.line, assignment.column, what)

    def _assign(self, assignment: Assignment, value: Init) -> None:
        if len(assignment.path) > _LONGEST:
            raise self._wrong(assignment, f"a path of {len(assignment.path)} steps leads nowhere")
        number = self.start.constants.number
        steps = [step if isinstance(step, str) else number(step, self.scope) for step in assignment.path]
        try:
            place, rest = self._locate(steps)
        except Unfit as refusal:
            raise self._wrong(assignment, refusal.error().failure.what) from None
        if rest and isinstance(place.type, Opaque):
            self._keep(place.type, place.path, rest, assignment, value)
            return
        self.start.place(place.type, value, place.offset, self.scope, path=place.path)
        parent = locate(self.layout, steps[:-1]) if len(steps) > 1 else None
        if parent is not None and parent.type.name == "DTL":
            self.dates[parent.path] = assignment

    def _locate(self, steps: list[str | int]) -> tuple[Place, list[str | int]]:
        """Where a path leads, and the steps that remain inside a type whose members have no place."""
        first = self.layout.slots[0].type if self.layout.slots else None
        if isinstance(first, Opaque) and self.layout.slots[0].name == "THIS" and steps[:1] != ["THIS"]:
            return Place(first, 0, ""), steps
        for end in range(len(steps) - 1, 0, -1):
            try:
                place = locate(self.layout, steps[:end])
            except Unfit:
                continue
            if isinstance(place.type, Opaque):
                return place, steps[end:]
            break
        return locate(self.layout, steps), []

    def _keep(self, kind: Opaque, path: str, rest: list[str | int], assignment: Assignment, value: Init) -> None:
        if len(rest) > 1 or not isinstance(rest[0], str):
            inside = "".join(joined(" ", f"[{step}]" if isinstance(step, int) else spelled(step)) for step in rest)
            raise self._wrong(assignment, f"{kind.name} has no member {inside.strip(' .')}")
        try:
            self.start.keep(kind, rest[0], value, self.scope, path)
        except ParameterError as error:
            if "has no member" in error.failure.what:
                raise self._wrong(assignment, error.failure.what) from None
            raise
