"""A layout calculator that is deliberately naive and shares nothing with the library.

It walks element by element with a cursor in bits over a picture of the declaration made of tuples, and writes down the
bit at which every elementary member begins. The rules are those of the reference (1.5), restated one by one.
"""

from __future__ import annotations

from typing import Any

# name → bytes; None for Bool. Written down once more on purpose.
SIZES: dict[str, int | None] = {
    "Bool": None, "Byte": 1, "Word": 2, "DWord": 4, "LWord": 8, "SInt": 1, "Int": 2, "DInt": 4, "LInt": 8, "USInt": 1,
    "UInt": 2, "UDInt": 4, "ULInt": 8, "Real": 4, "LReal": 8, "Char": 1, "WChar": 2, "S5Time": 2, "Time": 4, "LTime": 8,
    "Date": 2, "Time_Of_Day": 4, "LTime_Of_Day": 8, "Date_And_Time": 8, "LDT": 8, "DTL": 12, "IP_V4": 4, "HW_ANY": 2,
    "CONN_OUC": 2, "CONN_R_ID": 4, "OB_ANY": 2,
}  # fmt: skip


def picture(kind: Any) -> Any:
    """A declaration as tuples: `("leaf", name)`, `("text", bytes)`, `("array", bounds, of)`, `("struct", members)`."""
    shape = type(kind).__name__
    if shape == "Struct":
        return ("struct", [(member.name, picture(member.type)) for member in kind.members])
    if shape == "Array":
        return ("array", list(kind.bounds), picture(kind.element))
    if shape == "String":
        return ("text", kind.maximum + 2)
    if shape == "WString":
        return ("text", 2 * kind.maximum + 4)
    return ("leaf", kind.name)


def offsets(struct: Any) -> tuple[dict[str, str], int]:
    """`byte.bit` of every elementary member by path, and the size of the block in bytes."""
    found: dict[str, str] = {}
    end = _walk(struct, 0, "", found)
    return found, end // 8


def _to_byte(bit: int) -> int:
    while bit % 8:
        bit += 1
    return bit


def _to_even_byte(bit: int) -> int:
    while bit % 16:
        bit += 1
    return bit


def _walk(shape: Any, bit: int, path: str, found: dict[str, str]) -> int:
    """Lay one thing out from a cursor in bits; the cursor behind it."""
    if shape[0] == "struct":
        bit = _to_even_byte(bit)
        for name, member in shape[1]:
            bit = _walk(member, bit, f"{path}.{name}" if path else name, found)
        return _to_even_byte(bit)
    if shape[0] == "array":
        return _to_even_byte(_walk_array(shape, _to_even_byte(bit), path, found))
    if shape[0] == "text":
        bit = _to_even_byte(bit)
        found[path] = f"{bit // 8}.0"
        return bit + 8 * int(shape[1])
    size = SIZES[shape[1]]
    if size is None:
        found[path] = f"{bit // 8}.{bit % 8}"
        return bit + 1
    bit = _to_byte(bit) if size == 1 else _to_even_byte(bit)
    found[path] = f"{bit // 8}.0"
    return bit + 8 * size


def _walk_array(shape: Any, bit: int, path: str, found: dict[str, str]) -> int:
    _, bounds, element = shape
    indices = [low for low, _ in bounds]
    while True:
        if indices[-1] == bounds[-1][0]:
            bit = _to_byte(bit)  # every run of the last index begins a byte
        bit = _walk(element, bit, f"{path}[{','.join(map(str, indices))}]", found)
        place = len(indices) - 1
        while place >= 0 and indices[place] == bounds[place][1]:
            indices[place] = bounds[place][0]
            place -= 1
        if place < 0:
            return bit
        indices[place] += 1
