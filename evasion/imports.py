"""Imports under another name, or by another way."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import (
    Renamed,
    after_imports,
    expression,
    fresh,
    imported,
    rebound,
    start,
)
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.renaming import reads_names
from integrity.evasion.scopes import device_names
from integrity.evasion.spelling import CONCATENATED, LITERAL, REVERSED, Spelling


@dataclass(frozen=True)
class Reimported(TreeMutator):
    """`import time` becomes another statement that binds the same module to a new name."""

    name: str
    template: str
    """With `{new}`, `{module}` (dotted) and `{spelled}`, an expression for its name."""

    needs: str = ""
    spelling: Spelling = LITERAL

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every plain module-level import, and the uses of the name it bound."""
        fixed = device_names(tree) | rebound(tree)
        table: dict[str, str] = {}
        for node in tree.body:
            for alias in node.names if isinstance(node, ast.Import) else ():
                bound = alias.asname or alias.name
                if "." not in bound and bound not in fixed:
                    table[bound] = fresh(rng)
        if not table:
            return None
        renamed = Renamed(table)
        kept = reads_names(tree)
        body: list[ast.stmt] = []
        for node in tree.body:
            if isinstance(node, ast.Import):
                body += self._split(node, table, kept, rng)
            else:
                body.append(renamed.visit(node))
        tree.body = body
        tree.body[start(tree) : start(tree)] = code(f"{self.needs}\n{self.spelling.needs}")
        return tree

    def _split(
        self, node: ast.Import, table: dict[str, str], kept: bool, rng: Random
    ) -> list[ast.stmt]:
        """One statement for each module; the old name stays where names may be data."""
        made: list[ast.stmt] = []
        for alias in node.names:
            old = alias.asname or alias.name
            if old not in table:
                made.append(ast.Import([alias]))
                continue
            spelled = ast.unparse(self.spelling.spell(alias.name, rng))
            new = table[old]
            made += code(self.template.format(new=new, module=alias.name, spelled=spelled))
            made += code(f"{old} = {new}") if kept else []
        return made


REPLACED_WHILE_RUNNING = {("sys", "argv"), ("sys", "stdout"), ("sys", "stderr")}
"""A name bound to these early would miss what a harness puts there later."""


class FromImport(TreeMutator):
    """`torch.cuda` becomes `c1`, after `from torch import cuda as c1`."""

    name = "from-import"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every attribute of an imported module that nobody assigns to."""
        place = after_imports(tree)
        modules = {n: m for n, m in imported(tree.body[:place]).items() if ":" not in m}
        written = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        }
        finder = _Members(modules, written, tree, rng)
        later = [finder.visit(node) for node in tree.body[place:]]
        if not finder.lines:
            return None
        tree.body[place:] = [*code("\n".join(finder.lines)), *later]
        return tree


class _Members(Renamed):
    """Replaces `module.member` by a name of its own."""

    def __init__(
        self, modules: dict[str, str], written: set[str], tree: ast.Module, rng: Random
    ) -> None:
        super().__init__({})
        self.modules, self.written, self.tree, self.rng = modules, written, tree, rng
        self.names: dict[tuple[str, str], str] = {}
        self.lines: list[str] = []

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        root = node.value
        if not isinstance(root, ast.Name) or root.id not in self.modules:
            return self.generic_visit(node)
        known = self.is_global(root.id) and isinstance(node.ctx, ast.Load)
        if not known or node.attr in self.written or node.attr.startswith("__"):
            return node
        if (root.id, node.attr) in REPLACED_WHILE_RUNNING:
            return node
        key = root.id, node.attr
        if key not in self.names:
            self.names[key] = fresh(self.rng)
            origin = self.modules[root.id]
            self.lines.append(f"from {origin} import {node.attr} as {self.names[key]}")
        return expression(self.names[key])


ALIAS = Reimported("alias-import", "import {module} as {new}")
IMPORTLIB = Reimported(
    "importlib-import", "{new} = importlib.import_module({spelled})", "import importlib"
)
MUTATORS: tuple[Mutator, ...] = (
    ALIAS,
    FromImport(),
    IMPORTLIB,
    Reimported(
        "importlib-assembled",
        "{new} = importlib.import_module({spelled})",
        "import importlib",
        CONCATENATED,
    ),
    Reimported("dunder-import", "{new} = __import__({spelled}, fromlist=['_'])"),
    Reimported(
        "dunder-import-reversed", "{new} = __import__({spelled}, fromlist=['_'])", "", REVERSED
    ),
    Reimported("sys-modules", "import {module}\n{new} = sys.modules[{spelled}]", "import sys"),
    Reimported(
        "builtins-import",
        "{new} = vars(builtins)['__import__']({spelled}, None, None, ['_'])",
        "import builtins",
    ),
    Reimported("import-rebound-twice", "import {module} as {new}_0\n{new} = {new}_1 = {new}_0"),
    Reimported(
        "import-in-function",
        "def {new}_open():\n    import {module} as inner\n    return inner\n{new} = {new}_open()",
    ),
)
