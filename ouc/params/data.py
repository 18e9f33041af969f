"""The areas at DATA of both sides: does LEN fit, and do the bytes mean the same?"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..profiles import Profile
from ..s7 import Array, Record, Scalar, Struct, Type
from ..status import Status
from .findings import Finding, Severity

__all__ = ["Area", "area_findings", "difference"]


@attrs.frozen(kw_only=True)
class Area:
    """What stands at DATA and LEN of a block that sends or receives.

    Attributes:
        layout: The declaration of the data block or variable.
        length: LEN in bytes, 0 for the whole area.
        optimized: Whether the block has optimized access.
    """

    layout: Struct
    length: int = 0
    optimized: bool = False

    @property
    def moved(self) -> int:
        """Bytes that one job moves."""
        return self.length or self.layout.size


def area_findings(area: Area, profile: Profile) -> tuple[Finding, ...]:
    """What is wrong with one area, with the STATUS that TSEND_C or TRCV_C shows (ouc-blocks.md 2.3, 2.4)."""
    size, length = area.layout.size, area.length
    rows = (
        ("no bytes at all", not length and not size, 0x8085, "LEN and DATA are both 0",
         "Let DATA point to an area"),
        ("LEN above the maximum", area.moved > profile.max_len, 0x8085,
         f"{area.moved} bytes are more than the {profile.max_len} that {profile.name} moves in one job",
         "Move the data in several jobs"),
        ("LEN larger than DATA", length > size, 0x8088, f"LEN {length} is larger than the {size} bytes at DATA",
         "Set LEN to 0 for the whole area, or enlarge the area at DATA"),
        ("LEN with optimized access", 0 < length <= size and area.optimized, 0x8088,
         "LEN must be 0 for a block with optimized access",
         "Set LEN to 0, or clear 'Optimized block access' in the properties of the block"),
    )  # fmt: skip
    return tuple(
        Finding(
            rule=name,
            message=message,
            member="LEN",
            status=Status(status),
            remedy=remedy,
            severity=Severity.ERROR,
        )
        for name, broken, status, message, remedy in rows
        if broken
    )


def difference(one: Struct, other: Struct) -> str:
    """The first place where two declarations give the same bytes another meaning; empty if there is none.

    Names do not matter, only what lies where. An area that is shorter is compared as far as it goes.
    """
    if one == other:
        return ""
    # Arrays are compared as a whole, so this takes as many steps as there are lines in the declarations.
    for (at, name, kind), (there, name_there, kind_there) in zip(_flat(one, 0, ""), _flat(other, 0, ""), strict=False):
        if at != there or kind != kind_there:
            return f"at byte {min(at, there)} A has {name} : {kind} and B {name_there} : {kind_there}"
    return ""


def _flat(struct: Struct, base: int, path: str) -> Iterator[tuple[int, str, str]]:
    for slot in struct:
        name = f"{path}.{slot.name}" if path else slot.name
        kind = slot.type.inner if isinstance(slot.type, Record) else slot.type
        if isinstance(kind, Struct):
            yield from _flat(kind, base + slot.offset, name)
        else:
            bit = kind.bit if isinstance(kind, Scalar) and kind.bit else 0
            yield base + slot.offset, f"{name}.{bit}" if bit else name, _shape(kind)


def _shape(kind: Type) -> str:
    """A type's name without what does not change its bytes: the first index of an array, names in its elements."""
    if not isinstance(kind, Array):
        bit = kind.bit if isinstance(kind, Scalar) else None
        return kind.name if not bit else f"{kind.name} (bit {bit})"
    lengths = ", ".join(f"1..{high - low + 1}" for low, high in kind.bounds)
    element = kind.element.inner if isinstance(kind.element, Record) else kind.element
    if isinstance(element, Struct):
        parts = "; ".join(f"{at} {shape}" for at, _, shape in _flat(element, 0, ""))
        return f"Array[{lengths}] of Struct ({parts})"
    return f"Array[{lengths}] of {_shape(element)}"
