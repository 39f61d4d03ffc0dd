"""Source with a hole in it: statements put into `BODY`, declarations into `SHARED`."""

import ast

from integrity.evasion.modules import statements


class _Filler(ast.NodeTransformer):
    def __init__(self, body: list[ast.stmt], shared: ast.stmt | None) -> None:
        self.body, self.shared = body, shared

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt] | None:
        if isinstance(node.value, ast.Name) and node.value.id == "BODY":
            return self.body
        if isinstance(node.value, ast.Name) and node.value.id == "SHARED":
            return self.shared
        return node


def filled(
    template: str, new: str, body: list[ast.stmt], shared: ast.stmt | None
) -> list[ast.stmt]:
    """The template's statements, `NAME` replaced by `new` and the holes filled."""
    made: list[ast.stmt] = []
    for node in statements(template.replace("NAME", new)):
        result = _Filler(body, shared).visit(node)
        made += result if isinstance(result, list) else [result]
    return made
