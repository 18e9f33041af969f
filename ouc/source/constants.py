"""What the names of constants mean: those of the caller, of a block, of named value types."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..s7 import Unfit, quoted
from ..s7 import parse as parse_literal
from ..s7 import typeof as s7_type
from .scope import Scope
from .tree import Block, Constant

__all__ = ["CONSTANTS", "Constants"]

#: System constants that every CPU of the family has, by name in lower case: the hardware identifier of the first
#: PROFINET interface, which connection descriptions name.
CONSTANTS: Mapping[str, int | str] = {"local~profinet_interface_1": 64}

_WORDS = ("TRUE", "FALSE", "NULL")


@attrs.frozen
class Constants:
    """Constants by name in lower case.

    Attributes:
        known: Those that the caller gave and those of the system.
        values: Those of each named value type, by the type's name in lower case.
        names: The types' names as they were declared.
    """

    known: Mapping[str, int | str]
    values: dict[str, dict[str, str]] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)

    def add(self, block: Block) -> None:
        """Make the values of a named value type known."""
        key = block.name.text.casefold()
        lines = (line for section in block.sections for line in section.lines)
        own = {line.names[0].text.casefold(): line.init.text for line in lines if isinstance(line.init, Constant)}
        self.values[key], self.names[key] = own, block.name.text

    def value(self, constant: Constant, scope: Scope) -> int | str:
        """What a constant means: a literal's text, or the value of the named one."""
        space, name = self._split(constant)
        if space:
            return self._of_type(space, name, constant, scope)
        if not constant.named or constant.text.upper() in _WORDS:
            return constant.text
        key = name.casefold()
        own = self.values.get(scope.values, {})
        for known in (own, scope.constants, self.known):
            if key in known:
                return known[key]
        return self._elsewhere(key, constant, scope)

    def _split(self, constant: Constant) -> tuple[str, str]:
        """The named value type in front of a constant, and the rest: `State#Run`."""
        if constant.named:
            return constant.space, constant.text
        space, mark, name = constant.text.partition("#")
        return (space, name) if mark and space.casefold() in self.values else ("", constant.text)

    def _of_type(self, space: str, name: str, constant: Constant, scope: Scope) -> str:
        values = self.values.get(space.casefold())
        if values is None:
            raise scope.wrong(constant, f"there is no named value type {quoted(space)}", _MISSING_TYPE)
        if name.casefold() not in values:
            raise scope.wrong(constant, f"{quoted(self.names[space.casefold()])} has no value {quoted(name)}", _held(values))
        return values[name.casefold()]

    def _elsewhere(self, key: str, constant: Constant, scope: Scope) -> str:
        """A value of some named value type, where only one has that name and no other type is expected."""
        if scope.values in self.values:
            raise scope.wrong(
                constant,
                f"{quoted(self.names[scope.values])} has no value {quoted(constant.text)}",
                _held(self.values[scope.values]),
            )
        owners = [space for space, values in self.values.items() if key in values]
        if len(owners) == 1:
            return self.values[owners[0]][key]
        if owners:
            several = " and ".join(self.names[space] for space in owners[:3])
            remedy = f'Put the type in front: "{self.names[owners[0]]}"#{constant.text}'
            raise scope.wrong(constant, f"{quoted(constant.text)} is a value of {several}", remedy)
        raise scope.wrong(constant, f"the constant {quoted(constant.text)} is not known", _GIVE)

    def number(self, constant: Constant, scope: Scope) -> int:
        """The integer that a bound, length, index or repetition factor means."""
        value = self.value(constant, scope)
        if isinstance(value, int):
            return value
        try:
            number: int = parse_literal(s7_type("LInt"), value)
        except Unfit:
            raise scope.wrong(constant, f"{quoted(value)} is no integer") from None
        return number


_GIVE = "Give its value: constants={...} in Python, --constant NAME=VALUE on the command line"
_MISSING_TYPE = "Read the file that declares it together with this one"


def _held(values: Mapping[str, str]) -> str:
    return f"It has {', '.join(list(values)[:8])}" if values else "It has none"
