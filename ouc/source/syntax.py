"""From the text of a source to the tree of what stands in it.

The grammar (grammar.lark) is compiled once, when the first source is read. The tree is built while parsing, so a file
of 100,000 nested brackets costs no recursion here; depth is limited where declarations are resolved.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

import attrs
import lark
from lark import Token, Transformer

from ..errors import ParameterError
from ..s7 import quoted
from .siblings import SD
from .text import SourceText
from .tree import (
    ArrayOf,
    Assignment,
    Block,
    Constant,
    Fields,
    Init,
    Items,
    Line,
    Name,
    Named,
    Reference,
    Repeat,
    Section,
    StructOf,
    TextOf,
    TypeRef,
)

__all__ = ["parse"]


@attrs.frozen
class _Attributes:
    pairs: tuple[tuple[str, str], ...]


@attrs.frozen
class _Shares:
    name: Name


@attrs.frozen
class _Start:
    init: Init


_DEEPEST_SPACE = 32
_NUMBERED = re.compile(r"(DB|UDT|FB|FC|OB|SFB|SFC|SDB)\Z", re.IGNORECASE)


def _of(children: Iterable[Any], kind: type[Any]) -> list[Any]:
    return [child for child in children if isinstance(child, kind)]


def _attributes(children: Iterable[Any]) -> dict[str, str]:
    return {key: value for block in _of(children, _Attributes) for key, value in block.pairs}


class _Build(Transformer[Token, Any]):
    """Makes the tree; methods are called by the names of rules and terminals with what they enclose."""

    # ruff: noqa: N802
    def NAME(self, token: Token) -> Name:
        return Name(str(token), token.line or 0, token.column or 0)

    def QUOTED(self, token: Token) -> Name:
        return Name(str(token)[1:-1], token.line or 0, token.column or 0, quoted=True)

    def LITERAL(self, token: Token) -> Constant:
        return Constant(str(token), token.line or 0, token.column or 0)

    def attribute(self, children: list[Any]) -> tuple[str, str]:
        value = children[1].text if children[1] is not None else ""
        quoted = isinstance(children[1], Name) and children[1].quoted
        if quoted or children[0].text.casefold() == "s7_optimized":
            raise _SiblingError(children[0], "")  # text sources have single quotes, and S7_Optimized_Access
        return children[0].text, value[1:-1] if value.startswith("'") else value

    def attributes(self, children: list[Any]) -> _Attributes:
        return _Attributes(tuple(children))

    def name_path(self, names: list[Name]) -> Name:
        first = names[0]
        return attrs.evolve(first, text=".".join(name.text for name in names)) if len(names) > 1 else first

    def named(self, children: list[Any]) -> Named:
        name = self.block_name(children)
        return Named(name.text, name.line, name.column, name.quoted)

    def block_name(self, children: list[Any]) -> Name:
        name: Name = children[0]
        if len(children) == 1:
            return name
        if name.quoted or not _NUMBERED.match(name.text) or not children[1].text.isdigit():
            raise _WrongError(children[1], f"{children[1].text} is not expected behind {name.text}")
        return attrs.evolve(name, text=name.text + children[1].text)

    def constant(self, children: list[Any]) -> Constant:
        first = children[-1]
        if isinstance(first, Constant) and len(children) == 2:  # a block by its number: FB 1234
            return attrs.evolve(first, text=f"{children[0].text} {first.text}")
        if isinstance(first, Constant):
            return first
        space = children[0].text if len(children) == 2 else ""
        return Constant(first.text, first.line, first.column, named=True, space=space)

    bound = constant

    def text(self, children: list[Any]) -> TextOf:
        return TextOf(str(children[0]), children[1], children[0].line, children[0].column)

    def range(self, children: list[Any]) -> tuple[Constant, Constant] | None:
        return (children[0], children[1]) if children else None

    def array(self, children: list[Any]) -> ArrayOf:
        keyword, *bounds, _of_keyword, element = children
        return ArrayOf(tuple(bounds), element, keyword.line, keyword.column)

    array_of_struct = array

    def struct(self, children: list[Any]) -> StructOf:
        return StructOf(tuple(_of(children, Line)), children[0].line, children[0].column)

    def reference(self, children: list[Any]) -> Reference:
        return Reference(children[1], children[0].line, children[0].column)

    def type_ref(self, children: list[Any]) -> TypeRef:
        return children[0]  # type: ignore[no-any-return]

    def shares(self, children: list[Any]) -> _Shares:
        return _Shares(children[-1])

    def start(self, children: list[Any]) -> _Start:
        return _Start(children[-1])

    def init(self, children: list[Any]) -> Init:
        if len(children) == 1 and not isinstance(children[0], Repeat):
            return children[0]  # type: ignore[no-any-return]
        line, column = _position(children[0])
        return Items(tuple(children), line, column)

    def repeat(self, children: list[Any]) -> Repeat:
        return Repeat(children[0], tuple(children[1:]))

    def array_list(self, children: list[Any]) -> Items:
        return Items(tuple(children[1:]), children[0].line, children[0].column)

    def field(self, children: list[Any]) -> tuple[Name | None, Init]:
        return (children[0], children[1]) if len(children) == 2 else (None, children[0])

    def struct_list(self, children: list[Any]) -> Fields:
        opening, *fields = children
        return Fields(tuple(field for field in fields if field is not None), opening.line, opening.column)

    def member(self, children: list[Any]) -> Line:
        names, kinds = _of(children, Name), [child for child in children if isinstance(child, _TYPES)]
        shares, starts = _of(children, _Shares), _of(children, _Start)
        return Line(
            tuple(names),
            kinds[0],
            starts[0].init if starts else None,
            shares[0].name if shares else None,
            _attributes(children),
        )

    def constant_member(self, children: list[Any]) -> Line:
        name, init = children
        return Line((name,), Named("DInt", name.line, name.column), init, None, {})

    def section(self, children: list[Any]) -> Section:
        words = [str(child).upper() for child in children if isinstance(child, Token)]
        kind, modifiers = words[0], words[1:-1]
        if kind in ("CONST", "VAR_CONST"):
            kind, modifiers = "VAR", ["CONSTANT"]
        return Section(kind, frozenset(modifiers), tuple(_of(children, Line)))

    def base(self, children: list[Any]) -> Any:
        return children[0]

    def index(self, children: list[Any]) -> list[Constant]:
        return children

    def path(self, children: list[Any]) -> tuple[Name, tuple[str | Constant, ...]]:
        steps: list[str | Constant] = []
        for child in children:
            if isinstance(child, Name):
                steps.append(child.text)
            else:
                steps += child
        return children[0], tuple(steps)

    def assignment(self, children: list[Any]) -> Assignment:
        (first, steps), value = children
        return Assignment(steps, value, first.line, first.column)

    def begin(self, children: list[Any]) -> list[Assignment]:
        return _of(children, Assignment)

    def data_block(self, children: list[Any]) -> Block:
        return _block("DATA_BLOCK", children)

    def type(self, children: list[Any]) -> Block:
        return _block("TYPE", children)

    def code_block(self, children: list[Any]) -> Block:
        kind = next(str(child).upper() for child in children if isinstance(child, Token) and child.type == "CODE_BLOCK")
        # A function's return type is no member and no base.
        return _block(kind, [child for child in children if not isinstance(child, _TYPES)])

    def value_name(self, children: list[Any]) -> Any:
        return children

    def value_type(self, children: list[Any]) -> Block:
        name, base = children[0], children[1]
        values = [child for child in children[2:] if isinstance(child, list)]
        lines = tuple(Line((pair[0],), base, pair[1], None, {}) for pair in values)
        default = next((child for child in children[2:] if isinstance(child, Constant)), None)
        sections = (Section("VALUES", frozenset(), lines),)
        return Block("VALUES", name, {}, {}, frozenset(), sections, base, default, ())

    def value_types(self, children: list[Any]) -> list[Block]:
        return _of(children, Block)

    def namespace(self, children: list[Any]) -> list[Block]:
        space = next(child for child in children if isinstance(child, Name))
        inside = _flat(children)
        if any(block.name.text.count(".") > _DEEPEST_SPACE for block in inside):
            raise _WrongError(space, f"namespaces lie more than {_DEEPEST_SPACE} levels inside one another")
        return [
            attrs.evolve(block, name=attrs.evolve(block.name, text=f"{space.text}.{block.name.text}"))
            for block in inside
        ]

    def file(self, children: list[Any]) -> list[Block]:
        return _flat(children)


_TYPES = (Named, TextOf, ArrayOf, StructOf, Reference)


class _WrongError(Exception):
    def __init__(self, at: Any, reason: str) -> None:
        super().__init__(reason)
        self.line, self.column = at.line, at.column


class _SiblingError(_WrongError):
    """This is a SIMATIC SD source."""


def _flat(children: Iterable[Any]) -> list[Block]:
    blocks: list[Block] = []
    for child in children:
        if isinstance(child, Block):
            blocks.append(child)
        elif isinstance(child, list):
            blocks += child
    return blocks


def _position(init: Init) -> tuple[int, int]:
    at = init.count if isinstance(init, Repeat) else init
    return at.line, at.column


def _block(kind: str, children: list[Any]) -> Block:
    tokens = [child for child in children if isinstance(child, Token)]
    headers = {}
    for token in tokens:
        if token.type in ("TITLE", "HEADER"):
            key, _, value = str(token).partition("=" if token.type == "TITLE" else ":")
            headers[key.strip().upper()] = value.strip()
    sections = _of(children, Section)
    bases: list[Any] = [child for child in children if isinstance(child, _TYPES)]
    if bases and isinstance(bases[0], StructOf):
        sections = [Section("STRUCT", frozenset(), bases[0].lines)]
        bases = []
    inits = [child for child in children if isinstance(child, Fields)]
    begins = [child for child in children if isinstance(child, list)]
    return Block(
        kind,
        next(child for child in children if isinstance(child, Name)),
        _attributes(children),
        headers,
        frozenset(str(token).upper() for token in tokens if token.type == "FLAG"),
        tuple(sections),
        bases[0] if bases else None,
        inits[0] if inits else None,
        tuple(begins[0]) if begins else (),
    )


@functools.cache
def _parser() -> lark.Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return lark.Lark(grammar, parser="lalr", start="file", transformer=_Build(), maybe_placeholders=True)


_SHOWN = {
    "NAME": "a name", "QUOTED": "a name in quotes", "LITERAL": "a value", "SEMICOLON": "';'", "COLON": "':'",
    "COMMA": "','", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "LBRACE": "'{'", "RBRACE": "'}'",
    "DOT": "'.'", "HASH": "'#'", "TEXT": "String", "CODE_BLOCK": "FUNCTION_BLOCK", "SECTION": "VAR",
    "FLAG": "NON_RETAIN",
    "HEADER": "VERSION", "END_CODE_BLOCK": "END_FUNCTION_BLOCK", "$END": "the end of the file", "_ASSIGN": "':='",
    "_DOTS": "'..'",
}  # fmt: skip


def _expected(terminals: Iterable[str]) -> str:
    names = sorted({_SHOWN.get(terminal, terminal) for terminal in terminals if terminal != "$END"})
    if len(names) > 6:
        return ""
    return f"; expected {', '.join(names[:-1])}{' or ' if names[1:] else ''}{names[-1]}" if names else ""


def parse(source: SourceText) -> list[Block]:
    """The blocks and types of a source, in its order.

    Raises:
        ParameterError: A syntax error, with file, line and column.
    """
    try:
        return _parser().parse(source.text)  # type: ignore[return-value]
    except lark.exceptions.UnexpectedToken as error:
        if error.token.type == "$END":
            lines = source.text.split("\n")
            where, found = (len(lines), len(lines[-1]) + 1), "the file ends here"
        else:
            where, found = (error.line, error.column), f"{_clipped(str(error.token))} is not expected here"
        raise _error(source, where, found + _expected(error.accepts or error.expected)) from None
    except lark.exceptions.UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        what = f"{_clipped(source.text[at : at + 40])} is not expected here"
        raise _error(source, (error.line, error.column), what + _expected(error.allowed or ())) from None
    except _SiblingError as wrong:
        raise SD.error(f"{source.name}:{wrong.line}:{wrong.column}") from None
    except _WrongError as wrong:
        raise _error(source, (wrong.line, wrong.column), str(wrong)) from None


def _clipped(text: str) -> str:
    text = text.split("\n")[0].strip() or "this"
    return quoted(text if len(text) <= 40 else f"{text[:37]}...")


def _error(source: SourceText, where: tuple[int, int], what: str) -> ParameterError:
    return ParameterError(what, where=f"{source.name}:{where[0]}:{where[1]}")
