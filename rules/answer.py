"""What the entry's answer is made from: a backward slice from what it returns.

Order is ignored, as in names: an expression feeds the answer if it is part of a returned
value, of something bound to a name there, or of a call that was handed such a name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrity.rules.layout import children
from integrity.rules.scopes import Function

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_NODES = 40_000


class Answer:
    """Expressions and calls that the entry's answer depends on."""

    def __init__(self, source: Source, values: list[ast.expr]) -> None:
        self.source = source
        self.nodes: set[ast.AST] = set()
        self.calls: list[ast.Call] = []
        self._pending: list[ast.AST] = list(values)
        self._functions: set[Function] = set()
        self._taken: set[object] = set()
        while self._pending and len(self.nodes) < MAX_NODES:
            node = self._pending.pop()
            if node not in self.nodes:
                self.nodes.add(node)
                self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self._through_name(node)
        elif isinstance(node, ast.Attribute):
            self._pending += self.source.assigned(node)
            self._take(self.source.links.handed, f".{node.attr}", f".{node.attr}")
            self._pending.append(node.value)
        elif isinstance(node, ast.Call):
            self.calls.append(node)
            self._through_call(node)
        else:
            self._pending += children(node)
            for method in self.source.flow.overloads.methods(node):
                self._enter(method)

    def _through_name(self, node: ast.Name) -> None:
        self._pending += self.source.assigned(node)
        for bound in self.source.bound(node):
            if bound.function is not None and self.source.flow.is_run_by_decorator(bound.function):
                self._enter(bound.function)
        place = self.source.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        classes = self.source.layout.classes
        of_own = any(n.removesuffix("()") in classes for n in self.source.names(node))
        if scope is not None and scope.kind != "module" and not of_own:  # `self` is everywhere
            self._take(self.source.links.handed_name, (scope, node.id), node.id)

    def _take(self, table: Mapping[Any, list[ast.AST]], key: object, name: str) -> None:
        """All that may write to what goes by that name, once: a second mention adds nothing."""
        if key not in self._taken:
            self._taken.add(key)
            may_write = self.source.links.effects.may_write
            self._pending += [node for node in table.get(key, ()) if may_write(node, name)]

    def _through_call(self, node: ast.Call) -> None:
        self._pending += [node.func, *node.args, *node.keywords]
        names = self.source.names(node.func)
        if any(name.startswith("torch.nn.") for name in names):  # `Sequential` calls its parts
            names |= {
                f for part in self.source.elements(node.func) for f in self.source.names(part)
            }
        for name in names:
            function = self.source.function(name)
            if function is not None:
                self._enter(function)
        if not any(name.startswith(".") for name in names):
            self._through_callbacks(node)

    def _through_callbacks(self, node: ast.Call) -> None:
        """Own functions that somebody else is handed to run: `pool.submit(f, x)`."""
        for given in (*node.args, *(k.value for k in node.keywords)):
            if isinstance(given, ast.Name | ast.Attribute):
                for name in self.source.names(given):
                    if name.startswith(".") and (function := self.source.function(name)):
                        self._enter(function)

    def _enter(self, function: Function) -> None:
        if function not in self._functions:
            self._functions.add(function)
            self._pending += function.returns
            self._pending += self.source.links.inside.get(function, ())

    @cached_property
    def launches(self) -> list[ast.Call]:
        """Calls among them that run a kernel of the submission's own."""
        return [call for call in self.calls if call in self.source.links.launches]
