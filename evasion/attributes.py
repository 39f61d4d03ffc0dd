"""Reading and calling attributes without the dot."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import imported, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import GlobalNames, own_nodes
from integrity.evasion.spelling import CONCATENATED, LITERAL, SPELLINGS, Spelling


def chain(node: ast.expr) -> tuple[str, list[str]]:
    """`torch.cuda.Event` as its root and the rest; the root is empty where it is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else ""), parts[::-1]


def names_of_imports(tree: ast.Module) -> set[str]:
    """Every name that an import at module level binds, those in `try` and `if` too."""
    found = (node for node in own_nodes(tree.body) if isinstance(node, ast.stmt))
    return set(imported(found))


class Sites(GlobalNames):
    """Hands on attributes whose root is imported; annotations and device code are left alone."""

    def __init__(self, roots: set[str]) -> None:
        super().__init__()
        self.roots = roots
        self.count = 0

    def applies(self, node: ast.Attribute) -> bool:
        """Whether this attribute is read from something imported, or from a part of it."""
        root, parts = chain(node)
        private = any(part.startswith("__") and not part.endswith("__") for part in parts)
        return root in self.roots and self.is_global(root) and not private

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = self.visit(node.value) if node.value else None
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # quotes inside an f-string can't be nested before Python 3.12

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        returns, node.returns = node.returns, None
        visited = super()._function(node)
        node.returns = returns
        return visited


class _Get(Sites):
    def __init__(self, roots: set[str], spelling: Spelling, template: str, rng: Random) -> None:
        super().__init__(roots)
        self.spelling, self.template, self.rng = spelling, template, rng

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        applies = self.applies(node) and isinstance(node.ctx, ast.Load)
        node.value = self.visit(node.value)
        if not applies:
            return node
        self.count += 1
        spelled = ast.unparse(self.spelling.spell(node.attr, self.rng))
        source = self.template.format(base=ast.unparse(node.value), name=spelled)
        return ast.parse(source, mode="eval").body


@dataclass(frozen=True)
class Got(TreeMutator):
    """`torch.cuda` becomes `getattr(torch, "cu" + "da")`."""

    name: str
    spelling: Spelling
    template: str = "getattr({base}, {name})"
    needs: str = ""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every read of an attribute of something imported."""
        getter = _Get(names_of_imports(tree), self.spelling, self.template, rng)
        tree = getter.visit(tree)
        if not getter.count:
            return None
        place = start(tree)
        tree.body[place:place] = code(f"{self.needs}\n{self.spelling.needs}")
        return tree


class _Caller(Sites):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        applies = isinstance(function, ast.Attribute) and self.applies(function)
        self.generic_visit(node)
        if not applies or not isinstance(node.func, ast.Attribute):
            return node
        self.count += 1
        caller = ast.parse("operator.methodcaller()", mode="eval").body
        assert isinstance(caller, ast.Call)
        caller.args = [ast.Constant(node.func.attr), *node.args]
        caller.keywords = node.keywords
        return ast.Call(caller, [node.func.value], [])


class MethodCaller(TreeMutator):
    """`sys._getframe(1)` becomes `operator.methodcaller("_getframe", 1)(sys)`."""

    name = "methodcaller"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every call of an attribute of something imported."""
        # A keyword called `name` would be taken for the method's.
        if any(isinstance(node, ast.keyword) and node.arg == "name" for node in ast.walk(tree)):
            return None
        caller = _Caller(names_of_imports(tree))
        tree = caller.visit(tree)
        if not caller.count:
            return None
        place = start(tree)
        tree.body[place:place] = code("import operator")
        return tree


MUTATORS: tuple[Mutator, ...] = (
    *(Got(f"getattr-{spelling.name}", spelling) for spelling in SPELLINGS),
    Got("attrgetter", LITERAL, "operator.attrgetter({name})({base})", "import operator"),
    Got(
        "attrgetter-assembled",
        CONCATENATED,
        "operator.attrgetter({name})({base})",
        "import operator",
    ),
    Got("getattr-of-builtins", LITERAL, "builtins.getattr({base}, {name})", "import builtins"),
    Got(
        "getattr-partial", LITERAL, "functools.partial(getattr, {base})({name})", "import functools"
    ),
    Got("getattr-mapped", LITERAL, "next(map(getattr, [{base}], [{name}]))"),
    MethodCaller(),
)
