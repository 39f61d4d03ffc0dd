"""Module-level state that lives somewhere else."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import expression, fresh, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import (
    GlobalNames,
    bound,
    device_names,
    is_device,
    own_nodes,
    parameters,
)


def variables(tree: ast.Module) -> list[str]:
    """Names that only plain module-level assignments bind, and no device function reads."""
    plain: set[str] = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        plain |= {target.id for target in targets if isinstance(target, ast.Name)}
    odd = device_names(tree)
    for part in ast.walk(tree):
        if isinstance(part, ast.NamedExpr | ast.AnnAssign):
            odd |= {part.target.id} if isinstance(part.target, ast.Name) else set()
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            odd.add(part.value)  # globals()["name"], getattr(module, "name")
    odd |= bound(node for node in own_nodes(tree.body) if _binds_oddly(node))
    return sorted(name for name in plain - odd if not name.startswith("__"))


def _binds_oddly(node: ast.AST) -> bool:
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return isinstance(node, kinds | ast.ExceptHandler | ast.MatchAs | ast.MatchStar)


class _Moved(GlobalNames):
    def __init__(self, table: dict[str, str]) -> None:
        super().__init__()
        self.table = table

    def name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.table:
            return node
        made = expression(self.table[node.id])
        assert isinstance(made, ast.Attribute | ast.Subscript)
        made.ctx = node.ctx
        return made

    def visit_Global(self, node: ast.Global) -> ast.AST | None:
        left = [name for name in node.names if name not in self.table]
        return ast.Global(left) if left else None


@dataclass(frozen=True)
class Moved(TreeMutator):
    """Module variables become parts of something else."""

    name: str
    open: str
    """Statements that make `{box}`."""

    use: str
    """The expression that stands for the variable `{old}`."""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """All variables that plain assignments bind."""
        names = variables(tree)
        if not names:
            return None
        box = fresh(rng)
        tree = _Moved({old: self.use.format(old=old, box=box) for old in names}).visit(tree)
        place = start(tree)
        tree.body[place:place] = code(self.open.format(box=box))
        return tree


def constants(tree: ast.Module) -> dict[str, int]:
    """Variables bound exactly once, at module level; with the index of that statement."""
    shared = {n for node in ast.walk(tree) if isinstance(node, ast.Global) for n in node.names}
    places: dict[str, int] = {}
    for name in set(variables(tree)) - shared:
        binding = [index for index, node in enumerate(tree.body) if name in bound([node])]
        if len(binding) == 1:
            places[name] = binding[0]
    return places


def _read(node: ast.AST) -> set[str]:
    """The module's names that a definition reads in its body."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    inner = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)} | {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    return names - inner


class DefaultArguments(TreeMutator):
    """A function gets the module's variables as the defaults of its parameters."""

    name = "state-in-default"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every function after the variable's assignment, methods too."""
        places = constants(tree)
        count = 0
        for index, node in enumerate(tree.body):
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            for function in inside:
                if not isinstance(function, ast.FunctionDef) or is_device(function):
                    continue
                if parameters(function.args) & set(places):
                    continue
                early = {name for name, place in places.items() if place < index}
                for name in sorted(_read(function) & early):
                    function.args.kwonlyargs.append(ast.arg(name))
                    function.args.kw_defaults.append(ast.Name(name, ast.Load()))
                    count += 1
        return tree if count else None


class Closures(TreeMutator):
    """A definition is made by a function whose parameters are the module's variables."""

    name = "state-in-closure"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every definition after the assignments of the variables it reads."""
        places = constants(tree)
        body: list[ast.stmt] = []
        count = 0
        for index, node in enumerate(tree.body):
            wanted = sorted(_read(node) & {n for n, place in places.items() if place < index})
            fits = isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_device(node)
            if not fits or not wanted:
                body.append(node)
                continue
            assert isinstance(node, ast.FunctionDef | ast.ClassDef)
            make = fresh(rng)
            listed = ", ".join(wanted)
            maker = code(f"def {make}({listed}):\n    return {node.name}")[0]
            assert isinstance(maker, ast.FunctionDef)
            maker.body.insert(0, node)
            body += [maker, *code(f"{node.name} = {make}({listed})")]
            count += 1
        tree.body = body
        return tree if count else None


MUTATORS: tuple[Mutator, ...] = (
    Moved("state-in-cells", "{box} = {{}}", "{box}['{old}']"),
    Moved("state-in-class", "class {box}:\n    pass", "{box}.{old}"),
    Moved("state-in-instance", "{box} = type('{box}', (), {{}})()", "{box}.{old}"),
    Moved("state-in-function", "def {box}():\n    pass", "{box}.{old}"),
    Moved("state-in-namespace", "import types\n{box} = types.SimpleNamespace()", "{box}.{old}"),
    Moved("state-in-module", "import types\n{box} = types.ModuleType('{box}')", "{box}.{old}"),
    Moved("state-in-vars", "class {box}:\n    pass\n{box} = {box}()", "vars({box})['{old}']"),
    Moved("state-in-globals", "pass", "globals()['{old}']"),
    Moved(
        "state-in-list",
        "import collections\n{box} = collections.defaultdict(lambda: [None])",
        "{box}['{old}'][0]",
    ),
    DefaultArguments(),
    Closures(),
)
