"""Other names for the submission's own things, and names that say nothing."""

import ast
from random import Random

from integrity.evasion.modules import fresh
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import (
    Function,
    GlobalNames,
    bound,
    declared,
    device_names,
    is_device,
    own_nodes,
    parameters,
)

CALLED_FROM_OUTSIDE = {
    "Model",
    "ModelNew",
    "check_implementation",
    "custom_kernel",
    "get_init_inputs",
    "get_inputs",
    "generate_input",
    "kernel",
    "make_inputs",
    "ref_kernel",
    "reference",
}
"""Names that a harness looks up."""

READS_NAMES = {"_getframe", "currentframe", "eval", "exec", "getattr", "globals", "locals", "vars"}
"""Where one of these is used, a name may be data."""


def reads_names(tree: ast.AST) -> bool:
    """Whether the program may look at its own names."""
    words = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
    return bool(words & READS_NAMES)


def _words(tree: ast.AST) -> set[str]:
    """Identifiers that stand in strings."""
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str) and value.isidentifier()}


class _Own(GlobalNames):
    """Renames the module's own variables, functions and classes."""

    def __init__(self, table: dict[str, str]) -> None:
        super().__init__()
        self.table = table

    def name(self, node: ast.Name) -> ast.expr:
        node.id = self.table.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self.table.get(name, name) for name in node.names]
        return node

    def _function(self, node: Function) -> ast.AST:
        if not self.frames and not is_device(node):
            node.name = self.table.get(node.name, node.name)
        return super()._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if not self.frames:
            node.name = self.table.get(node.name, node.name)
        return super().visit_ClassDef(node)


class RenamedGlobals(TreeMutator):
    """Variables, functions and classes of the module get names that say nothing."""

    name = "rename-globals"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """All but what the harness calls, device functions, and names that are data somewhere."""
        if reads_names(tree):
            return None
        imports = {
            alias.asname or alias.name.split(".")[0]
            for node in own_nodes(tree.body)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        kept = imports | device_names(tree) | CALLED_FROM_OUTSIDE | _words(tree) | _handlers(tree)
        read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        names = sorted((bound(tree.body) & read) - kept)
        table = {name: fresh(rng) for name in names if not name.startswith("__")}
        return _Own(table).visit(tree) if table else None


def _handlers(tree: ast.AST) -> set[str]:
    """Names that are no `Name` node where they are bound."""
    kinds = ast.ExceptHandler | ast.MatchAs | ast.MatchStar
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name}


class _Locals(ast.NodeTransformer):
    def __init__(self, tree: ast.Module, rng: Random) -> None:
        self.tree, self.rng = tree, rng
        self.handlers = _handlers(tree)
        self.count = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if is_device(node):
            return node
        self.generic_visit(node)
        own = bound(node.body) - parameters(node.args) - self.handlers - rebound_inside(node)
        plain = {
            part.id
            for part in own_nodes(node.body)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
        others = {part.name for part in own_nodes(node.body) if isinstance(part, Named)}
        imports = bound(n for n in own_nodes(node.body) if isinstance(n, Imports))
        table = {name: fresh(self.rng) for name in sorted(own & plain - others - imports)}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in table:
                part.id = table[part.id]
                self.count += 1
        return node


Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Imports = ast.Import | ast.ImportFrom


def rebound_inside(node: ast.FunctionDef) -> set[str]:
    """Names that an inner scope binds or declares: they may mean something else there."""
    names = declared(node.body, ast.Global) | declared(node.body, ast.Nonlocal)
    for part in ast.walk(node):
        if part is node:
            continue
        if isinstance(part, Function | ast.ClassDef):
            names |= bound(part.body) | declared(part.body, ast.Global)
            names |= declared(part.body, ast.Nonlocal)
        if isinstance(part, Function | ast.Lambda):
            names |= parameters(part.args)
        if isinstance(part, ast.comprehension):
            names |= {n.id for n in ast.walk(part.target) if isinstance(n, ast.Name)}
    return names


class RenamedLocals(TreeMutator):
    """Local variables get names that say nothing."""

    name = "rename-locals"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """All that are no parameters, since those can be passed by name."""
        if reads_names(tree):
            return None
        renamer = _Locals(tree, rng)
        tree = renamer.visit(tree)
        return tree if renamer.count else None


class RenamedEverything(TreeMutator):
    """Both, and a few names that nobody needs."""

    name = "rename-everything"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Where the names are not data."""
        inner = RenamedLocals().rewrite(tree, rng) or tree
        renamed = RenamedGlobals().rewrite(inner, rng)
        if renamed is None:
            return None
        junk = [f"{fresh(rng)} = {rng.randrange(9)}" for _ in range(3)]
        renamed.body += ast.parse("\n".join(junk)).body
        return renamed


MUTATORS: tuple[Mutator, ...] = (RenamedGlobals(), RenamedLocals(), RenamedEverything())
