"""Where a returned value comes from: an input, fresh memory, a computation, or kept state.

Flow is followed through names, views, tuples and the submission's own functions. Order matters
in one place only: state that is rewritten on the way to a `return` is not stale.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.scopes import Binding, Function, Scope
from integrity.rules.strings import Strings

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_DEPTH = 40
MAX_ORIGINS = 32
MAX_CALL_DEPTH = 6

ALLOCATORS = frozenset(
    f"{module}.{name}{suffix}"
    for module in ("torch", "numpy", "cupy")
    for name in ("empty", "zeros", "ones", "full")
    for suffix in ("", "_like")
) | {"torch.empty_strided", "torch.Tensor", "torch.FloatTensor"}
ALLOCATING_METHODS = {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided"}
VIEWS = {
    "clone",
    "detach",
    "view",
    "reshape",
    "contiguous",
    "to",
    "float",
    "half",
    "bfloat16",
    "type",
    "squeeze",
    "unsqueeze",
    "expand",
    "t",
    "transpose",
    "permute",
    "requires_grad_",
    "cpu",
    "cuda",
    "copy",
    "narrow",
    "flatten",
    "unflatten",
    "view_as",
    "reshape_as",
    "type_as",
    "double",
    "expand_as",
    "numpy",
    "alias",
    "as_strided",
}
ITEMS = {"get", "pop", "setdefault", "popitem", "values", "__getitem__", "popleft", "peek"}
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
FILES = {
    "torch.load",
    "numpy.load",
    "pickle.load",
    "joblib.load",
    "numpy.memmap",
    "torch.from_file",
    "numpy.fromfile",
    "torch.UntypedStorage.from_file",
}
WRAPPERS = {"torch.from_numpy", "torch.as_tensor", "torch.tensor", "torch.frombuffer"}
MEMOISING = {"functools.lru_cache", "functools.cache", "functools.lru_cache()"}
READ_ONLY = ("builtins.", "torch.", "math.", "numpy.", "functools.", "inspect.")
ADDRESSES = {"data_ptr", "untyped_storage", "storage", "__cuda_array_interface__", "ctypes"}


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing a value may come from."""

    kind: str
    """`input`, `allocation`, `computed`, `constant`, `file` or `state`."""

    where: str = ""
    """For state: what holds it. For the rest: what made it, where that has a name."""

    node: ast.AST | None = None

    def describe(self) -> str:
        return self.where.lstrip(".").replace("().", ".")


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """One place that keeps a value beyond the call."""

    where: str
    node: ast.AST
    value: ast.expr | None
    key: ast.expr | None
    function: Function


Origins = frozenset[Origin]
Rewrites = dict[tuple[Function, str], list[tuple[int, ast.AST]]]
NONE: Origins = frozenset()
COMPUTED = frozenset({Origin("computed")})
CONSTANT = frozenset({Origin("constant")})


class Flow:
    """Answers where values come from in one submission."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._origins: dict[ast.AST, Origins] = {}
        self._depth = 0

    def origins(self, node: ast.expr) -> Origins:
        """Everything the value of an expression may come from."""
        known = self._origins.get(node)
        if known is not None:
            return known
        if self._depth > MAX_DEPTH:
            return COMPUTED
        self._origins[node] = NONE
        self._depth += 1
        found = frozenset(list(self._find(node))[:MAX_ORIGINS])
        self._depth -= 1
        self._origins[node] = found
        return found

    def _find(self, node: ast.expr) -> Iterator[Origin]:
        if isinstance(node, ast.Name):
            yield from self._of_name(node)
        elif isinstance(node, ast.Attribute):
            yield from self._of_attribute(node)
        elif isinstance(node, ast.Subscript):
            yield from self.origins(node.value)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        elif isinstance(node, ast.Constant):
            yield Origin("constant")
        elif parts := _parts(node):
            for part in parts:
                yield from self.origins(part)
        else:
            yield Origin("computed")

    def _of_name(self, node: ast.Name) -> Iterator[Origin]:
        place = self.source.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        if place is None or scope is None:
            return
        if scope is not place.scope and self._keeps(scope, node.id):
            yield Origin("state", self._held(scope, node.id))
            return
        for binding in scope.bindings[node.id][:MAX_ORIGINS]:
            yield from self._of_binding(binding)

    def _keeps(self, scope: Scope, name: str) -> bool:
        """Whether a name outside the function is data, not an import or a definition."""
        return any(b.value is not None or b.element for b in scope.bindings[name])

    def _held(self, scope: Scope, name: str) -> str:
        return f"global {name}" if scope.kind == "module" else f"closure {name}"

    def _of_binding(self, binding: Binding) -> Iterator[Origin]:
        if binding.parameter is not None:
            yield from self._of_parameter(*binding.parameter)
        elif binding.value is not None:
            yield from self.origins(binding.value)
        elif binding.element is not None:
            yield from self.origins(binding.element[0])

    def _of_parameter(self, function: Function, name: str) -> Iterator[Origin]:
        from integrity.rules.names import default_of

        defaults = default_of(function, name)
        if any(_is_mutable(default) for default in defaults):
            yield Origin("state", f"default argument {name}")
        elif name in function.inputs:
            yield Origin("input", f"{function.path}:{name}")

    def _of_attribute(self, node: ast.Attribute) -> Iterator[Origin]:
        held = self.location(node)
        if held:
            yield Origin("state", held)
        elif node.attr in {"T", "mT", "data", "real", "H"}:
            yield from self.origins(node.value)
        else:
            kept = [o for o in self.origins(node.value) if o.kind == "state"]
            yield from (Origin("state", f"{o.where[:150]}.{node.attr}") for o in kept)
            yield from () if kept else COMPUTED

    def location(self, node: ast.Attribute) -> str:
        """The attribute of the submission's own object, class or function, or nothing."""
        for base in sorted(self.source.names(node.value)):
            if not base.startswith(".") and base != "<globals>":
                continue
            bare = base.removesuffix("()")
            is_function = bare == base and self.source.function(base) is not None
            if is_function or bare in self.source.layout.classes:
                return f"{bare}.{node.attr}"
        return ""

    def _of_call(self, node: ast.Call) -> Iterator[Origin]:
        names = self.source.names(node.func)
        if "builtins.getattr" in names:
            yield from self._of_getattr(node)
        elif own := self._own(names):
            for function in own:
                yield from self._of_own(node, function)
        elif names & ALLOCATORS:
            yield Origin("allocation", next(iter(names & ALLOCATORS)), node)
        elif names & WRAPPERS and node.args:
            yield from self.origins(node.args[0])
        elif names & FILES:
            yield Origin("file", next(iter(names & FILES)), node)
        elif isinstance(node.func, ast.Attribute):
            yield from self._of_method(node, node.func)
        else:
            yield Origin("computed")

    def _of_getattr(self, node: ast.Call) -> Iterator[Origin]:
        for name in sorted(self.source.names(node)):
            owner = name.rpartition(".")[0]
            is_own = owner in self.source.layout.classes or self.source.function(owner) is not None
            yield Origin("state", name) if is_own else Origin("computed")

    def _of_method(self, node: ast.Call, method: ast.Attribute) -> Iterator[Origin]:
        if method.attr in ALLOCATING_METHODS:
            yield Origin("allocation", method.attr, node)
        elif method.attr in VIEWS:
            yield from self.origins(method.value)
        elif method.attr in ITEMS:
            kept = [o for o in self.origins(method.value) if o.kind == "state"]
            yield from kept or COMPUTED
            for default in node.args[1:]:
                yield from self.origins(default)
        else:
            yield Origin("computed")

    def _of_own(self, node: ast.Call, function: Function) -> Iterator[Origin]:
        if any(self.source.names(d) & MEMOISING for d in function.decorators):
            yield Origin("state", f"memoised {function.name}")
        if not function.returns:
            yield Origin("computed")
        for origin in self.returned(function):
            yield from self._substituted(origin, node, function)

    def returned(self, function: Function) -> Origins:
        """Origins of what a function returns; state it has just rewritten is computed."""
        found = set[Origin]()
        for value in function.returns:
            for origin in self.origins(value):
                stale = origin.kind == "state" and not self.refreshed(origin, value, function)
                found |= {origin} if stale or origin.kind != "state" else COMPUTED
        return frozenset(found)

    def _substituted(self, origin: Origin, node: ast.Call, function: Function) -> Iterator[Origin]:
        path, _, name = origin.where.partition(":")
        if origin.kind != "input" or path != function.path:
            yield origin
            return
        given = [k.value for k in node.keywords if k.arg == name]
        index = function.inputs.index(name)
        given += node.args[index : index + 1]
        for argument in given:
            yield from self.origins(argument)

    def refreshed(self, origin: Origin, value: ast.expr, function: Function) -> bool:
        """Whether state is rewritten on every way to that return."""
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
            elif isinstance(parent, ast.ExceptHandler | ast.match_case | ast.Lambda):
                yield parent, "body"
            child = parent

    @cached_property
    def stores(self) -> list[Store]:
        """Every place in live functions that keeps a value beyond the call."""
        found: list[Store] = []
        for node in self.source.live_nodes:
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
            for origin in self.origins(node.value):
                if origin.kind == "state":
                    yield Store(origin.where, node, value, node.slice, function)
        elif isinstance(node, ast.Attribute):
            if held := self.location(node):
                yield Store(held, node, value, None, function)
        else:
            place = self.source.layout.place[node]
            scope = place.scope.find(node.id)
            if scope is not None and scope is not place.scope and node.id in place.scope.outer:
                yield Store(self._held(scope, node.id), node, value, None, function)

    def _assigned(self, node: ast.expr) -> ast.expr | None:
        parent = self.source.parent(node)
        if isinstance(parent, ast.Tuple):
            parent = self.source.parent(parent)
        return getattr(parent, "value", None)

    def _stored_by_call(self, node: ast.Call, function: Function) -> Iterator[Store]:
        if isinstance(node.func, ast.Attribute) and node.func.attr in STORING and node.args:
            key = node.args[0] if len(node.args) > 1 else None
            for origin in self.origins(node.func.value):
                if origin.kind == "state":
                    yield Store(origin.where, node, node.args[-1], key, function)
        elif "builtins.setattr" in self.source.names(node.func) and len(node.args) == 3:
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
        for node, origin in self._written:
            if origin.kind == "state":
                key = (self.source.function_of(node), origin.where)
                found.setdefault(key, []).append((getattr(node, "lineno", 0), node))
        self._add_replays(found)
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
        return frozenset(origin for _, origin in self._written)

    @cached_property
    def _written(self) -> list[tuple[ast.AST, Origin]]:
        found = [
            (node, origin)
            for node in self.source.live_nodes
            for target in self._written_by(node)
            for origin in self.origins(target)
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
            for function in self._own(call.names):
                parameters = dict(enumerate(function.inputs))
                for index, argument in enumerate(call.node.args):
                    name = parameters.get(index, "")
                    starred = any(isinstance(a, ast.Starred) for a in call.node.args)
                    if starred or Origin("input", f"{function.path}:{name}") in written:
                        yield from ((call.node, origin) for origin in self.origins(argument))
                for keyword in call.node.keywords:
                    if Origin("input", f"{function.path}:{keyword.arg}") in written:
                        yield from ((call.node, o) for o in self.origins(keyword.value))

    def _own(self, names: Strings) -> list[Function]:
        return [found for name in sorted(names) if (found := self.source.function(name))]

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
        yield from (k.value for k in node.keywords if k.arg in {"out", "output"})
        if isinstance(node.func, ast.Attribute) and node.func.attr in ADDRESSES:
            yield node.func.value
        if names and all(name.startswith(READ_ONLY) and "()" not in name for name in names):
            return
        if self._own(names):
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


def _parts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return node.elts[:MAX_ORIGINS]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return node.values[:MAX_ORIGINS]
    if isinstance(node, ast.Dict):
        return node.values[:MAX_ORIGINS]
    if isinstance(node, ast.NamedExpr | ast.Starred | ast.Await):
        return [node.value]
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return [node.elt]
    return []


def _within(child: ast.AST, body: list[ast.stmt] | ast.expr) -> bool:
    return any(child is item for item in body) if isinstance(body, list) else child is body


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"dict", "list"}
    return isinstance(node, ast.Dict | ast.List | ast.DictComp | ast.ListComp)
