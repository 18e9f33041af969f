"""Single small changes to a source file: which there are, and what the file looks like with one of them.

A change is cut into the text, so that everything else keeps its place. What decides nothing is left alone: annotations,
docstrings, texts of messages, how a value prints itself.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

__all__ = ["Mutant", "mutants"]

_COMPARE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}  # fmt: skip
# Keywords that say how something looks or what to do about it; the words are checked by people.
_WORDS: Final = frozenset({"repr", "kw_only", "eq", "where", "remedy", "what", "name"})
# Functions that only describe.
_DESCRIBING: Final = frozenset({"__repr__", "__str__", "page"})
# Calls whose arguments are words for people.
_SPEAKING: Final = frozenset({"debug", "info"})


@attrs.frozen(kw_only=True)
class Mutant:
    """One change.

    Attributes:
        file: Path as given.
        function: Qualified name of the outermost function that holds it, empty outside of functions (tables, classes).
        first: First line of that function, decorators included; 0 outside of functions.
        body: First and last line of its body; 0 and 0 outside of functions.
        line: Where the change is.
        kind: Name of the operator.
        old, new: The text before and after, on one line.
        context: The line that it is in.
        start, end: Byte offsets of what is replaced.
        text: The replacement.
    """

    file: str
    function: str
    first: int
    body: tuple[int, int]
    line: int
    kind: str
    old: str
    new: str
    context: str
    start: int
    end: int
    text: str

    @property
    def mutation(self) -> str:
        """What is changed, without line numbers: what a row of the table of explanations is found by."""
        return f"{self.kind}: {self.old} -> {self.new}" + (f" | {self.context}" if self.context != self.old else "")

    def apply(self, source: bytes) -> bytes:
        """The file with this change."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """The change as people read changes."""
        before, after = (text.decode().splitlines() for text in (source, self.apply(source)))
        return "\n".join(difflib.unified_diff(before, after, self.file, self.file, lineterm="", n=1))


def mutants(source: bytes, file: str) -> list[Mutant]:
    """Every change to a file, in the order of the text."""
    found = _Finder(source, file)
    found.visit(ast.parse(source))
    return sorted(found.mutants, key=lambda one: (one.start, one.end, one.kind, one.new))


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes, file: str) -> None:
        self._source, self._file = source, file
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._names: list[str] = []
        self._function = ("", 0, (0, 0))
        self.mutants: list[Mutant] = []

    # -- one change ----------------------------------------------------------------------------------------------

    def _at(self, node: Any) -> tuple[int, int]:
        start = self._lines[node.lineno - 1] + node.col_offset
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset

    def _add(self, node: Any, kind: str, text: str, *, span: tuple[int, int] | None = None) -> None:
        start, end = span or self._at(node)
        old = " ".join(self._source[start:end].decode().split())
        context = self._source[self._lines[node.lineno - 1] : self._lines[node.lineno]].decode().strip()
        name, first, body = self._function
        self.mutants.append(
            Mutant(
                file=self._file, function=name, first=first, body=body, line=node.lineno, kind=kind, old=old[:200],
                new=" ".join(text.split())[:200], context=context[:200], start=start, end=end, text=text,
            )
        )  # fmt: skip

    def _swap(self, node: Any, kind: str, **changes: Any) -> None:
        fields: dict[str, Any] = dict(ast.iter_fields(node))
        text = ast.unparse(type(node)(**{**fields, **changes}))
        self._add(node, kind, f"({text})" if isinstance(node, ast.expr) else text)

    # -- where one is --------------------------------------------------------------------------------------------

    def _inside(self, node: Any, visit: Callable[[], None]) -> None:
        self._names.append(node.name)
        before = self._function
        if not isinstance(node, ast.ClassDef) and not before[0]:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            self._function = (".".join(self._names), first, (node.body[0].lineno, node.end_lineno))
        visit()
        self._function = before
        self._names.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node, lambda: self._body(node.body))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):  # evaluated where it is defined
            self.visit(default)
        if node.name not in _DESCRIBING:
            self._inside(node, lambda: self._body(node.body))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    # -- what decides nothing ---------------------------------------------------------------------------------------

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """For the type checker."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """A message."""

    # -- statements -----------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):  # a docstring
            return
        if not (isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in _SPEAKING):
            self._add(node, "statement", "pass")
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        targets = [ast.unparse(target) for target in node.targets]
        if "__all__" in targets:
            return
        # Without its assignment a name is mostly an error at once; a member keeps its old value.
        if any("." in target or "[" in target for target in targets):
            self._add(node, "statement", "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(node, "statement", "pass")
        if type(node.op) in _ARITHMETIC:
            self._swap(node, "arithmetic", op=_ARITHMETIC[type(node.op)]())
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            # In the place of False, None means the same to everybody who asks.
            if not (isinstance(node.value, ast.Constant) and (node.value.value is None or node.value.value is False)):
                self._add(node.value, "return", "None")
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add(node, "statement", "pass")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._add(node, "statement", "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(node, "statement", "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._add(node, "statement", "pass")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        first, last = node.body[0], node.body[-1]
        if not isinstance(first, ast.Raise):
            self._add(first, "handler", "raise", span=(self._at(first)[0], self._at(last)[1]))
        self._body(node.body)

    # -- expressions ----------------------------------------------------------------------------------------------

    def _condition(self, node: ast.If | ast.While | ast.IfExp) -> None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if not isinstance(node.test, ast.Constant):
            self._add(node.test, "condition", _not(node.test))
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = _condition

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._add(test, "condition", _not(test))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for at, one in enumerate(node.ops):
            if type(one) in _COMPARE:
                ops = [*node.ops[:at], _COMPARE[type(one)](), *node.ops[at + 1 :]]
                self._swap(node, "comparison", ops=ops)
        self._deciding(node.left, *node.comparators)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._swap(node, "boolean", op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        words = any(isinstance(one, ast.JoinedStr) or _is_text(one) for one in (node.left, node.right))
        if type(node.op) in _ARITHMETIC and not words:
            self._swap(node, "arithmetic", op=_ARITHMETIC[type(node.op)]())
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            self._add(node, "unary", f"({ast.unparse(node.operand)})")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg in _WORDS:
                continue
            if keyword.arg is not None:
                self._without(node, keyword)
            self.visit(keyword.value)
        self.visit(node.func)
        for argument in node.args:
            self.visit(argument)

    def _without(self, node: ast.Call, keyword: ast.keyword) -> None:
        rest = [one for one in node.keywords if one is not keyword]
        start, end = self._at(keyword)
        # The comma goes too: the one behind, if there is one before the closing bracket.
        behind = self._source[end : self._at(node)[1]]
        blank = len(behind) - len(behind.lstrip(b" \n"))
        comma = blank + 1 if behind[blank : blank + 1] == b"," else 0
        if not comma and (rest or node.args):
            start = self._source.rindex(b",", 0, start)
        self._add(keyword, "keyword", "", span=(start, end + comma))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._add(node, "constant", str(not node.value))
        elif isinstance(node.value, int | float):
            self._add(node, "constant", f"({node.value + 1!r})")
        elif isinstance(node.value, bytes) and node.value:
            self._add(node, "constant", f"({node.value[:-1]!r})")

    def _deciding(self, *values: ast.expr) -> None:
        """Texts that are compared decide something; others are words."""
        for value in values:
            for one in _texts(value):
                self._add(one, "constant", f"({one.value + 'x'!r})" if one.value else "('x')")
            self.visit(value)

    def visit_Dict(self, node: ast.Dict) -> None:
        self._deciding(*(key for key in node.keys if key is not None))
        for value in node.values:
            self.visit(value)

    def visit_MatchValue(self, node: ast.MatchValue) -> None:
        self._deciding(node.value)


def _not(node: ast.expr) -> str:
    return f"({ast.unparse(ast.UnaryOp(ast.Not(), node))})"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _texts(node: ast.expr) -> Iterator[Any]:
    inner = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    yield from (one for one in inner if _is_text(one))
