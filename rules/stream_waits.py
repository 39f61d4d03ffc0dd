"""Which side streams Python waits for, each on its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from integrity.rules.facts import Call
from integrity.rules.source import Source

STREAMS = ("torch.cuda.Stream()", "cupy.cuda.Stream()", "torch.Stream()")
ENTERS = {"torch.cuda.stream", "torch.cuda.set_stream", "torch.cuda.StreamContext"}
DEVICE_JOINS = {
    "torch.cuda.synchronize",
    "torch.accelerator.synchronize",
    "cupy.cuda.runtime.deviceSynchronize",
    "cupy.cuda.Device().synchronize",
    "cupy.cuda.get_current_stream().synchronize",
}
UNKNOWN = "?"
"""Stands for any stream or event: a name that can't be followed."""
HANDLES = {f"{stream}.{name}" for stream in STREAMS for name in ("cuda_stream", "ptr")}


def is_wrapper(call: Call) -> bool:
    """Another object for the same stream."""
    return any("Stream" in name.rpartition(".")[2] for name in call.names)


@dataclass(frozen=True, slots=True)
class Join:
    """A wait, and what it waits for; None is everything."""

    call: Call
    waited_for: ast.expr | None
    is_event: bool = False


def joins_of(source: Source) -> Iterator[Join]:
    """Every wait in live code; a side stream that waits for the caller's is a fork."""
    for call in source.calls:
        receiver = call.node.func.value if isinstance(call.node.func, ast.Attribute) else None
        if call.names & DEVICE_JOINS:
            yield Join(call, None)
        elif call.method == "synchronize" and receiver is not None:
            is_stream = any("Stream" in n or "stream" in n for n in source.names(receiver))
            yield Join(call, receiver, is_event=not is_stream)
        elif call.method == "wait_event" and call.node.args:
            if not source.names(receiver or call.node) & set(STREAMS):
                yield Join(call, call.node.args[0], is_event=True)
        elif call.method == "wait" and receiver is not None:
            if any("Event" in n or "record_event" in n for n in source.names(receiver)):
                yield Join(call, receiver, is_event=True)
        elif call.method == "wait_stream" and call.node.args:
            waited_for = source.names(call.node.args[0])
            if not any("current_stream" in n or "default_stream" in n for n in waited_for):
                yield Join(call, call.node.args[0])


def waits(source: Source, join: Join, use: Call, stream: ast.expr) -> bool:
    """Whether that join, after that use, waits for that stream."""
    inside = join.call.function is use.function
    if inside and join.call.node.lineno < use.node.lineno and not _share_loop(source, join, use):
        return False
    once = join.call.function.name == "__init__" or isinstance(join.call.function.node, ast.Module)
    if not inside and once:
        return False
    if join.waited_for is None:
        return True
    wanted = _keys(source, stream)
    if join.is_event:
        recorded = _recorded_on(source, join.waited_for)
        return UNKNOWN in recorded or bool(recorded & wanted) or UNKNOWN in wanted
    waited = _keys(source, join.waited_for)
    return bool(waited & wanted) or UNKNOWN in waited


def _share_loop(source: Source, join: Join, use: Call) -> bool:
    loops = [p for p in source.parents(use.node) if isinstance(p, ast.For | ast.While)]
    return any(p is loop for p in source.parents(join.call.node) for loop in loops)


def _recorded_on(source: Source, event: ast.expr) -> set[str]:
    """Streams that an event is recorded on; unknown where it can't be told."""
    wanted, found = _keys(source, event), set[str]()
    for call in source.calls:
        if call.method == "record" and isinstance(call.node.func, ast.Attribute):
            if _keys(source, call.node.func.value) & wanted:
                given = [*call.node.args, *(k.value for k in call.node.keywords)]
                found |= _keys(source, given[0]) if given else _entered(source, call.node)
        elif call.method == "record_event" and isinstance(call.node.func, ast.Attribute):
            passed = any(_keys(source, given) & wanted for given in call.node.args)
            if passed or not call.node.args:
                found |= _keys(source, call.node.func.value)
    return found or {UNKNOWN}


def _entered(source: Source, node: ast.AST) -> set[str]:
    """The stream whose block a node stands in; the caller's if there is none."""
    for parent in source.parents(node):
        items = parent.items if isinstance(parent, ast.With) else []
        for made in (item.context_expr for item in items):
            if isinstance(made, ast.Call) and made.args and source.names(made.func) & ENTERS:
                return _keys(source, made.args[0])
    return {"the caller's"}


def _keys(source: Source, node: ast.expr, depth: int = 3) -> set[str]:
    """What tells one stream from another: where it is kept."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Call):
        is_made = source.names(node) & set(STREAMS)
        return {f"made at {node.lineno}:{node.col_offset}"} if is_made else {UNKNOWN}
    if isinstance(node, ast.Attribute):
        found = {f".{node.attr}"}
    elif isinstance(node, ast.Name):
        found = {f"{source.function_of(node).path} {node.id}"}
        scope = source.layout.place[node].scope.find(node.id)
        if scope is None:
            return {UNKNOWN}
        found = {f"{id(scope)} {node.id}"}
        if any(b.parameter or b.element for b in scope.bindings[node.id]):
            found.add(UNKNOWN)  # a parameter or an item: one of several
    else:
        return {UNKNOWN}
    for value in source.assigned(node) if depth else []:
        if isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            found |= _keys(source, value, depth - 1)
    return found
