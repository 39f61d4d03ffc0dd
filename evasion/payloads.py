"""Source that is a string, or less than that, until it runs."""

import ast
import base64
import marshal
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import after_imports, is_active, runs, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator, rendered
from integrity.evasion.scopes import is_device
from integrity.evasion.spelling import pieces


@dataclass(frozen=True)
class Packing:
    """One way to write a piece of source as something to execute."""

    name: str
    write: Callable[[str, Random], str]
    """The source of a statement that executes it."""

    needs: str = ""


def _b64(raw: bytes) -> str:
    return f"base64.b64decode({base64.b64encode(raw)!r})"


def _marshalled(source: str, rng: Random) -> str:
    # Only this interpreter can read it back, as with every marshalled payload.
    made = marshal.dumps(compile(source, "<string>", "exec"))
    return f"exec(marshal.loads({_b64(made)}))"


def _zipped(source: str, rng: Random) -> str:
    return f"exec(zlib.decompress({_b64(zlib.compress(source.encode()))}).decode())"


def _cut(source: str, rng: Random) -> str:
    return f"exec({' + '.join(map(repr, pieces(source, rng, 12)))})"


PACKINGS = (
    Packing("source", lambda source, rng: f"exec({source!r})"),
    Packing("compiled", lambda source, rng: f"exec(compile({source!r}, '<kernel>', 'exec'))"),
    Packing("eval", lambda source, rng: f"eval(compile({source!r}, '<kernel>', 'exec'))"),
    Packing("pieces", _cut),
    Packing("lines", lambda source, rng: f"exec('\\n'.join({source.splitlines()}))"),
    Packing("reversed", lambda source, rng: f"exec({source[::-1]!r}[::-1])"),
    Packing("hex", lambda source, rng: f"exec(bytes.fromhex({source.encode().hex()!r}))"),
    Packing(
        "base64", lambda source, rng: f"exec({_b64(source.encode())}.decode())", "import base64"
    ),
    Packing("zlib", _zipped, "import base64, zlib"),
    Packing("marshal", _marshalled, "import base64, marshal"),
    Packing(
        "through-builtins",
        lambda source, rng: f"getattr(builtins, 'ex' + 'ec')({source!r}, globals())",
        "import builtins",
    ),
)


def _needed(tree: ast.Module, packing: Packing) -> ast.Module:
    tree.body[start(tree) : start(tree)] = code(packing.needs)
    return tree


@dataclass(frozen=True)
class PackedStatements(TreeMutator):
    """The statements that act, or else the functions, are executed from a string."""

    name: str
    packing: Packing

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Device functions stay source, because their compiler reads it."""
        if any(is_active(node) for node in tree.body):
            body: list[ast.stmt] = []
            for active, group in runs(tree.body):
                source = ast.unparse(ast.Module(group, []))
                body += code(self.packing.write(source, rng)) if active else group
            tree.body = body
            return _needed(tree, self.packing)
        return None


class _Functions(ast.NodeTransformer):
    def __init__(self, packing: Packing, rng: Random) -> None:
        self.packing, self.rng = packing, rng
        self.count = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | list[ast.stmt]:
        words = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if is_device(node) or words & {"super", "__class__"} or "__" in _private(node):
            return node
        self.count += 1
        return code(self.packing.write(ast.unparse(node), self.rng))


def _private(node: ast.AST) -> str:
    """The marks of names that only mean the same inside their class."""
    names = (getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node))
    return "".join("__" for n in names if n.startswith("__") and not n.endswith("__"))


@dataclass(frozen=True)
class PackedFunctions(TreeMutator):
    """Functions and methods are defined by executing a string where they stood."""

    name: str
    packing: Packing

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """All but device functions and those that call `super()`."""
        # `globals()` would define a method outside its class.
        if "globals()" in self.packing.write("", rng):
            return None
        functions = _Functions(self.packing, rng)
        tree = functions.visit(tree)
        return _needed(tree, self.packing) if functions.count else None


@dataclass(frozen=True)
class PackedModule(TreeMutator):
    """Everything after the imports is executed from a string."""

    name: str
    packing: Packing

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Modules without device functions, whose compiler reads their source."""
        if any(is_device(node) for node in ast.walk(tree)):
            return None
        place = after_imports(tree)
        if place == len(tree.body):
            return None
        source = rendered(ast.Module(tree.body[place:], []))
        tree.body[place:] = code(self.packing.write(source, rng))
        return _needed(tree, self.packing)


MUTATORS: tuple[Mutator, ...] = (
    *(PackedStatements(f"exec-statements-{each.name}", each) for each in PACKINGS),
    *(PackedFunctions(f"exec-functions-{each.name}", each) for each in PACKINGS[:-1]),
    *(PackedModule(f"exec-module-{each.name}", each) for each in PACKINGS),
)
