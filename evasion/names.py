"""Imported names that travel through other names and through containers."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import Renamed, after_imports, fresh, imported, rebound
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import Comprehension


@dataclass(frozen=True)
class Held(TreeMutator):
    """An imported name is put somewhere, and fetched from there at every use."""

    name: str
    put: str
    """Statements that store `{old}` in `{box}`, a fresh name."""

    use: str
    """The expression that fetches it."""

    needs: str = ""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """All that the module-level imports bind; what stands before the last import stays."""
        place = after_imports(tree)
        fixed = rebound(tree)
        names = [name for name in imported(tree.body[:place]) if name not in fixed]
        boxes = {name: fresh(rng) for name in names}
        renamed = Renamed({old: self.use.format(old=old, box=box) for old, box in boxes.items()})
        later = [renamed.visit(node) for node in tree.body[place:]]
        if not renamed.count:
            return None
        puts = "\n".join(self.put.format(old=old, box=box) for old, box in boxes.items())
        tree.body[place:] = [*code(f"{self.needs}\n{puts}"), *later]
        return tree


class _Walrus(Renamed):
    """Inside a comprehension a walrus could not stand everywhere; names there stay as they are."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        return node if isinstance(node, Comprehension) else super().generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node


class Walrus(TreeMutator):
    """`time.perf_counter` becomes `(t := time).perf_counter`."""

    name = "walrus"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every use of what a module-level import binds."""
        place = after_imports(tree)
        names = set(imported(tree.body[:place])) - rebound(tree)
        walrus = _Walrus({name: f"({fresh(rng)} := {name})" for name in names})
        tree.body[place:] = [walrus.visit(node) for node in tree.body[place:]]
        return tree if walrus.count else None


MUTATORS: tuple[Mutator, ...] = (
    Held("chain-of-names", "{box}_0 = {old}\n{box}_1 = {box}_0\n{box} = {box}_1", "{box}"),
    Held("tuple-unpacked", "({box}, *{box}_rest) = ({old}, 0)", "{box}"),
    Held("loop-bound", "for {box} in [{old}]:\n    pass", "{box}"),
    Held("chosen", "{box} = {old} if 1 else None", "{box}"),
    Held("or-chosen", "{box} = None or {old}", "{box}"),
    Held("in-dict", "{box} = {{'{box}': {old}}}", "{box}['{box}']"),
    Held("in-dict-get", "{box} = dict(a={old})", "{box}.get('a')"),
    Held("in-list", "{box} = [None, {old}]", "{box}[-1]"),
    Held("in-tuple", "{box} = ({old},)", "{box}[0]"),
    Held("in-namespace", "{box} = types.SimpleNamespace(m={old})", "{box}.m", "import types"),
    Held("in-class", "class {box}:\n    m = {old}", "{box}.m"),
    Held(
        "in-instance", "class {box}:\n    def __init__(self):\n        self.m = {old}", "{box}().m"
    ),
    Held("in-property", "class {box}:\n    m = property(lambda self: {old})", "{box}().m"),
    Held("in-enum", "class {box}(enum.Enum):\n    M = ({old},)", "{box}.M.value[0]", "import enum"),
    Held("in-lambda", "{box} = lambda: {old}", "{box}()"),
    Held("in-default", "def {box}(m={old}):\n    return m", "{box}()"),
    Held("in-closure", "{box} = (lambda m: lambda: m)({old})", "{box}()"),
    Held("in-generator", "def {box}():\n    yield {old}", "next({box}())"),
    Held("in-globals", "{box} = {old}", "globals()['{box}']"),
    Held("in-vars", "class {box}:\n    m = {old}", "vars({box})['m']"),
    Held("itemgetter", "{box} = [{old}]", "operator.itemgetter(0)({box})", "import operator"),
    Held("identity-function", "def {box}(m):\n    return m", "{box}({old})"),
    Walrus(),
)
