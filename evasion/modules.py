"""The shape of a module: its imports, its statements that act, names nobody uses yet."""

import ast
from collections.abc import Iterable, Iterator
from random import Random

from integrity.evasion.scopes import GlobalNames

WORDS = ("bank", "block", "cell", "lane", "page", "plan", "pool", "ring", "slot", "table", "tile")


def fresh(rng: Random, stem: str = "") -> str:
    """A name that surely nobody uses: 32 random bits follow the word."""
    return f"{stem or rng.choice(WORDS)}_{rng.getrandbits(32):08x}"


def statements(source: str) -> list[ast.stmt]:
    """The statements of a piece of source."""
    return ast.parse(source).body


def expression(source: str) -> ast.expr:
    """The expression of a piece of source."""
    return ast.parse(source, mode="eval").body


def is_docstring(node: ast.stmt) -> bool:
    """A bare string."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def start(tree: ast.Module) -> int:
    """The first place where a statement may stand: after the docstring and `__future__`."""
    place = 0
    for index, node in enumerate(tree.body):
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if future or (index == 0 and is_docstring(node)):
            place = index + 1
    return place


def after_imports(tree: ast.Module) -> int:
    """The place after the last import that stands at module level."""
    places = [
        index + 1
        for index, node in enumerate(tree.body)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return max(places, default=start(tree))


def imported(body: Iterable[ast.stmt]) -> dict[str, str]:
    """What the module-level imports bind, by name: `{"clock": "time", "jit": "numba:jit"}`."""
    names: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            for alias in node.names:
                if alias.name != "*":
                    names[alias.asname or alias.name] = f"{node.module}:{alias.name}"
    return names


def is_active(node: ast.stmt) -> bool:
    """Whether a module-level statement does something: not an import, a definition or a test."""
    if isinstance(node, ast.If):
        return "__name__" not in ast.dump(node.test)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return not isinstance(node.value, ast.Constant)
    passive = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    return not isinstance(node, passive | ast.Pass) and not is_docstring(node)


def runs(body: list[ast.stmt]) -> Iterator[tuple[bool, list[ast.stmt]]]:
    """The statements in order, those that act in groups of neighbours."""
    group: list[ast.stmt] = []
    for node in body:
        if is_active(node) and not _has_star(node):
            group.append(node)
            continue
        if group:
            yield True, group
            group = []
        yield False, [node]
    if group:
        yield True, group


def _has_star(node: ast.stmt) -> bool:
    """`import *` stands at module level only."""
    imports = (part for part in ast.walk(node) if isinstance(part, ast.ImportFrom))
    return any(alias.name == "*" for part in imports for alias in part.names)


def rebound(tree: ast.AST) -> set[str]:
    """Names that are assigned somewhere, or shared by `global`: not the imports they look like."""
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Global))
    names: set[str] = set()
    for node in stored:
        if isinstance(node, ast.Global):
            names |= set(node.names)
        elif not isinstance(node.ctx, ast.Load):
            names.add(node.id)
    return names


class Renamed(GlobalNames):
    """Replaces the module's names by expressions."""

    def __init__(self, table: dict[str, str]) -> None:
        super().__init__()
        self.table = table
        self.count = 0

    def name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.table or not isinstance(node.ctx, ast.Load):
            return node
        self.count += 1
        return expression(self.table[node.id])
