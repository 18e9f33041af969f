"""The BEGIN section: start values by path, carried out on the image of one block."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..errors import ParameterError
from ..s7 import Opaque, Place, Struct, Unfit, locate, split
from .resolve import Library, Scope, derive_weekday
from .tree import Assignment, Constant, Init

__all__ = ["Begin"]

_LONGEST = 100  # steps of a path; nine levels of arrays of six dimensions have fewer


@attrs.define
class Begin:
    """The BEGIN section of one block, carried out on its image."""

    library: Library
    scope: Scope
    layout: Struct
    image: bytearray
    unplaced: dict[str, str] = attrs.field(factory=dict)
    dates: dict[str, Assignment] = attrs.field(factory=dict)

    def run(self, assignments: Sequence[Assignment]) -> dict[str, str]:
        """Carry out the assignments; what could not be placed, by path."""
        for assignment in assignments:
            if assignment.value is not None:
                self._assign(assignment, assignment.value)
        for path, assignment in self.dates.items():
            self._settle(path, assignment)
        return self.unplaced

    def _settle(self, path: str, assignment: Assignment) -> None:
        """Derive the weekday of a DTL whose fields were assigned: the one in the source is not considered."""
        place = locate(self.layout, split(path))
        try:
            derive_weekday(self.image, place.offset)
        except ParameterError as error:
            raise self._wrong(assignment, error.failure.what) from None

    def _wrong(self, assignment: Assignment, what: str) -> ParameterError:
        return self.scope.wrong_at(assignment.line, assignment.column, what)

    def _assign(self, assignment: Assignment, value: Init) -> None:
        if len(assignment.path) > _LONGEST:
            raise self._wrong(assignment, f"a path of {len(assignment.path)} steps leads nowhere")
        steps = [step if isinstance(step, str) else self.library.number(step, self.scope) for step in assignment.path]
        try:
            place = self._locate(steps)
        except Unfit as refusal:
            raise self._wrong(assignment, refusal.error().failure.what) from None
        if isinstance(place, Opaque):
            self._keep(place, steps, assignment, value)
            return
        self.library.place(place.type, value, self.image, place.offset, self.scope)
        parent = locate(self.layout, steps[:-1]) if len(steps) > 1 else None
        if parent is not None and parent.type.name == "DTL":
            self.dates[parent.path] = assignment

    def _locate(self, steps: list[str | int]) -> Place | Opaque:
        first = self.layout.slots[0].type if self.layout.slots else None
        if isinstance(first, Opaque) and self.layout.slots[0].name == "THIS" and steps[:1] != ["THIS"]:
            return first
        for end in range(len(steps), 0, -1):
            try:
                place = locate(self.layout, steps[:end])
            except Unfit:
                continue
            if isinstance(place.type, Opaque):
                return place.type
            break
        return locate(self.layout, steps)

    def _keep(self, kind: Opaque, steps: list[str | int], assignment: Assignment, value: Init) -> None:
        """Remember a start value inside an opaque type after checking that it is one."""
        member = kind.members.get(str(steps[-1]).casefold())
        path = ".".join(map(str, steps))
        if not isinstance(value, Constant) or (kind.members and member is None):
            raise self._wrong(assignment, f"{kind.name} has no member {steps[-1]}")
        if member is not None:
            self.library.place(member, value, bytearray(member.size), 0, self.scope)
        self.unplaced[path] = value.text
