"""C++ and CUDA that a submission carries, as a `.cu` file or in Python strings.

tree-sitter parses it into facts: calls, kernels, launches, static declarations. It does no
preprocessing, so macro bodies are read token by token and `#define`d calls are still seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from integrity.finding import Span

if TYPE_CHECKING:
    from integrity.rules.source import Source

MARKS = (
    "__global__",
    "#include",
    "torch::Tensor",
    "at::Tensor",
    'extern "C"',
    "<<<",
    "__device__",
    "#define",
    "float *",
    "float* ",
    "const float",
    "PyObject",
    "cudaStream",
)
MAX_TOKENS = 20_000
PARSERS = (
    "load_inline",
    "RawKernel",
    "RawModule",
    "nvrtcCreateProgram",
    "SourceModule",
    "Program",
    "compile_with_cache",
    "_compile_kernel",
)

QUERY = """
(call_expression function: (_) @callee) @call
(kernel_call_syntax) @launch
(function_definition) @function
(declaration) @declaration
(preproc_def) @define
(preproc_function_def) @define
"""


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """A call in C++: what is called, as written, without template arguments."""

    name: str
    arguments: str
    span: Span

    @property
    def last(self) -> str:
        """The name without its namespace or receiver."""
        return self.name.replace("->", ".").replace("::", ".").rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class DeviceFunction:
    """A function in C++; `text` holds all of it."""

    head: str
    text: str
    span: Span

    @property
    def is_kernel(self) -> bool:
        return "__global__" in self.head


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A declaration or a macro."""

    text: str
    span: Span


@dataclass(slots=True)
class DeviceCode:
    """Facts about all C++ and CUDA in one submission."""

    texts: list[str] = field(default_factory=list)
    calls: list[DeviceCall] = field(default_factory=list)
    functions: list[DeviceFunction] = field(default_factory=list)
    launches: list[DeviceLine] = field(default_factory=list)
    declarations: list[DeviceLine] = field(default_factory=list)
    macros: list[DeviceLine] = field(default_factory=list)

    def calls_to(self, names: Iterable[str]) -> list[DeviceCall]:
        """Calls of those functions, whatever namespace or receiver they are reached by."""
        wanted = frozenset(names)
        return [call for call in self.calls if call.last in wanted or call.name in wanted]


@dataclass(frozen=True, slots=True)
class Fragment:
    """One piece of C++ and where it starts in the file."""

    text: str
    whole: Span
    line: int = 0
    column: int = 0
    exact: bool = False
    """Whether lines of the text are lines of the file."""

    def span(self, start: tuple[int, int], end: tuple[int, int]) -> Span:
        if not self.exact:
            return self.whole
        first, last = (self._place(*point) for point in (start, end))
        return Span(*first, *last)

    def _place(self, row: int, column: int) -> tuple[int, int]:
        return self.line + row, column + (self.column if row == 0 else 1)


def device_code(source: Source) -> DeviceCode:
    """Everything that C++ in the submission does."""
    code = DeviceCode()
    for fragment in fragments(source):
        read(fragment, code)
    return code


def fragments(source: Source) -> Iterator[Fragment]:
    """The `.cu` file itself, or strings that look like C++ or reach a compiler."""
    if source.is_cuda:
        yield Fragment(source.text, Span(1, 1, 1, 2), 1, 1, exact=True)
        return
    seen = set[str]()
    for node in _candidates(source):
        for text in sorted(source.strings(node)):
            if text not in seen and looks_like_cuda(text):
                seen.add(text)
                yield _fragment(source, node, text)


def _candidates(source: Source) -> Iterator[ast.expr]:
    for node in source.live_nodes:
        if isinstance(node, ast.Call):
            yield from _compiled(source, node)
        elif isinstance(node, ast.JoinedStr | ast.BinOp):
            if not isinstance(source.parent(node), ast.BinOp):
                yield node
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [] if node in source.documentation else [node]


def _compiled(source: Source, node: ast.Call) -> Iterator[ast.expr]:
    if not any(name.rsplit(".", 1)[-1] in PARSERS for name in source.names(node.func)):
        return
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        if isinstance(argument, ast.List):
            yield from argument.elts
        elif not isinstance(argument, ast.Constant):
            yield argument


def looks_like_cuda(text: str) -> bool:
    return any(mark in text for mark in MARKS)


def _fragment(source: Source, node: ast.expr, text: str) -> Fragment:
    whole = source.span(node)
    if not isinstance(node, ast.Constant):
        return Fragment(text, whole)
    lines = whole.end_line - whole.line
    head = source.lines[whole.line - 1][whole.column - 1 :][:8]
    opening = next((q for q in ('"""', "'''") if q in head[:5]), head[:1])
    column = whole.column + head.find(opening) + len(opening)
    return Fragment(text, whole, whole.line, column, exact=lines == text.count("\n"))


@cache
def _grammar() -> tuple[Any, Any]:
    import tree_sitter_cuda
    from tree_sitter import Language, Parser, Query

    language = Language(tree_sitter_cuda.language())
    return Parser(language), Query(language, QUERY)


def read(fragment: Fragment, code: DeviceCode) -> None:
    """Parse one fragment and add what it does."""
    from tree_sitter import QueryCursor

    parser, query = _grammar()
    text = fragment.text.replace("\\\r\n", "  ").replace("\\\n", "")
    if text != fragment.text:
        fragment = Fragment(text, fragment.whole)
    raw = text.encode(errors="replace")
    code.texts.append(text)
    tree = parser.parse(raw)
    for _, captures in QueryCursor(query).matches(tree.root_node):
        for kind, nodes in captures.items():
            if kind != "callee":
                _RECORD[kind](code, fragment, nodes[0], captures)


def _span(fragment: Fragment, node: Any) -> Span:
    start, end = node.start_point, node.end_point
    return fragment.span((start.row, start.column), (end.row, end.column))


def _text(node: Any) -> str:
    return str(node.text.decode(errors="replace")) if node is not None else ""


def _call(code: DeviceCode, fragment: Fragment, node: Any, captures: dict[str, list[Any]]) -> None:
    name = "".join(_text(captures["callee"][0]).split("<", 1)[0].split())
    arguments = _text(node.child_by_field_name("arguments"))[:2000]
    code.calls.append(DeviceCall(name[-200:], arguments, _span(fragment, node)))


def _launch(code: DeviceCode, fragment: Fragment, node: Any, _: dict[str, list[Any]]) -> None:
    code.launches.append(DeviceLine(_text(node)[:2000], _span(fragment, node)))


def _function(code: DeviceCode, fragment: Fragment, node: Any, _: dict[str, list[Any]]) -> None:
    text = _text(node)
    body = node.child_by_field_name("body")
    head = text[: body.start_byte - node.start_byte] if body is not None else text
    code.functions.append(DeviceFunction(head[:2000], text[:50_000], _span(fragment, node)))


def _declaration(code: DeviceCode, fragment: Fragment, node: Any, _: dict[str, list[Any]]) -> None:
    text = _text(node)[:2000]
    code.declarations.append(DeviceLine(text, _span(fragment, node)))
    # `std::thread t(f);` declares, and calls at the same time
    named = node.child_by_field_name("type")
    if named is not None and "std::" in text[:40]:
        name = _text(named)[:100]
        code.calls.append(DeviceCall(name, text, _span(fragment, node)))


def _define(code: DeviceCode, fragment: Fragment, node: Any, _: dict[str, list[Any]]) -> None:
    value = _text(node.child_by_field_name("value"))[:MAX_TOKENS]
    code.macros.append(DeviceLine(_text(node)[:2000], _span(fragment, node)))
    for name in identifiers(value):
        code.calls.append(DeviceCall(name, value[:200], _span(fragment, node)))


def identifiers(text: str) -> list[str]:
    """Words of a macro's body, `::` and `.` kept inside."""
    cleaned = "".join(c if c.isalnum() or c in "_:." else " " for c in text)
    return cleaned.split()[:500]


_RECORD = {
    "call": _call,
    "launch": _launch,
    "function": _function,
    "declaration": _declaration,
    "define": _define,
}
