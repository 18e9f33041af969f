"""Values and declarations for tests: made from the types themselves, so a new type needs no new strategy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st

from ouc.s7 import (
    DTL,
    LDT,
    Array,
    LTime,
    LTimeOfDay,
    Member,
    Opaque,
    Record,
    S5Time,
    Scalar,
    String,
    Struct,
    Structure,
    Type,
    WString,
    find,
    typeof,
)

AnyStructure = TypeVar("AnyStructure", bound=Structure)

CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") for byte in range(256))

ELEMENTARY = [
    "Bool", "Byte", "Word", "DWord", "LWord", "SInt", "Int", "DInt", "LInt", "USInt", "UInt", "UDInt", "ULInt",
    "Real", "LReal", "Char", "WChar", "S5Time", "Time", "LTime", "Date", "Time_Of_Day", "LTime_Of_Day",
    "Date_And_Time", "LDT", "DTL", "IP_V4", "HW_ANY", "CONN_OUC", "CONN_R_ID", "OB_ANY",
]  # fmt: skip

_MILLISECONDS = dt.timedelta(milliseconds=1)
_KINDS: Mapping[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "char": st.sampled_from(CP1252),
    "wchar": st.characters(max_codepoint=0xD7FF, codec="utf-8"),
    "s5time": st.builds(S5Time, st.integers(0, 999), st.integers(0, 3)),
    "time": st.integers(-(2**31), 2**31 - 1).map(lambda count: count * _MILLISECONDS),
    "ltime": st.integers(-(2**63), 2**63 - 1).map(LTime),
    "date": st.dates(dt.date(1990, 1, 1), dt.date(2169, 6, 6)),
    "time_of_day": st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)),
    "ltime_of_day": st.integers(0, 86_400 * 10**9 - 1).map(LTimeOfDay),
    "date_and_time": st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2089, 12, 31, 23, 59, 59, 999_000)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
    "ldt": st.integers(0, 2**63 - 1).map(LDT),
    "dtl": st.builds(
        lambda moment, rest: attrs.evolve(DTL.of(moment), nanosecond=moment.microsecond * 1000 + rest),
        st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2262, 4, 11, 23, 47, 16, 854_774)),
        st.integers(0, 999),
    ),
    "ip_v4": st.integers(0, 2**32 - 1).map(IPv4Address),
}


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Any value of a type, as its `read` gives it."""
    if isinstance(kind, Record):
        kind = kind.scalar
    if isinstance(kind, Scalar):
        if kind.kind == "real":
            return st.floats(width=8 * kind.size, allow_nan=False)  # type: ignore[arg-type]
        if kind.low is not None:
            return st.integers(kind.low, kind.high)
        return _KINDS[kind.kind]
    if isinstance(kind, String):
        return st.text(CP1252, max_size=kind.maximum)
    if isinstance(kind, WString):
        return st.text(st.characters(max_codepoint=0xD7FF, codec="utf-8"), max_size=min(kind.maximum, 60))
    if isinstance(kind, Array):
        return st.lists(values(kind.inner), min_size=kind.length, max_size=kind.length)
    if isinstance(kind, Opaque):
        return st.binary(min_size=kind.length, max_size=kind.length)
    assert isinstance(kind, Struct)
    return st.fixed_dictionaries({slot.name: values(slot.type) for slot in kind.slots})


def structures(declared: type[AnyStructure]) -> st.SearchStrategy[AnyStructure]:
    """Any value of a declared structure, from its declaration alone."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    for slot, field in zip(declared.layout(), attrs.fields(declared), strict=True):  # type: ignore[arg-type]
        nested = field.metadata["ouc.s7"].structure
        members[slot.name] = values(slot.type) if nested is None else structures(nested)
    return st.builds(lambda members: declared(**members), st.fixed_dictionaries(members))


elementary_types: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from(ELEMENTARY).map(typeof),
    st.integers(0, 254).map(String),
    st.integers(0, 40).map(WString),
)


def _bounds(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.builds(lambda low, count: (low, low + count), st.integers(-9, 9), st.integers(0, most))


def _arrays(elements: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    one = st.lists(_bounds(17), min_size=1, max_size=1)
    return st.builds(Array, (one | st.lists(_bounds(3), min_size=2, max_size=3)).map(tuple), elements)


def _structs(elements: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    # Bools are frequent in real blocks and the only members that share bytes.
    member = st.just(typeof("Bool")) | elements
    return st.lists(member, min_size=1, max_size=7).map(
        lambda kinds: Struct([Member(f"m{number}", kind) for number, kind in enumerate(kinds)])
    )


#: Any type: elementary, arrays of up to three dimensions, structures inside structures.
types: st.SearchStrategy[Type] = st.recursive(
    elementary_types, lambda inner: _arrays(inner.filter(lambda kind: not isinstance(kind, Array))) | _structs(inner),
    max_leaves=12,
)  # fmt: skip

#: Any block: a structure at the top.
layouts: st.SearchStrategy[Struct] = _structs(types)  # type: ignore[assignment]


def known(name: str) -> Type:
    """A type that must exist."""
    kind = find(name)
    assert kind is not None
    return kind
