"""Which expressions a name may hold: assigned, unpacked, or passed by a caller."""

from __future__ import annotations

import ast
from collections import defaultdict

from integrity.rules.layout import Layout
from integrity.rules.scopes import Binding, Function

MAX_BINDINGS = 64
MAX_CALLERS = 16


class Bindings:
    """Follows bindings of one submission to the expressions behind them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.callers: dict[str, list[ast.Call]] = defaultdict(list)
        for node in layout.order:
            if isinstance(node, ast.Call):
                self._note_caller(node)

    def _note_caller(self, node: ast.Call) -> None:
        callee = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        if isinstance(callee, ast.Name):
            self.callers[callee.id].append(node)
        elif isinstance(callee, ast.Attribute):
            self.callers[callee.attr].append(node)

    def values(self, binding: Binding) -> list[ast.expr]:
        """Expressions whose value a binding may hold."""
        if binding.value is not None:
            return [binding.value]
        if binding.element is not None:
            return self.elements(*binding.element)
        if binding.parameter is not None:
            return self.arguments(*binding.parameter)
        return []

    def elements(self, node: ast.expr, index: int | None) -> list[ast.expr]:
        """Items of a literal, or of the literal a name is bound to."""
        if isinstance(node, ast.Name) and node in self.layout.place:
            scope = self.layout.place[node].scope.find(node.id)
            bound = scope.bindings[node.id] if scope else []
            literal = [b.value for b in bound if isinstance(b.value, ast.Tuple | ast.List)]
            return [item for value in literal[:4] for item in self.elements(value, index)]
        if isinstance(node, ast.Dict):
            return node.values[:MAX_BINDINGS] + [key for key in node.keys[:MAX_BINDINGS] if key]
        if not isinstance(node, ast.Tuple | ast.List | ast.Set):
            return []
        if index is None:
            return _flat(node.elts[:MAX_BINDINGS])
        return node.elts[index : index + 1]

    def arguments(self, function: Function, name: str) -> list[ast.expr]:
        """What callers inside the submission pass for a parameter, and its default."""
        found: list[ast.expr] = []
        parameters = function.inputs
        for call in self.callers.get(function.name, [])[:MAX_CALLERS]:
            found += [k.value for k in call.keywords if k.arg == name]
            if name in parameters and parameters.index(name) < len(call.args):
                found.append(call.args[parameters.index(name)])
        return found + default_of(function, name)


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
