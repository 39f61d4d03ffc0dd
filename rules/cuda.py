"""C++, CUDA and PTX that a submission carries, as a `.cu` file or in Python strings.

tree-sitter parses what macros expand to into facts: calls, kernels, launches, state. Text is read
if it reaches a compiler, if the submission writes it to a file, or if it looks like C++.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrity.finding import Span
from integrity.rules.device_facts import DeviceCall, DeviceCode, DeviceFunction, DeviceLine, Launch
from integrity.rules.device_text import Piece
from integrity.rules.device_tree import read
from integrity.rules.literal import lines_of, rows_of
from integrity.rules.preprocess import expand
from integrity.rules.ptx import looks_like_ptx

if TYPE_CHECKING:
    from integrity.rules.facts import Call
    from integrity.rules.source import Source

__all__ = ["DeviceCall", "DeviceCode", "DeviceFunction", "DeviceLine", "Launch", "device_code"]

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
COMPILERS = {
    "load_inline",
    "RawKernel",
    "RawModule",
    "ElementwiseKernel",
    "ReductionKernel",
    "nvrtcCreateProgram",
    "SourceModule",
    "Program",
    "compile_with_cache",
    "_compile_kernel",
    "cuModuleLoadData",
    "write_text",
    "cdef",
    "set_source",
}
WRITES = {"write", "write_bytes", "writelines"}
MAX_ARGUMENT_NODES = 12


def device_code(source: Source) -> DeviceCode:
    """Everything that C++ in the submission does."""
    code = DeviceCode()
    for piece in pieces(source):
        if looks_like_ptx(piece.source) and "__global__" not in piece.source:
            code.texts.append(piece.source)
            code.ptx.append(piece)
        else:
            read(_expanded(piece), code)
    return code


def _expanded(piece: Piece) -> Piece:
    made = expand(piece.source)
    if not made.origins:
        piece.capped = made.capped
        return piece
    return Piece(made.text, piece.whole, piece.rows, made.origins, original=piece.source)


def pieces(source: Source) -> Iterator[Piece]:
    """The `.cu` file itself, or strings that look like C++ or reach a compiler."""
    if source.is_cuda:
        yield Piece(source.text, Span(1, 1, 1, 2), lambda: lines_of(source.text))
        return
    seen = set[str]()
    for node, text in _candidates(source):
        if text not in seen | source.python_texts and looks_like_cuda(text):
            seen.add(text)
            yield _piece(source, node, text)


def _candidates(source: Source) -> Iterator[tuple[ast.expr, str]]:
    """Strings that may be C++: literals first, since their places are exact."""
    for node, text in source.texts:
        if len(text) > 8:
            yield node, text
    for call in source.calls:
        for argument in _compiled(call):
            yield from ((argument, text) for text in sorted(source.strings(argument)))


def _compiled(call: Call) -> Iterator[ast.expr]:
    """Arguments of a compiler, or of a write; names stand for what they are bound to."""
    named = any(name.rsplit(".", 1)[-1] in COMPILERS for name in call.names)
    if not named and call.method not in COMPILERS and call.method not in WRITES:
        return
    node = call.node
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        if isinstance(argument, ast.List | ast.Tuple):
            yield from argument.elts[:MAX_ARGUMENT_NODES]
        elif not isinstance(argument, ast.Constant):
            yield argument


def looks_like_cuda(text: str) -> bool:
    return any(mark in text for mark in MARKS) or looks_like_ptx(text)


def _piece(source: Source, node: ast.expr, text: str) -> Piece:
    whole = source.span(node)
    if not isinstance(node, ast.Constant):
        node, whole = _spelled_by(source, node, text) or node, whole
    if not isinstance(node, ast.Constant):
        return Piece(text, whole)
    span = source.span(node)
    return Piece(text, span, lambda: rows_of(source.lines, span, text))


def _spelled_by(source: Source, node: ast.expr, text: str) -> ast.Constant | None:
    """The literal behind a name, if it spells just that text."""
    for value in source.assigned(node):
        if isinstance(value, ast.Constant) and value.value == text:
            return value
    return None
