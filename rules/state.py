"""What a submission keeps between calls, and what gives it new contents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.origin import Origin
from integrity.rules.scopes import Function

if TYPE_CHECKING:
    from integrity.rules.flow import Flow

STORING = {
    "append",
    "add",
    "update",
    "setdefault",
    "insert",
    "put",
    "__setitem__",
    "appendleft",
    "set",
}
READ_ONLY = (
    "builtins.",
    "torch.",
    "math.",
    "numpy.",
    "functools.",
    "inspect.",
    "triton.language.",  # writes where a kernel's caller passed, which its launch says
)
ADDRESSES = {"data_ptr", "untyped_storage", "storage", "__cuda_array_interface__", "ctypes"}
MAX_CALL_DEPTH = 6
MAX_LINE = 1 << 30
Rewrites = dict[tuple[Function, str], list[tuple[int, ast.AST]]]


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """One place that keeps a value beyond the call."""

    where: str
    node: ast.AST
    value: ast.expr | None
    key: ast.expr | None
    function: Function


class State:
    """Stores into what outlives a call, and rewrites of it."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.source = flow.source
        self._preparing = False

    def prepare(self) -> None:
        """Find all rewrites, from origins that do not ask for them: those would be half known."""
        self._preparing = True
        self._rewrites  # noqa: B018
        self._preparing = False

    def refreshed(self, origin: Origin, value: ast.expr, function: Function) -> bool:
        """Whether state is rewritten on every way to that return."""
        if self._preparing:
            return False
        branches = set(self.branches(value))
        for line, node in self._rewrites.get((function, origin.where), ()):
            before = line <= value.lineno
            if before and not self._around(node, value) and branches >= set(self.branches(node)):
                return True
        return False

    def _around(self, node: ast.AST, value: ast.expr) -> bool:
        """The return's own expression does not count as a rewrite before it."""
        return isinstance(node, ast.expr) and any(
            p is value or p is self.source.parent(value) for p in self.source.parents(node)
        )

    def branches(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """The conditional blocks around a node, and which branch it stands in."""
        child = node
        for parent in self.source.parents(node):
            if isinstance(parent, ast.If | ast.IfExp):
                if child is not parent.test:
                    yield parent, "body" if _within(child, parent.body) else "orelse"
            elif isinstance(parent, ast.ExceptHandler | ast.match_case) or (
                isinstance(parent, ast.Lambda) and not self._is_called(parent)
            ):
                yield parent, "body"
            child = parent

    def _is_called(self, node: ast.Lambda) -> bool:
        """`(lambda: x)()` runs where it stands."""
        around = self.source.parent(node)
        return isinstance(around, ast.Call) and around.func is node

    @cached_property
    def stores(self) -> list[Store]:
        """Every place in live functions that keeps a value beyond the call."""
        found: list[Store] = []
        for node in self.source.live(ast.Call, ast.Name, ast.Attribute, ast.Subscript):
            function = self.source.function_of(node)
            if isinstance(function.node, ast.Module):
                continue
            if isinstance(node, ast.Call):
                found += self._stored_by_call(node, function)
            elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
                found += self._stored_by_target(node, function)
        return found

    def _stored_by_target(
        self, node: ast.Name | ast.Attribute | ast.Subscript, function: Function
    ) -> Iterator[Store]:
        if not isinstance(node.ctx, ast.Store):
            return
        value = self._assigned(node)
        if isinstance(node, ast.Subscript):
            for origin in self.flow.origins(node.value):
                if origin.kind == "state":
                    yield Store(origin.where, node, value, node.slice, function)
        elif isinstance(node, ast.Attribute):
            if held := self.flow.location(node):
                yield Store(held, node, value, None, function)
            for origin in self.flow.lasting.hung(node.value, frozenset({node.attr})):
                yield Store(origin.where, node, value, None, function)
        else:
            place = self.source.layout.place[node]
            scope = place.scope.find(node.id)
            if scope is not None and scope is not place.scope and node.id in place.scope.outer:
                yield Store(self.flow.held(scope, node.id), node, value, None, function)

    def _assigned(self, node: ast.expr) -> ast.expr | None:
        parent = self.source.parent(node)
        if isinstance(parent, ast.Tuple):
            parent = self.source.parent(parent)
        return getattr(parent, "value", None)

    def _stored_by_call(self, node: ast.Call, function: Function) -> Iterator[Store]:
        if isinstance(node.func, ast.Attribute) and node.func.attr in STORING and node.args:
            key = node.args[0] if len(node.args) > 1 else None
            for origin in self.flow.origins(node.func.value):
                if origin.kind == "state":
                    yield Store(origin.where, node, node.args[-1], key, function)
        elif "builtins.setattr" in self.source.names(node.func) and len(node.args) == 3:
            hung = self.flow.lasting.hung(node.args[0], self.source.strings(node.args[1]))
            yield from (Store(o.where, node, node.args[2], None, function) for o in hung)
            for base in self.source.names(node.args[0]):
                for name in self.source.strings(node.args[1]):
                    where = f"{base.removesuffix('()')}.{name}"
                    yield Store(where, node, node.args[2], None, function)

    @cached_property
    def _rewrites(self) -> Rewrites:
        """Line and node of everything that gives state new contents, by function and state."""
        found: Rewrites = {}
        for store in self.stores:
            line = getattr(store.node, "lineno", 0)
            found.setdefault((store.function, store.where), []).append((line, store.node))
        for node, origin in self.writes:
            if origin.kind == "state":
                key = (self.source.function_of(node), origin.where)
                found.setdefault(key, []).append((getattr(node, "lineno", 0), node))
        self._add_replays(found)
        for _ in range(2):  # a helper, and a helper's helper
            self._add_helpers(found)
        return found

    def _add_helpers(self, found: Rewrites) -> None:
        """Calling an own function that rewrites state on every way rewrites it at the call."""
        always: dict[Function, set[str]] = {}
        for (function, where), rows in found.items():
            leaves = self._first_return.get(function, MAX_LINE)
            if any(line <= leaves and not [*self.branches(node)] for line, node in rows):
                always.setdefault(function, set()).add(where)
        for call in self.source.calls if always else ():
            for function in self.flow.own(call.names):
                for where in sorted(always.get(function, ())):
                    rows = found.setdefault((call.function, where), [])
                    rows.append((call.node.lineno, call.node))

    @cached_property
    def _first_return(self) -> dict[Function, int]:
        """The line on which a function may first return."""
        found: dict[Function, int] = {}
        for node in self.source.live(ast.Return, ast.Yield):
            function = self.source.function_of(node)
            found[function] = min(node.lineno, found.get(function, node.lineno))
        return found

    def _add_replays(self, found: Rewrites) -> None:
        """A graph replayed on inputs that were copied in rewrites all that the graph writes."""
        copied = {call.function for call in self.source.calls if call.method == "copy_"}
        held = sorted({store.where for store in self.stores})[:64]
        for call in self.source.calls:
            if call.method == "replay" and call.function in copied:
                for where in held:
                    rows = found.setdefault((call.function, where), [])
                    rows.append((call.node.lineno, call.node))

    @cached_property
    def written(self) -> frozenset[Origin]:
        """Origins of every value that a call or an assignment may have written into."""
        return frozenset(origin for _, origin in self.writes)

    @cached_property
    def writes(self) -> list[tuple[ast.AST, Origin]]:
        """Calls and assignments that may write into a value, each with where that is from."""
        found = [
            (node, origin)
            for node in self.source.live(ast.Subscript, ast.AugAssign, ast.Call)
            for target in self._written_by(node)
            for origin in self.flow.origins(target)
        ]
        for _ in range(MAX_CALL_DEPTH):
            written = {origin for _, origin in found}
            fresh = [pair for pair in self._written_through(written) if pair[1] not in written]
            if not fresh:
                break
            found += fresh
        return found

    def _written_through(self, written: set[Origin]) -> Iterator[tuple[ast.AST, Origin]]:
        """Arguments of own functions that write to the parameter."""
        for call in self.source.calls:
            for function in self.flow.own(call.names):
                parameters = dict(enumerate(function.inputs))
                for index, argument in enumerate(call.node.args):
                    name = parameters.get(index, "")
                    starred = any(isinstance(a, ast.Starred) for a in call.node.args)
                    if starred or Origin("input", f"{function.path}:{name}") in written:
                        yield from ((call.node, origin) for origin in self.flow.origins(argument))
                for keyword in call.node.keywords:
                    if Origin("input", f"{function.path}:{keyword.arg}") in written:
                        yield from ((call.node, o) for o in self.flow.origins(keyword.value))

    def _written_by(self, node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            yield node.value
        elif isinstance(node, ast.AugAssign):
            target = node.target
            yield target.value if isinstance(target, ast.Subscript) else target
        elif isinstance(node, ast.Call):
            yield from self._written_by_call(node)

    def _written_by_call(self, node: ast.Call) -> Iterator[ast.expr]:
        names = self.source.names(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
            yield node.func.value
            if node.func.attr == "copy_":
                return  # it only reads what it copies
        yield from (k.value for k in node.keywords if k.arg in {"out", "output"})
        if isinstance(node.func, ast.Attribute) and node.func.attr in ADDRESSES:
            yield node.func.value
        if names and all(name.startswith(READ_ONLY) and "()" not in name for name in names):
            return
        if self.flow.own(names):
            return
        for argument in (*node.args, *(k.value for k in node.keywords)):
            yield from _handles(argument)


def _handles(argument: ast.expr) -> Iterator[ast.expr]:
    """Tensors an argument passes: itself, or those whose address it takes."""
    pending: list[ast.AST] = [argument]
    for _ in range(64):
        if not pending:
            return
        node = pending.pop()
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            yield node
            if isinstance(node, ast.Attribute) and node.attr in ADDRESSES:
                pending.append(node.value)
        elif isinstance(node, ast.Call):
            yield node
            pending += [*node.args, node.func]
        elif not isinstance(node, ast.Lambda):
            pending += list(ast.iter_child_nodes(node))


def _within(child: ast.AST, body: list[ast.stmt] | ast.expr) -> bool:
    return any(child is item for item in body) if isinstance(body, list) else child is body
