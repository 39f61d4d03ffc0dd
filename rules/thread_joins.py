"""Which threads, processes and pools are waited for, each on its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from integrity.rules.device_facts import DeviceCall, DeviceCode
from integrity.rules.device_text import identifiers
from integrity.rules.facts import Call
from integrity.rules.source import Source

JOINS = {"join", "result", "wait", "get", "starmap", "apply", "exception"}
WAITING_CALLS = {
    "concurrent.futures.wait",
    "concurrent.futures.as_completed",
    "asyncio.wait",
    "asyncio.gather",
    "asyncio.run",
}
STARTS = {"submit", "map", "apply_async", "map_async", "starmap_async", "imap"}
UNKNOWN = "?"

NATIVE = {"std::thread", "thread"}
FUTURES = {"std::async", "async"}
NATIVE_JOINS = {"join", "pthread_join", "get", "wait", "joinable", "wait_for"}


class Waits:
    """Waits in live code, by the name of what is waited for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.waited = set[str]()
        for call in source.calls:
            self._note(call)

    def wait_for(self, started: Call) -> bool:
        """Whether something waits for that thread, process or pool; in doubt, yes."""
        node: ast.AST = started.node
        holder = self.source.parent(node)
        if isinstance(holder, ast.withitem | ast.Await | ast.Return):
            return True
        if isinstance(holder, ast.Attribute):  # `Thread(...).start()`: nobody can wait for it
            return holder.attr not in {"start", *STARTS} or self._is_used(holder)
        if isinstance(holder, ast.Expr):
            return started.method in {"spawn"} or bool(started.names & BLOCKING)
        keys = self._bound_to(node)
        if not keys:
            return bool(self.waited)  # passed on: whoever has it may wait
        return bool(keys & self.waited) or self._in_with(keys) or self._results_are_used(keys)

    def _is_used(self, method: ast.Attribute) -> bool:
        """Whether the result of calling a method of it goes anywhere."""
        call = self.source.parent(method)
        return not isinstance(self.source.parent(call) if call else None, ast.Expr)

    def _bound_to(self, node: ast.AST) -> set[str]:
        """Names and attributes that hold it, or a list of it."""
        for parent in self.source.parents(node):
            if isinstance(parent, ast.Assign):
                return {key for target in parent.targets for key in _keys(target)}
            if isinstance(parent, ast.AnnAssign | ast.NamedExpr):
                return set(_keys(parent.target))
            if isinstance(parent, ast.stmt | ast.Lambda):
                return set()
            if isinstance(parent, ast.Call):
                return set()
        return set()

    def _in_with(self, keys: set[str]) -> bool:
        items = self.source.live(ast.withitem)
        return any(keys & set(_keys(item.context_expr)) for item in items)

    def _results_are_used(self, keys: set[str]) -> bool:
        """Futures of a pool that are waited for, or go where they may be."""
        pending = [
            call
            for call in self.source.calls
            if call.method in STARTS and keys & set(_keys(_receiver(call)))
        ]
        return bool(pending) and all(self._is_consumed(call) for call in pending)

    def _is_consumed(self, call: Call) -> bool:
        if isinstance(self.source.parent(call.node), ast.Expr):
            return False
        keys = self._bound_to(call.node)
        return not keys or bool(keys & self.waited) or UNKNOWN in self.waited

    def _note(self, call: Call) -> None:
        given = [*call.node.args, *(k.value for k in call.node.keywords)]
        if call.names & WAITING_CALLS:
            self.waited |= {key for argument in given for key in _keys(argument)}
        elif call.method == "shutdown":
            if not any(_is_false(argument) for argument in given):
                self.waited |= self._held(_receiver(call))
        elif call.method in JOINS and not (call.method == "join" and self._joins_text(call)):
            self.waited |= self._held(_receiver(call))

    def _joins_text(self, call: Call) -> bool:
        """`", ".join(parts)`: a thread's `join` takes nothing, or seconds."""
        return any(not _is_number(argument) for argument in call.node.args)

    def _held(self, node: ast.expr | None) -> set[str]:
        """What a receiver is called, and the lists that it is an item of."""
        found = set(_keys(node))
        if not isinstance(node, ast.Name):
            return found or {UNKNOWN}
        place = self.source.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        for binding in scope.bindings[node.id] if scope else []:
            if binding.element is not None:
                found |= set(_keys(binding.element[0])) or {UNKNOWN}
            elif binding.parameter is not None:
                found.add(UNKNOWN)
        return found


BLOCKING = {"torch.multiprocessing.spawn"}


def _receiver(call: Call) -> ast.expr | None:
    return call.node.func.value if isinstance(call.node.func, ast.Attribute) else None


def _keys(node: ast.AST | None) -> Iterator[str]:
    """What a thing is called: a name, an attribute, or those in a tuple."""
    while isinstance(node, ast.Subscript | ast.Starred | ast.Await):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield f".{node.attr}"
    elif isinstance(node, ast.Tuple | ast.List):
        for item in node.elts:
            yield from _keys(item) if not isinstance(item, ast.Tuple | ast.List) else ()
    elif isinstance(node, ast.Call):
        for argument in node.args[:2]:  # `reversed(threads)`, `zip(threads, parts)`
            if isinstance(argument, ast.Name | ast.Attribute):
                yield from _keys(argument)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def native_threads(code: DeviceCode) -> Iterator[tuple[DeviceCall, str]]:
    """Threads of C++ that nothing waits for, and what becomes of them."""
    joined = _joined(code)
    for call in code.calls:
        if call.in_macro or not any(mark in call.text for mark in "({="):
            continue  # `std::thread worker;` starts nothing
        if call.name in NATIVE or call.name == "std::jthread":
            yield from _thread(code, call, joined)
        elif call.name in FUTURES:
            kept = _kept_by(code, call)
            if kept and not kept & joined:
                yield call, "keeps its future without waiting"
        elif call.last == "pthread_create":
            held = set(identifiers(call.argument(0)))
            if not held & joined:
                yield call, "waits for nothing"


def _thread(
    code: DeviceCode, call: DeviceCall, joined: set[str]
) -> Iterator[tuple[DeviceCall, str]]:
    named = _named_by(code, call)
    detached = {w for c in code.calls_to({"detach"}) for w in identifiers(c.receiver)[-1:]}
    if named & detached or (not named and _is_detached_at_once(code, call)):
        yield call, "detaches it"
    elif call.name != "std::jthread" and not (named & joined if named else joined):
        yield call, "waits for nothing"


def _is_detached_at_once(code: DeviceCode, call: DeviceCall) -> bool:
    return any(c.holds(call) and c.start == call.start for c in code.calls_to({"detach"}))


def _named_by(code: DeviceCode, call: DeviceCall) -> set[str]:
    """Variables that hold the thread; none if it is in a container or an expression."""
    lines = call.function.declarations if call.function else code.statics
    named = {name for line in lines if line.holds(call) for name in line.names[:1]}
    made = call.function.assignments if call.function else []
    return named | {w for a in made if a.holds(call) for w in identifiers(a.left)[-1:]}


def _kept_by(code: DeviceCode, call: DeviceCall) -> set[str]:
    """What keeps a future beyond the function; a local one waits when it ends."""
    if call.function is None:
        return set()
    made = {w for a in call.function.assignments if a.holds(call) for w in identifiers(a.left)}
    lines = [line for line in call.function.declarations if line.holds(call) and line.is_static]
    return (made - call.function.locals) | {name for line in lines for name in line.names}


def _joined(code: DeviceCode) -> set[str]:
    """Names that are joined, and the containers that they are items of."""
    found = set[str]()
    for call in code.calls_to(NATIVE_JOINS):
        text = call.receiver or call.arguments
        found |= set(identifiers(text.partition("[")[0]))
        if call.in_macro or not identifiers(text):
            found.add(UNKNOWN)
    for loop in code.loops:
        head = loop.text[:300].partition(")")[0]
        item, colon, container = head.partition(" : ")
        if colon and set(identifiers(item)[-1:]) & found:
            found |= set(identifiers(container))
    return found
