"""Where everything in a submission stands, found in one pass without recursion.

A submission chooses how deep its tree is, so nothing here descends by calling itself.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from integrity.rules.scopes import Binding, Class, Function, FunctionNode, Place, Scope

STAR_MODULES = frozenset({"torch", "time"})
"""Modules whose names are assumed behind `from x import *`."""


class Layout:
    """Where everything in a tree is."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope("module", None)
        self.top = Function("", "", tree, self.module, live=True)
        self.functions: list[Function] = [self.top]
        self.classes: dict[str, Class] = {}
        self.stars: list[str] = []
        self.place: dict[ast.AST, Place] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        self.lambdas: dict[str, ast.Lambda] = {}
        self.lambda_paths: dict[ast.Lambda, str] = {}
        self.set_attributes: dict[str, list[tuple[ast.expr, Binding]]] = defaultdict(list)
        """What `x.attr = ...` binds, by attribute, with each `x`."""

        self.set_items: dict[str, list[ast.expr]] = defaultdict(list)
        """What `name[...] = ...` and `name.append(...)` put into a container."""

        self.order: list[ast.AST] = []
        self.kinds: dict[type[ast.AST], list[int]] = defaultdict(list)
        """Where in `order` the nodes of a type are."""

        self._stack: list[tuple[ast.AST, Place]] = [(tree, Place(self.module, self.top))]
        self._walk()

    def _walk(self) -> None:
        stack, parent, order, kinds = self._stack, self.parent, self.order, self.kinds
        while stack:
            node, place = stack.pop()
            kind = type(node)
            self.place[node] = place
            kinds[kind].append(len(order))
            order.append(node)
            enter = _ENTER.get(kind)
            if enter is None:
                found = children(node)
                for child in found:
                    parent[child] = node
                stack += [(child, place) for child in reversed(found)]
            else:
                fresh = list(enter(self, node, place))
                for child, _ in fresh:
                    parent[child] = node
                fresh.reverse()
                stack += fresh

    def nodes(self, *kinds: type[ast.AST]) -> list[Any]:
        """Nodes of those types, in the order of the text."""
        found = [self.kinds[kind] for kind in kinds if kind in self.kinds]
        places = found[0] if len(found) == 1 else sorted(chain(*found))
        return [self.order[place] for place in places]

    def _name(self, node: ast.Name, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        if not place.guarded:
            place.function.mentions.add(node.id)
        return iter(())

    def _attribute(self, node: ast.Attribute, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        if not place.guarded:
            if _is_super(node.value):
                place.function.asks_super_for.add(node.attr)
            else:
                place.function.mentions.add(node.attr)
        yield node.value, place

    def _constant(self, node: ast.Constant, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        if isinstance(node.value, str) and len(node.value) < 64 and not place.guarded:
            place.function.mentions.add(node.value)
        return iter(())

    def _function(self, node: FunctionNode, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        path = f"{place.owner.path if place.owner else place.function.path}.{node.name}"
        scope = Scope("function", place.scope)
        function = Function(node.name, path[-200:], node, scope, place.owner)
        place.scope.bind(node.name, Binding(function=function))
        if place.owner is not None:
            place.owner.methods[node.name] = function
        if not place.guarded:
            self.functions.append(function)
        for name in _all_parameters(node.args):
            scope.bind(name, Binding(parameter=(function, name)))
        inside = Place(scope, function, None, place.guarded)
        for outer in (*node.decorator_list, node.args, node.returns):
            if outer is not None:
                yield outer, place
        yield from ((child, inside) for child in node.body)

    def _class(self, node: ast.ClassDef, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        path = f"{place.owner.path if place.owner else place.function.path}.{node.name}"[-200:]
        scope = Scope("class", place.scope)
        owner = Class(node.name, path, node, scope)
        self.classes[path] = owner
        place.scope.bind(node.name, Binding(owner=owner))
        for outer in (*node.decorator_list, *node.bases, *node.keywords):
            yield outer, place
        inside = Place(scope, place.function, owner, place.guarded)
        yield from ((child, inside) for child in node.body)

    def _lambda(self, node: ast.Lambda, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        scope = Scope("function", place.scope)
        path = f".<lambda {len(self.lambdas)}>"  # what stands for it among dotted names
        self.lambdas[path] = node
        self.lambda_paths[node] = path
        for name in _all_parameters(node.args):
            scope.bind(name, Binding(of_lambda=(node, name)))
        yield node.args, place
        yield node.body, Place(scope, place.function, None, place.guarded)

    def _if(self, node: ast.If, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        inside = place
        if place.function is self.top and is_main_guard(node.test):
            inside = Place(place.scope, place.function, place.owner, guarded=True)
        yield node.test, place
        yield from ((child, inside) for child in node.body)
        yield from ((child, place) for child in node.orelse)

    def _import(self, node: ast.Import, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        for alias in node.names:
            top = alias.name.split(".")[0]
            target = alias.name if alias.asname else top
            place.scope.bind(alias.asname or top, Binding(imported=target))
        return iter(())

    def _import_from(self, node: ast.ImportFrom, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        module = node.module or ""
        for alias in node.names:
            if alias.name == "*":
                self.stars += [module] if module.split(".")[0] in STAR_MODULES else []
                continue
            dotted = f"{module}.{alias.name}".lstrip(".")
            place.scope.bind(alias.asname or alias.name, Binding(imported=dotted))
        return iter(())

    def _outer(self, node: ast.Global, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        kind = "global" if isinstance(node, ast.Global) else "nonlocal"
        place.scope.outer.update(dict.fromkeys(node.names, kind))
        return iter(())

    def _assign(self, node: ast.Assign, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        for target in node.targets:
            self.bind_target(target, Binding(value=node.value), place)
        yield from ((child, place) for child in children(node))

    def _single(
        self, node: ast.AnnAssign | ast.NamedExpr | ast.AugAssign, place: Place
    ) -> Iterator[tuple[ast.AST, Place]]:
        if node.value is not None:
            self.bind_target(node.target, Binding(value=node.value), place)
        yield from ((child, place) for child in children(node))

    def _loop(
        self, node: ast.For | ast.AsyncFor | ast.comprehension, place: Place
    ) -> Iterator[tuple[ast.AST, Place]]:
        self.bind_target(node.target, Binding(element=(node.iter, None)), place)
        yield from ((child, place) for child in children(node))

    def _with(self, node: ast.withitem, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        if node.optional_vars is not None:
            self.bind_target(node.optional_vars, Binding(value=node.context_expr), place)
        yield from ((child, place) for child in children(node))

    def _handler(self, node: ast.ExceptHandler, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        if node.name:
            place.scope.bind(node.name, Binding())
        yield from ((child, place) for child in children(node))

    def _match(self, node: ast.Match, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        for case in node.cases:
            if isinstance(case.pattern, ast.MatchAs) and case.pattern.name:
                place.scope.bind(case.pattern.name, Binding(value=node.subject))
        yield from ((child, place) for child in children(node))

    def _expression(self, node: ast.Expr, place: Place) -> Iterator[tuple[ast.AST, Place]]:
        match node.value:
            case ast.Call(ast.Attribute(ast.Name(name), "append" | "add"), [added]):
                self.set_items[name].append(added)
        yield node.value, place

    def _return(
        self, node: ast.Return | ast.Yield, place: Place
    ) -> Iterator[tuple[ast.AST, Place]]:
        if node.value is not None:
            place.function.returns.append(node.value)
            yield node.value, place

    def bind_target(self, target: ast.expr, binding: Binding, place: Place) -> None:
        """Bind every name in an assignment target, however it is unpacked."""
        pending = [(target, binding)]
        while pending:
            node, bound = pending.pop()
            if isinstance(node, ast.Name):
                place.scope.bind(node.id, bound)
            elif isinstance(node, ast.Starred):
                pending.append((node.value, _any_of(bound)))
            elif isinstance(node, ast.Tuple | ast.List):
                pending += _unpacked(node, bound)
            elif isinstance(node, ast.Attribute):
                self.set_attributes[node.attr].append((node.value, bound))
                if isinstance(node.value, ast.Name):
                    self._bind_attribute(node.value.id, node.attr, bound, place.function)
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                self.set_items[node.value.id] += [bound.value] if bound.value else []

    def _bind_attribute(self, name: str, attr: str, bound: Binding, function: Function) -> None:
        owner = function.owner
        if owner is not None and function.parameters[:1] == [name]:
            owner.attributes.setdefault(attr, []).append(bound)


def is_main_guard(test: ast.expr) -> bool:
    """Whether the test is `__name__ == "__main__"`, either way round and nothing more."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return False
    sides = [test.left, test.comparators[0]]
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    literal = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return isinstance(test.ops[0], ast.Eq) and named and literal


def _is_super(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )


def _any_of(bound: Binding) -> Binding:
    """What a starred target takes: some of the elements."""
    if bound.value is not None:
        return Binding(element=(bound.value, None))
    return Binding(element=(bound.element[0], None)) if bound.element else Binding()


def _unpacked(target: ast.Tuple | ast.List, binding: Binding) -> Iterator[tuple[ast.expr, Binding]]:
    source = binding.value
    for index, element in enumerate(target.elts):
        if source is None:
            inner = binding.element[0] if binding.element else None
            yield element, Binding(element=(inner, None)) if inner is not None else Binding()
        elif isinstance(source, ast.Tuple | ast.List) and len(source.elts) == len(target.elts):
            yield element, Binding(value=source.elts[index])
        else:
            yield element, Binding(element=(source, index))


def _all_parameters(given: ast.arguments) -> Iterator[str]:
    yield from (arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs))
    yield from (arg.arg for arg in (given.vararg, given.kwarg) if arg is not None)


def children(node: ast.AST) -> list[ast.AST]:
    """What a node holds that is part of the program, in the order of its fields."""
    found: list[ast.AST] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


_WORDS = {"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "lineno", "conversion"}
"""Fields that hold no part of the program: names, and operators without a place."""

_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _WORDS)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_Enter = Callable[[Layout, Any, Place], Iterable[tuple[ast.AST, Place]]]
_ENTER: dict[type[ast.AST], _Enter] = {
    ast.Name: Layout._name,
    ast.Attribute: Layout._attribute,
    ast.Constant: Layout._constant,
    ast.FunctionDef: Layout._function,
    ast.AsyncFunctionDef: Layout._function,
    ast.ClassDef: Layout._class,
    ast.Lambda: Layout._lambda,
    ast.If: Layout._if,
    ast.Import: Layout._import,
    ast.ImportFrom: Layout._import_from,
    ast.Global: Layout._outer,
    ast.Nonlocal: Layout._outer,
    ast.Assign: Layout._assign,
    ast.AnnAssign: Layout._single,
    ast.NamedExpr: Layout._single,
    ast.AugAssign: Layout._single,
    ast.For: Layout._loop,
    ast.AsyncFor: Layout._loop,
    ast.comprehension: Layout._loop,
    ast.withitem: Layout._with,
    ast.ExceptHandler: Layout._handler,
    ast.Expr: Layout._expression,
    ast.Match: Layout._match,
    ast.Return: Layout._return,
    ast.Yield: Layout._return,
}
