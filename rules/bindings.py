"""Which expressions a name may hold: assigned, unpacked, or passed by a caller."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from integrity.rules.layout import Layout
from integrity.rules.scopes import Binding, Class, Function

MAX_BINDINGS = 64
MAX_CALLERS = 16
MAX_DEPTH = 6

CONTAINERS = {"ModuleList", "ModuleDict", "Sequential", "ParameterList"}
"""torch's containers of modules; `Sequential` takes them one by one."""

SAME_ELEMENTS = {"list", "tuple", "set", "iter", "reversed", "sorted", "enumerate", "zip", "filter"}
"""Built-in functions whose result holds the elements of their arguments."""

HOLDS_ELEMENTS = {"items", "values", "keys", "copy"}
"""Methods whose result holds the elements of their object."""


class Bindings:
    """Follows bindings of one submission to the expressions behind them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.callers: dict[str, list[ast.Call]] = defaultdict(list)
        """Calls by the last name of their callee; `C()` for calls of an instance of `C`."""

        for node in layout.nodes(ast.Call):
            self._note_caller(node)

    def _note_caller(self, node: ast.Call) -> None:
        callee = node.func
        if isinstance(callee, ast.Subscript):
            if isinstance(callee.slice, ast.Constant) and isinstance(callee.slice.value, str):
                self.callers[callee.slice.value].append(node)
            callee = callee.value
        if isinstance(callee, ast.Name):
            self.callers[callee.id].append(node)
        elif isinstance(callee, ast.Attribute):
            self.callers[callee.attr].append(node)
        elif isinstance(callee, ast.Call) and isinstance(callee.func, ast.Name):
            self.callers[f"{callee.func.id}()"].append(node)

    def values(self, binding: Binding) -> list[ast.expr]:
        """Expressions whose value a binding may hold."""
        if binding.value is not None:
            return [binding.value]
        if binding.element is not None:
            return self.elements(*binding.element)
        if binding.parameter is not None:
            return self.arguments(*binding.parameter)
        if binding.of_lambda is not None:
            return list(self._lambda_arguments(*binding.of_lambda))
        return []

    def bound(self, node: ast.Name) -> list[Binding]:
        """Everything a name is bound to where it stands."""
        place = self.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        return scope.bindings[node.id] if scope else []

    def elements(self, node: ast.expr, index: int | None, depth: int = 0) -> list[ast.expr]:
        """Items of a literal, or of the literal a name is bound to."""
        if depth > MAX_DEPTH:
            return []
        if isinstance(node, ast.Name):
            return self._elements_of_name(node, index, depth)
        if isinstance(node, ast.Call):
            return self._elements_of_call(node, depth)
        if isinstance(node, ast.Attribute):
            return self._elements_of_attribute(node, index, depth)
        if isinstance(node, ast.Dict):
            return node.values[:MAX_BINDINGS] + [key for key in node.keys[:MAX_BINDINGS] if key]
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return [node.elt]
        if not isinstance(node, ast.Tuple | ast.List | ast.Set):
            return []
        if index is None:
            return _flat(node.elts[:MAX_BINDINGS])
        return node.elts[index : index + 1]

    def _elements_of_name(self, node: ast.Name, index: int | None, depth: int) -> list[ast.expr]:
        literal = [
            binding.value
            for binding in self.bound(node)
            if isinstance(binding.value, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.Call)
        ]
        found = [item for value in literal[:4] for item in self.elements(value, index, depth + 1)]
        if literal:
            found += self.layout.set_items.get(node.id, [])[:MAX_BINDINGS]
        return found

    def _elements_of_attribute(
        self, node: ast.Attribute, index: int | None, depth: int
    ) -> list[ast.expr]:
        """Items of a class's table, of an enum's member, or of what `self` holds."""
        held = node.value if node.attr == "value" else node
        if not (isinstance(held, ast.Attribute) and isinstance(held.value, ast.Name)):
            return []
        owners = [b.owner or _class_of(b) for b in self.bound(held.value)[:4]]
        found = [
            bound.value
            for owner in owners
            if owner is not None
            for bound in (
                *owner.scope.bindings.get(held.attr, ()),
                *owner.attributes.get(held.attr, ()),
            )
        ]
        return [e for value in found[:4] if value for e in self.elements(value, index, depth + 1)]

    def _elements_of_call(self, node: ast.Call, depth: int) -> list[ast.expr]:
        callee = node.func
        last = callee.attr if isinstance(callee, ast.Attribute) else ""
        if isinstance(callee, ast.Name):
            last = callee.id
        if last in CONTAINERS:
            return [e for a in node.args[:8] for e in self.elements(a, None, depth + 1) or [a]]
        if isinstance(callee, ast.Attribute):
            if callee.attr not in HOLDS_ELEMENTS:
                return []
            return self.elements(callee.value, None, depth + 1)
        if not isinstance(callee, ast.Name):
            return []
        if callee.id in SAME_ELEMENTS:
            return [e for a in node.args[:4] for e in self.elements(a, None, depth + 1)]
        if callee.id == "dict":
            return [keyword.value for keyword in node.keywords[:MAX_BINDINGS]]
        own = [binding.function for binding in self.bound(callee) if binding.function]
        return [value for function in own[:4] for value in function.returns[:8]]

    def arguments(self, function: Function, name: str) -> list[ast.expr]:
        """What callers inside the submission pass for a parameter, and its default."""
        found: list[ast.expr] = []
        parameters = function.inputs
        index = parameters.index(name) if name in parameters else None
        for call in self._calls_of(function):
            found += _passed(call, index, name)
        return found + default_of(function, name)

    def _calls_of(self, function: Function) -> list[ast.Call]:
        known = [function.name]
        if function.owner is not None and function.name in {"__init__", "__new__", "__call__"}:
            called = function.name == "__call__"
            known = [f"{function.owner.name}()" if called else function.owner.name, function.name]
        return [call for name in known for call in self.callers.get(name, ())][:MAX_CALLERS]

    def _lambda_arguments(self, node: ast.Lambda, name: str) -> Iterator[ast.expr]:
        """What reaches a lambda that is called at once, by its name, or by `map`."""
        given = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        index = given.index(name) if name in given else None
        around = self.layout.parent.get(node)
        if isinstance(around, ast.Call) and around.func is node:
            yield from _passed(around, index, name)
        elif isinstance(around, ast.Call):
            for argument in around.args[:4]:
                yield from self.elements(argument, None) if argument is not node else ()
        elif isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name):
            for call in self.callers.get(around.targets[0].id, [])[:MAX_CALLERS]:
                yield from _passed(call, index, name)
        defaults = dict(zip(reversed(given), reversed(node.args.defaults), strict=False))
        if name in defaults:
            yield defaults[name]


def _class_of(binding: Binding) -> Class | None:
    """The class whose method has the name as its receiver."""
    return binding.parameter[0].owner if binding.parameter is not None else None


def _passed(call: ast.Call, index: int | None, name: str) -> list[ast.expr]:
    found = [keyword.value for keyword in call.keywords if keyword.arg == name]
    if index is not None and index < len(call.args):
        found.append(call.args[index])
    return found


def default_of(function: Function, name: str) -> list[ast.expr]:
    """The default of a parameter, if it has one."""
    if isinstance(function.node, ast.Module):
        return []
    given = function.node.args
    positional = [arg.arg for arg in (*given.posonlyargs, *given.args)]
    found = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
    keyword = zip((arg.arg for arg in given.kwonlyargs), given.kw_defaults, strict=True)
    found |= {key: value for key, value in keyword if value is not None}
    return [found[name]] if name in found else []


def _flat(nodes: list[ast.expr]) -> list[ast.expr]:
    """Items and, one level down, the items of pairs: `for f, n in [(a, "b")]`."""
    pairs = [item for node in nodes if isinstance(node, ast.Tuple) for item in node.elts]
    return (nodes + pairs)[: 2 * MAX_BINDINGS]
