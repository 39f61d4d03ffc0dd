"""Which of the submission's own methods an operator runs: `engine @ pair`, `table[key]`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from integrity.rules.scopes import Class, Function

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_LINEAGE = 4
OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}
ITEMS = ("__getitem__", "__missing__")
METHODS = {f"__{side}{name}__" for name in OPERATORS.values() for side in ("", "r")} | set(ITEMS)


class Overloads:
    """Operators that the submission defines for objects of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        owners = source.layout.classes.values()
        self._defined = {name for owner in owners for name in owner.methods.keys() & METHODS}

    def methods(self, node: ast.AST) -> list[Function]:
        """What evaluating that expression itself runs, its operands apart."""
        if not self._defined:
            return []
        found: list[Function] = []
        for operand, name in _asked(node):
            if name in self._defined:
                found += self._of(operand, name)
        return found

    def _of(self, operand: ast.expr, name: str) -> list[Function]:
        classes = self.source.layout.classes
        known = sorted(n for n in self.source.names(operand) if n.endswith("()"))
        owners = [classes[n[:-2]] for n in known if n[:-2] in classes]
        return [method for owner in owners if (method := self._inherited(owner, name))]

    def _inherited(self, owner: Class, name: str, depth: int = 0) -> Function | None:
        if name in owner.methods or depth > MAX_LINEAGE:
            return owner.methods.get(name)
        classes = self.source.layout.classes
        paths = [path for base in owner.node.bases[:8] for path in sorted(self.source.names(base))]
        parents = [classes[path] for path in paths if path in classes]
        methods = (self._inherited(parent, name, depth + 1) for parent in parents)
        return next((method for method in methods if method), None)


def _asked(node: ast.AST) -> list[tuple[ast.expr, str]]:
    """Operands, and the method that each is asked for."""
    if isinstance(node, ast.BinOp):
        name = OPERATORS[type(node.op)]
        return [(node.left, f"__{name}__"), (node.right, f"__r{name}__")]
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return [(node.value, name) for name in ITEMS]
    return []
