"""Writing to an attribute without an assignment to it."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.attributes import chain, names_of_imports
from integrity.evasion.modules import fresh, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import is_device
from integrity.evasion.spelling import (
    BASE64,
    CONCATENATED,
    JOINED,
    LITERAL,
    REVERSED,
    SPELLINGS,
    Spelling,
)

PARTS_THAT_ARE_MODULES = {
    "autograd",
    "cuda",
    "functional",
    "init",
    "nn",
    "testing",
    "utils",
}
"""Attributes of torch that are modules: theirs is a dict that can be written to."""


def is_module(base: ast.expr, modules: set[str]) -> bool:
    """Whether the expression surely stands for a module."""
    root, parts = chain(base)
    return root in modules and all(part in PARTS_THAT_ARE_MODULES for part in parts)


def is_class(base: ast.expr, roots: set[str]) -> bool:
    """Whether the expression surely stands for a class of something imported."""
    root, parts = chain(base)
    return root in roots and bool(parts) and parts[-1][:1].isupper()


def modules_of(tree: ast.Module) -> set[str]:
    """Names that `import x` binds, so that they are modules; rebound ones are none."""
    found = (node for node in tree.body if isinstance(node, ast.Import))
    aliases = (alias for node in found for alias in node.names)
    return {
        alias.asname or alias.name for alias in aliases if alias.asname or "." not in alias.name
    }


@dataclass(frozen=True)
class Stored(TreeMutator):
    """`time.perf_counter = f` becomes a statement that does the same through a call."""

    name: str
    template: str
    """With `{base}`, `{name}` (an expression), `{attribute}` (bare), `{value}` and `{new}`."""

    needs: str = ""
    spelling: Spelling = LITERAL
    where: str = "anything"
    """What the base must be for this to mean the same: `anything`, `module` or `class`."""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every assignment to one attribute of something imported or of the module's own."""
        storer = _Storer(self, tree, rng)
        tree = storer.visit(tree)
        if not storer.count:
            return None
        place = start(tree)
        tree.body[place:place] = code(f"{self.needs}\n{self.spelling.needs}")
        return tree


class _Storer(ast.NodeTransformer):
    def __init__(self, how: Stored, tree: ast.Module, rng: Random) -> None:
        self.how, self.tree, self.rng = how, tree, rng
        self.modules, self.roots = modules_of(tree), names_of_imports(tree)
        self.count = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if is_device(node) else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Attribute):
            return node
        if not self._applies(target):
            return node
        return self._stored(target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        target = node.target
        if not isinstance(target, ast.Attribute) or not chain(target)[0]:
            return node
        if not self._applies(target):
            return node
        read = ast.Attribute(target.value, target.attr, ast.Load())
        return self._stored(target, ast.BinOp(read, node.op, node.value))

    def _applies(self, target: ast.Attribute) -> bool:
        if target.attr.startswith("__") and not target.attr.endswith("__"):
            return False
        if self.how.where == "module":
            return is_module(target.value, self.modules)
        if self.how.where == "class":
            return is_class(target.value, self.roots)
        return True

    def _stored(self, target: ast.Attribute, value: ast.expr) -> list[ast.stmt]:
        self.count += 1
        source = self.how.template.format(
            base=ast.unparse(target.value),
            name=ast.unparse(self.how.spelling.spell(target.attr, self.rng)),
            attribute=target.attr,
            value=f"({ast.unparse(value)})",
            new=fresh(self.rng),
        )
        return code(source)


SETATTR = "setattr({base}, {name}, {value})"
MUTATORS: tuple[Mutator, ...] = (
    *(
        Stored(f"setattr-{spelling.name}", SETATTR, spelling.needs, spelling)
        for spelling in SPELLINGS
    ),
    Stored("setattr-of-builtins", "builtins.setattr({base}, {name}, {value})", "import builtins"),
    Stored("setattr-renamed", "{new} = setattr\n{new}({base}, {name}, {value})"),
    Stored(
        "setattr-partial",
        "functools.partial(setattr, {base}, {name})({value})",
        "import functools",
    ),
    Stored("setattr-mapped", "[*map(setattr, [{base}], [{name}], [{value}])]"),
    Stored("setattr-starred", "setattr(*[{base}, {name}, {value}])", "", CONCATENATED),
    Stored("setattr-in-dict", "{{'w': setattr}}['w']({base}, {name}, {value})", "", REVERSED),
    Stored("setattr-in-lambda", "(lambda o, n, v: setattr(o, n, v))({base}, {name}, {value})"),
    Stored("loop-target", "for {base}.{attribute} in [{value}]:\n    pass"),
    Stored("unpacked-target", "({base}.{attribute}, *_) = ({value}, 0)"),
    Stored(
        "with-target",
        "with contextlib.nullcontext({value}) as {base}.{attribute}:\n    pass",
        "import contextlib",
    ),
    Stored(
        "mock-patched",
        "unittest.mock.patch.object({base}, {name}, {value}, create=True).start()",
        "import unittest.mock",
        where="module",
    ),
    Stored("dict-item", "{base}.__dict__[{name}] = {value}", where="module"),
    Stored("dict-item-assembled", "{base}.__dict__[{name}] = {value}", "", JOINED, "module"),
    Stored("dict-update", "{base}.__dict__.update({{{name}: {value}}})", where="module"),
    Stored("vars-item", "vars({base})[{name}] = {value}", where="module"),
    Stored("vars-update", "vars({base}).update({attribute}={value})", where="module"),
    Stored("vars-base64", "vars({base})[{name}] = {value}", "", BASE64, "module"),
    Stored(
        "dict-setitem",
        "operator.setitem({base}.__dict__, {name}, {value})",
        "import operator",
        where="module",
    ),
    Stored("module-setattr", "{base}.__setattr__({name}, {value})", where="module"),
    Stored("object-setattr", "object.__setattr__({base}, {name}, {value})", where="module"),
    Stored("type-of-setattr", "type({base}).__setattr__({base}, {name}, {value})"),
    Stored("type-setattr", "type.__setattr__({base}, {name}, {value})", where="class"),
    Stored(
        "methodcaller-setattr",
        "operator.methodcaller('__setattr__', {name}, {value})({base})",
        "import operator",
        where="module",
    ),
)
