"""Reads one piece of C++ with tree-sitter and adds what it does to the facts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from integrity.rules.device_defeat import MAX_DEPTH, is_ambiguous, is_deep, is_torn
from integrity.rules.device_facts import (
    Assignment,
    DeviceCall,
    DeviceCode,
    DeviceFunction,
    DeviceLine,
    Launch,
    Slice,
)
from integrity.rules.device_text import Piece, identifiers, without_digraphs

MAX_WORDS_OF_A_MACRO = 500
MAX_BYTES_OF_A_MACRO = 20_000

QUERY = """
(call_expression) @call
(new_expression) @new
(kernel_call_syntax) @launch
(function_definition) @function
(declaration) @declaration
(field_declaration) @field
(assignment_expression) @assignment
(update_expression) @update
(return_statement) @return
(if_statement) @if
(case_statement) @branch
(for_statement) @loop
(for_range_loop) @loop
(while_statement) @loop
(do_statement) @loop
(gnu_asm_expression) @assembly
(preproc_def) @define
(preproc_function_def) @define
"""

Captures = dict[str, list[Any]]
RUNTIME_LAUNCHES = {
    "cudaLaunchKernel": (0, (1, 2, 4, 5), 3),
    "cudaLaunchCooperativeKernel": (0, (1, 2, 4, 5), 3),
    "hipLaunchKernelGGL": (0, (1, 2, 3, 4), 5),
    "hipLaunchKernel": (0, (1, 2, 4, 5), 3),
    "cuLaunchKernel": (0, (1, 4, 7, 8), 9),
    "cudaLaunchKernelEx": (1, (), 2),
    "cudaLaunchKernelExC": (1, (), 2),
}
"""Where the kernel, the configuration and the first argument stand."""


CHUNK_BYTES = 1 << 16


@cache
def _grammar() -> tuple[Any, Any]:
    import tree_sitter_cuda
    from tree_sitter import Language, Parser, Query

    language = Language(tree_sitter_cuda.language())
    return Parser(language), Query(language, QUERY)


def _captured(raw: bytes, code: DeviceCode) -> tuple[Any, Captures] | None:
    """The tree and what the query finds in it, or None where the time for it is spent.

    The parser recovers from errors in time that is not linear: 100 KB of broken text can take
    seconds where 1 MB of real code takes a tenth of one.
    """
    from tree_sitter import QueryCursor

    parser, query = _grammar()
    start = time.thread_time()

    def spent(*_: object) -> bool:
        return time.thread_time() - start > code.patience_s

    try:
        tree = parser.parse(lambda at, _: raw[at : at + CHUNK_BYTES], progress_callback=spent)
    except ValueError:  # how the binding says that it was told to stop
        parser.reset()
        code.patience_s = 0.0
        return None
    if is_torn(tree.root_node) or is_deep(tree.root_node):
        return None
    cursor = QueryCursor(query)
    cursor.set_max_start_depth(MAX_DEPTH)  # its time is quadratic in the depth
    captures = cursor.captures(tree.root_node)
    code.patience_s -= time.thread_time() - start
    return tree.root_node, captures


def read(piece: Piece, code: DeviceCode) -> None:
    """Parse one piece and add what it does; one that defeats the parser is `unread`."""
    code.texts.append(piece.source)
    code.pieces.append(piece)
    raw = without_digraphs(piece.raw)
    parsed = None if is_ambiguous(raw) else _captured(raw, code)
    if parsed is None:
        code.unread.append(piece)
        return
    root, captures = parsed
    functions = _outermost(_function(piece, node) for node in captures.get("function", ()))
    owners = _Owners(functions, root.has_error)
    code.functions += functions
    _add_calls(piece, code, captures, owners)
    _add_state(piece, code, captures, owners)
    _add_blocks(piece, code, captures)
    for node in captures.get("define", ()):
        _add_macro(piece, code, node)


def _outermost(functions: Iterable[DeviceFunction]) -> list[DeviceFunction]:
    """Without what only looks like one: `CUDA_KERNEL_LOOP(i, n) { ... }`, `class API Name { }`."""
    found: list[DeviceFunction] = []
    for function in sorted(functions, key=lambda function: (function.start, -function.end)):
        is_class = function.head.startswith(("class ", "struct ", "union ", "namespace "))
        if not is_class and (not found or function.start >= found[-1].end):
            found.append(function)
    return found


class _Owners:
    """The function around a node."""

    def __init__(self, functions: list[DeviceFunction], broken: bool) -> None:
        self.functions = functions
        self.broken = broken
        """Whether the parser gave up on part of the text."""

    def sweep(self, nodes: list[Any]) -> Iterator[tuple[Any, DeviceFunction | None]]:
        """Every node, in the order of the text, with the function it stands in."""
        at, last = 0, len(self.functions)
        for node in sorted(nodes, key=_in_text):
            start = node.start_byte
            while at < last and self.functions[at].end <= start:
                at += 1
            inside = at < last and self.functions[at].start < start
            yield node, self.functions[at] if inside else None


def _in_text(node: Any) -> tuple[int, int]:
    return node.start_byte, -node.end_byte


def _function(piece: Piece, node: Any) -> DeviceFunction:
    body = node.child_by_field_name("body")
    start = body.start_byte if body is not None else node.end_byte
    declarator = node.child_by_field_name("declarator")
    for _ in range(8):
        if declarator is None or declarator.type == "function_declarator":
            break
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.named_child_count:
            inner = declarator.named_children[-1]
        declarator = inner
    function = DeviceFunction(piece, node.start_byte, node.end_byte, body=start)
    if declarator is not None:
        named = declarator.child_by_field_name("declarator")
        given = declarator.child_by_field_name("parameters")
        function.name = _name_of(piece, named)
        if given is not None:
            function.bounds = given.start_byte, given.end_byte
    return function


def _name_of(piece: Piece, node: Any) -> str:
    if node is None:
        return ""
    text = piece.text(node.start_byte, node.end_byte).partition("<")[0]
    return "".join(text.split()).rpartition("::")[2][-100:]


def _add_calls(piece: Piece, code: DeviceCode, captures: Captures, owners: _Owners) -> None:
    for node, owner in owners.sweep(captures.get("call", []) + captures.get("new", [])):
        given = node.child_by_field_name("arguments")
        callee = node.child_by_field_name("function") or node.child_by_field_name("type")
        bounds = (given.start_byte, given.end_byte) if given is not None else (0, 0)
        name = _callee(piece, callee)
        call = DeviceCall(piece, node.start_byte, node.end_byte, name, bounds, owner)
        _add_call(code, call)
    for node, owner in owners.sweep(captures.get("launch", [])):
        _add_launch(piece, code, node, owner)


def _add_call(code: DeviceCode, call: DeviceCall) -> None:
    code.calls.append(call)
    if call.function is not None:
        call.function.calls.append(call)
    shape = RUNTIME_LAUNCHES.get(call.last)
    if shape is None:
        return
    at, configuration, first = shape
    kernel = call.argument(at).rpartition(")")[2].partition("<")[0].strip("& ")
    kernel = kernel or (identifiers(call.argument(at)) or [""])[-1]
    given = [call.argument(index) for index in configuration]
    start = call.start + max(call.piece.text(call.start, call.end).find("("), 0)
    launch = Launch(call.piece, call.start, call.end, kernel, given, (start, call.end))
    launch.given = call.given[first:]
    _keep_launch(code, launch, call.function)


def _keep_launch(code: DeviceCode, launch: Launch, owner: DeviceFunction | None) -> None:
    launch.function = owner
    code.launches.append(launch)
    if owner is not None:
        owner.launches.append(launch)


def _add_launch(piece: Piece, code: DeviceCode, node: Any, owner: DeviceFunction | None) -> None:
    call = node.parent
    callee = call.child_by_field_name("function") if call is not None else None
    given = call.child_by_field_name("arguments") if call is not None else None
    kernel = _callee(piece, callee).rpartition("::")[2] if callee is not None else ""
    configuration = [
        piece.text(part.start_byte, part.end_byte)
        for part in node.named_children
        if part.type != "comment"
    ]
    end = given.end_byte if given is not None else node.end_byte
    start = callee.start_byte if callee is not None else node.start_byte
    bounds = (given.start_byte, given.end_byte) if given is not None else (0, 0)
    _keep_launch(code, Launch(piece, start, end, kernel, configuration, bounds), owner)


def _callee(piece: Piece, node: Any) -> str:
    if node is None:
        return ""
    field = node.child_by_field_name("field") if node.type == "field_expression" else None
    if field is None:
        text = piece.text(node.start_byte, node.end_byte).partition("<")[0]
        return "".join(text.split())[-200:]
    receiver = "".join(piece.text(node.start_byte, field.start_byte).split())
    method = piece.text(field.start_byte, field.end_byte).partition("<")[0].strip()
    return receiver[-200:] + method


def _add_state(piece: Piece, code: DeviceCode, captures: Captures, owners: _Owners) -> None:
    nodes = captures.get("declaration", []) + captures.get("field", [])
    for node, owner in owners.sweep(nodes):
        line = DeviceLine(piece, node.start_byte, node.end_byte, owner)
        if owner is None and not line.is_static and not _is_at_file_scope(node, owners.broken):
            continue
        code.declarations.append(line)
        if owner is not None:
            owner.declarations.append(line)
        kind = node.child_by_field_name("type")
        if kind is not None and "std::" in line.text[:60]:  # `std::thread t(f);` calls as well
            bounds = (line.start, line.end)
            name = "".join(piece.text(kind.start_byte, kind.end_byte).partition("<")[0].split())
            _add_call(code, DeviceCall(piece, line.start, line.end, name, bounds, owner))
    for node, owner in owners.sweep(captures.get("assignment", []) + captures.get("update", [])):
        left = node.child_by_field_name("left")
        end = left.end_byte if left is not None else node.end_byte
        made = Assignment(piece, node.start_byte, node.end_byte, end, owner)
        if owner is not None:
            owner.assignments.append(made)
    for node, owner in owners.sweep(captures.get("return", [])):
        if owner is not None:
            owner.returns.append(DeviceLine(piece, node.start_byte, node.end_byte, owner))
    for node, owner in owners.sweep(captures.get("assembly", [])):
        line = DeviceLine(piece, node.start_byte, node.end_byte, owner)
        code.assembly.append(line)
        if owner is not None:
            owner.assembly.append(line)


def _is_at_file_scope(node: Any, broken: bool) -> bool:
    """Not a member: those of a class that the parser does not see as one look like variables."""
    parent = node.parent
    if broken and node.start_point.column > 0:
        return False
    return parent is not None and (
        parent.type in {"translation_unit", "declaration_list", "linkage_specification"}
        or parent.type.startswith("preproc")
    )


def _add_blocks(piece: Piece, code: DeviceCode, captures: Captures) -> None:
    for node in captures.get("if", ()):
        condition = node.child_by_field_name("condition")
        body = node.child_by_field_name("consequence")
        if condition is None or body is None:
            continue
        branch = Slice(piece, body.start_byte, body.end_byte)
        code.branches.append(branch)
        code.opened_by[branch] = Slice(piece, condition.start_byte, condition.end_byte)
        other = node.child_by_field_name("alternative")
        if other is not None:
            code.branches.append(Slice(piece, other.start_byte, other.end_byte))
    for node in captures.get("branch", ()):
        code.branches.append(Slice(piece, node.start_byte, node.end_byte))
    for node in captures.get("loop", ()):
        code.loops.append(Slice(piece, node.start_byte, node.end_byte))


def _add_macro(piece: Piece, code: DeviceCode, node: Any) -> None:
    code.macros.append(DeviceLine(piece, node.start_byte, node.end_byte))
    value = node.child_by_field_name("value")
    if value is None:
        return
    start, end = value.start_byte, min(value.end_byte, value.start_byte + MAX_BYTES_OF_A_MACRO)
    for name in _dotted(piece.code(start, end)):
        call = DeviceCall(piece, node.start_byte, node.end_byte, name, (start, end), in_macro=True)
        code.calls.append(call)


def _dotted(text: str) -> list[str]:
    """Words of a macro's body, `::` and `.` kept inside."""
    cleaned = "".join(c if c.isalnum() or c in "_:." else " " for c in text)
    return [word for word in cleaned.split()[:MAX_WORDS_OF_A_MACRO] if not word[0].isdigit()]
