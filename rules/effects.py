"""Whether a call may write to what it is handed: an own function that only reads it does not."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.scopes import Function
from integrity.rules.state import READ_ONLY

if TYPE_CHECKING:
    from integrity.rules.links import Links

MAX_DEPTH = 4
MAX_PARTS = 40


class Effects:
    """Follows arguments into the submission's own functions; in doubt, a call writes."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.source = links.source
        self._writes: dict[tuple[Function, str], bool] = {}

    def may_write(self, node: ast.AST, name: str, depth: int = 0) -> bool:
        """Whether a call may write to what that name, or `.attribute`, holds."""
        if not isinstance(node, ast.Call) or depth > MAX_DEPTH or node in self.links.launches:
            return True
        names = self.source.names(node.func)
        own = [f for n in names if (f := self.source.function(n))]
        if not own or len(own) < len(names) or self._mentions(node.func, name):
            return True
        if self._is_stored(node):
            return True
        return any(self._passes(node, name, function, depth) for function in own)

    def _is_stored(self, node: ast.Call) -> bool:
        """Whether its result goes into something: `y[:] = f(x)`, `y += f(x)`."""
        around = self.source.parent(node)
        targets = around.targets if isinstance(around, ast.Assign) else []
        stores = any(not isinstance(target, ast.Name) for target in targets)
        return stores or isinstance(around, ast.AugAssign)

    def _passes(self, node: ast.Call, name: str, function: Function, depth: int) -> bool:
        """Whether an argument that mentions it reaches a parameter that is written to."""
        parameters = [k.arg or "" for k in node.keywords if self._mentions(k.value, name)]
        for index, argument in enumerate(node.args):
            if self._mentions(argument, name):
                known = index < len(function.inputs) and not isinstance(argument, ast.Starred)
                parameters.append(function.inputs[index] if known else "")
        return any(
            parameter not in function.inputs or self._written(function, parameter, depth)
            for parameter in parameters
        )

    def _written(self, function: Function, name: str, depth: int) -> bool:
        """Whether a function may write to what one of its names holds, or keep it."""
        if (function, name) not in self._writes:
            self._writes[function, name] = False  # while it calls itself
            self._writes[function, name] = self._decide(function, name, depth)
        return self._writes[function, name]

    def _decide(self, function: Function, name: str, depth: int) -> bool:
        for node in self.links.handed_name.get((function.scope, name), ()):
            if not self._reads_only(node) and self.may_write(node, name, depth + 1):
                return True
        if any(self._holds(value, name) for value in self._kept.get(function, ())):
            return True
        aliases = self._aliases(function, name)
        return any(self._written(function, other, depth) for other in aliases)

    def _reads_only(self, node: ast.AST) -> bool:
        """A library's function without `out=`, or a method that tells about a tensor."""
        from integrity.rules.links import ABOUT, LIKE

        if not isinstance(node, ast.Call) or any(k.arg == "out" for k in node.keywords):
            return False
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if method.endswith("_"):
            return False
        names = self.source.names(node.func)
        read_only = bool(names) and all(n.startswith(READ_ONLY) and "()" not in n for n in names)
        return read_only or method in ABOUT or method in LIKE

    @cached_property
    def _kept(self) -> dict[Function, list[ast.expr]]:
        """Values that a function puts into attributes and containers."""
        found: dict[Function, list[ast.expr]] = {}
        for node in self.source.live(ast.Assign):
            if not all(isinstance(target, ast.Name) for target in node.targets):
                found.setdefault(self.source.function_of(node), []).append(node.value)
        return found

    def _aliases(self, function: Function, name: str) -> list[str]:
        """Names that may hold the same, or one of what it holds."""
        return [
            other
            for other, bindings in function.scope.bindings.items()
            if other != name
            and any(
                (b.value is not None and self._holds(b.value, name))
                or (b.element is not None and self._mentions(b.element[0], name))
                for b in bindings[:MAX_PARTS]
            )
        ]

    def _holds(self, value: ast.expr, name: str) -> bool:
        """Whether a value is the object or a view of it: no library computes a new one."""
        for _ in range(MAX_DEPTH * 2):
            if isinstance(value, ast.Attribute | ast.Subscript):
                value = value.value
            elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
                value = value.func.value
        if isinstance(value, ast.Name):
            return value.id == name
        return self._mentions(value, name) and not isinstance(value, ast.Call)

    def _mentions(self, node: ast.expr, name: str) -> bool:
        for part in self.source.below(node, MAX_PARTS):
            if isinstance(part, ast.Name) and part.id == name:
                return True
            if isinstance(part, ast.Attribute) and f".{part.attr}" == name:
                return True
        return False
