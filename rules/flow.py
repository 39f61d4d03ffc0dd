"""Where a returned value comes from: an input, fresh memory, a computation, or kept state.

Flow is followed through names, views, tuples and the submission's own functions. Order matters
in one place only: state that is rewritten on the way to a `return` is not stale.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrity.rules.lasting import Lasting
from integrity.rules.origin import Origin
from integrity.rules.overloads import Overloads
from integrity.rules.scopes import Binding, Function, Scope
from integrity.rules.state import State
from integrity.rules.strings import Strings
from integrity.rules.tensors import (
    ALLOCATING_METHODS,
    ALLOCATORS,
    FILES,
    GIVES_ELEMENTS,
    ITEMS,
    MEMOISING,
    VIEWS,
    WRAPPERS,
)

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_DEPTH = 40
MAX_ORIGINS = 32

Origins = frozenset[Origin]
NONE: Origins = frozenset()
COMPUTED = frozenset({Origin("computed")})


class Flow:
    """Answers where values come from in one submission."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._origins: dict[ast.AST, Origins] = {}
        self._depth = 0
        self._prepared = False
        self.state = State(self)
        self.overloads = Overloads(source)
        self.lasting = Lasting(source)

    def origins(self, node: ast.expr) -> Origins:
        """Everything the value of an expression may come from."""
        if not self._prepared:
            self._prepared = True
            self.state.prepare()
            self._origins.clear()
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
            kept = self._in_namespace(node)
            yield from kept or self.origins(node.value)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        elif isinstance(node, ast.Constant):
            yield Origin("constant")
        elif parts := _parts(node):
            for part in parts:
                yield from self.origins(part)
        elif run := self.overloads.methods(node):
            for method in run:
                yield from self.returned(method)
        else:
            yield Origin("computed")

    def _in_namespace(self, node: ast.Subscript) -> list[Origin]:
        """`globals()["kept"]` and `vars(self)["kept"]` are state by another spelling."""
        if hung := self._in_dict(node.value, node.slice):
            return hung
        bases = self.source.names(node.value)
        own = [b.removesuffix(".__dict__") for b in bases if b.endswith(".__dict__")]
        return [
            Origin("state", f"global {key}" if base == "<globals>" else f"{base}.{key}")
            for base in own
            if base.startswith((".", "<globals>"))
            for key in self.source.strings(node.slice)
        ]

    def _of_name(self, node: ast.Name) -> Iterator[Origin]:
        place = self.source.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        if place is None or scope is None:
            return
        inner = scope is place.scope or scope is place.function.scope  # of a lambda in it
        if not inner and self._keeps(scope, node.id, place.function):
            yield Origin("state", self.held(scope, node.id))
            yield from self.lasting.contents(node)
            return
        for binding in scope.bindings[node.id][:MAX_ORIGINS]:
            yield from self._of_binding(binding)

    def _keeps(self, scope: Scope, name: str, function: Function) -> bool:
        """Whether a name outside the function is data, not an import or a definition."""
        bound = scope.bindings[name]
        if any(b.value is not None or b.element for b in bound):
            return True
        made_by = [b.parameter[0] for b in bound if b.parameter is not None]
        return any(self._is_factory(maker, function) for maker in made_by)

    def _is_factory(self, maker: Function, made: Function) -> bool:
        """Whether a function is called at import and returns the one that uses its parameter."""
        names = {made.name, made.owner.name if made.owner else made.name}
        returned = any(isinstance(v, ast.Name) and v.id in names for v in maker.returns)
        return returned and made in self.source.entries

    def held(self, scope: Scope, name: str) -> str:
        return f"global {name}" if scope.kind == "module" else f"closure {name}"

    def _of_binding(self, binding: Binding) -> Iterator[Origin]:
        if binding.parameter is not None:
            yield from self._of_parameter(*binding.parameter)
        elif binding.value is not None:
            yield from self.origins(binding.value)
        elif binding.element is not None:
            yield from self.origins(binding.element[0])
        elif binding.function is not None and self.is_run_by_decorator(binding.function):
            yield from self.returned(binding.function)

    def is_run_by_decorator(self, function: Function) -> bool:
        """A decorator of its own may have called it: then its name is the result."""
        return any(self.own(self.source.names(decorator)) for decorator in function.decorators)

    def _of_parameter(self, function: Function, name: str) -> Iterator[Origin]:
        from integrity.rules.bindings import default_of

        defaults = default_of(function, name)
        if any(self._is_kept(default) for default in defaults):
            yield Origin("state", f"default argument {name}")
        elif name in function.inputs:
            yield Origin("input", f"{function.path}:{name}")
        elif function.owner is not None:
            yield from self.lasting.contents_of(function.owner)

    def _is_kept(self, default: ast.expr) -> bool:
        """A default is made once, so what it holds outlives the call."""
        return any(_is_mutable(value) for value in [default, *self.source.assigned(default)])

    def _of_attribute(self, node: ast.Attribute) -> Iterator[Origin]:
        held = self.location(node)
        if held:
            yield Origin("state", held)
            yield from self.lasting.contents(node)
        elif node.attr in {"T", "mT", "data", "real", "H"}:
            yield from self.origins(node.value)
        else:
            kept = [o for o in self.origins(node.value) if o.kind == "state"]
            found = [Origin("state", f"{o.where[:150]}.{node.attr}") for o in kept]
            yield from found or self.lasting.hung(node.value, frozenset({node.attr})) or COMPUTED

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
        elif own := self.own(names):
            for function in own:
                yield from self._of_own(node, function)
        elif names & ALLOCATORS:
            yield Origin("allocation", next(iter(names & ALLOCATORS)), node)
        elif applied := self._applied(node, names):
            for value in applied:
                yield from self.origins(value)
        elif names & WRAPPERS and node.args:
            yield from self.origins(node.args[0])
        elif names & FILES:
            yield Origin("file", next(iter(names & FILES)), node)
        elif isinstance(node.func, ast.Attribute):
            yield from self._of_method(node, node.func)
        else:
            yield Origin("computed")

    def _applied(self, node: ast.Call, names: Strings) -> list[ast.expr]:
        """What `(lambda: x)()`, `next(iter(xs))` and `map(f, xs)` give back."""
        bodies = [self.source.layout.lambdas[n] for n in names if n in self.source.layout.lambdas]
        if bodies:
            return [made.body for made in bodies]
        if names & GIVES_ELEMENTS and node.args:
            return node.args
        if "builtins.map" in names and node.args:
            called = self.source.names(node.args[0])
            lambdas = [self.source.layout.lambdas.get(name) for name in called]
            found = [made.body for made in lambdas if made is not None]
            return found + [value for function in self.own(called) for value in function.returns]
        return []

    def _of_getattr(self, node: ast.Call) -> Iterator[Origin]:
        if len(node.args) > 1:
            yield from self.lasting.hung(node.args[0], self.source.strings(node.args[1]))
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
            asked = self._in_dict(method.value, node.args[0]) if node.args else []
            yield from kept or asked or COMPUTED
            for default in node.args[1:]:
                yield from self.origins(default)
        else:
            yield Origin("computed")

    def _in_dict(self, held: ast.expr, key: ast.expr) -> list[Origin]:
        """`x.__dict__["kept"]` and `x.__dict__.get("kept")`."""
        if not (isinstance(held, ast.Attribute) and held.attr == "__dict__"):
            return []
        return self.lasting.hung(held.value, self.source.strings(key))

    def _of_own(self, node: ast.Call, function: Function) -> Iterator[Origin]:
        if any(self.source.names(d) & MEMOISING for d in function.decorators):
            yield Origin("state", f"memoised {function.name}")
        for made in self._wrappers(function):
            yield from self.returned(made)
        if not function.returns:
            yield Origin("computed")
        for origin in self.returned(function):
            yield from self._substituted(origin, node, function)

    def _wrappers(self, function: Function) -> list[Function]:
        """What decorators of the submission's own put in a function's place."""
        named = {name for node in function.decorators for name in self.source.names(node)}
        made = self.own(frozenset(named))
        names = [v for decorator in made for v in decorator.returns if isinstance(v, ast.Name)]
        found = [w for name in names for w in self.own(self.source.names(name)) if w != function]
        classes = frozenset(f"{name}()" for name in named if name in self.source.layout.classes)
        return found + self.own(classes)  # an instance stands in its place

    def returned(self, function: Function) -> Origins:
        """Origins of what a function returns; state it has just rewritten is computed."""
        found = set[Origin]()
        for value in function.returns:
            for origin in self.origins(value):
                stale = origin.kind == "state" and not self.state.refreshed(origin, value, function)
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

    def own(self, names: Strings) -> list[Function]:
        return [found for name in sorted(names) if (found := self.source.function(name))]


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


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"dict", "list"}
    return isinstance(node, ast.Dict | ast.List | ast.DictComp | ast.ListComp)
