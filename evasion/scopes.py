"""Which names a scope binds, and which names mean the module's own."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
DEVICE = {"jit", "autotune", "heuristics", "kernel"}
"""Decorators that compile a function from its source text: it has to stay as it stands."""


def is_device(node: ast.AST) -> bool:
    """Whether the function is compiled for a device from its source."""
    if not isinstance(node, Function):
        return False
    mentioned = (part for decorator in node.decorator_list for part in ast.walk(decorator))
    return any(
        (isinstance(part, ast.Attribute) and part.attr in DEVICE)
        or (isinstance(part, ast.Name) and part.id in DEVICE)
        for part in mentioned
    )


def device_names(tree: ast.AST) -> set[str]:
    """Every name that a device function mentions, its own among them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function) and is_device(node):
            names.add(node.name)
            names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the scopes inside it."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Function | ast.ClassDef):
            stack += node.decorator_list
        elif not isinstance(node, ast.Lambda | Comprehension):
            stack += ast.iter_child_nodes(node)


def bound(body: Iterable[ast.AST]) -> set[str]:
    """The names that these statements bind in their own scope."""
    names: set[str] = set()
    for node in own_nodes(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, Comprehension):
            inner = (part for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
            names |= {part.target.id for part in inner}
    return names


def declared(body: Iterable[ast.AST], kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """The names that `global` or `nonlocal` statements of this scope name."""
    found = (node for node in own_nodes(body) if isinstance(node, kind))
    return {name for node in found for name in node.names}


def parameters(arguments: ast.arguments) -> set[str]:
    """The names of all parameters."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return {each.arg for each in every}


@dataclass
class Frame:
    """One scope on the way to a name."""

    locals: set[str]
    globals: set[str] = field(default_factory=set)
    of_class: bool = False


class GlobalNames(ast.NodeTransformer):
    """Hands every name that means the module's own to `name`; device functions stay as they are."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def name(self, node: ast.Name) -> ast.expr:
        """What to put in the name's place."""
        return node

    def is_global(self, name: str) -> bool:
        """Whether the name means the module's own here."""
        for depth, frame in enumerate(reversed(self.frames)):
            if frame.of_class and depth > 0:
                continue
            if name in frame.globals:
                return True
            if name in frame.locals:
                return False
        return True

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.name(node) if self.is_global(node.id) else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: Function) -> ast.AST:
        if is_device(node):
            return node
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        node.returns = self.visit(node.returns) if node.returns else None
        shared = declared(node.body, ast.Global)
        own = (parameters(node.args) | bound(node.body)) - shared
        self.frames.append(Frame(own - declared(node.body, ast.Nonlocal), shared))
        node.body = self._statements(node.body)
        self.frames.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.args = self.visit(node.args)
        self.frames.append(Frame(parameters(node.args)))
        node.body = self.visit(node.body)
        self.frames.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.bases = [self.visit(each) for each in node.bases]
        node.keywords = [self.visit(each) for each in node.keywords]
        shared = declared(node.body, ast.Global)
        self.frames.append(Frame(bound(node.body) - shared, shared, of_class=True))
        node.body = self._statements(node.body)
        self.frames.pop()
        return node

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        visited: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            visited += result if isinstance(result, list) else [result] if result else []
        return visited or [ast.Pass()]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, Comprehension):
            return super().generic_visit(node)
        targets = [part for each in node.generators for part in ast.walk(each.target)]
        self.frames.append(Frame({part.id for part in targets if isinstance(part, ast.Name)}))
        visited = super().generic_visit(node)
        self.frames.pop()
        return visited
