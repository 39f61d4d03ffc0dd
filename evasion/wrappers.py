"""Statements and function bodies that run inside something else."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import fresh, is_docstring, runs, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.scopes import (
    Function,
    bound,
    declared,
    is_device,
    own_nodes,
    parameters,
)
from integrity.evasion.templates import filled


@dataclass(frozen=True)
class WrappedStatements(TreeMutator):
    """The module's statements that act run inside something, at the same place."""

    name: str
    template: str
    needs: str = ""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Each group of neighbouring statements; imports and definitions stay outside."""
        body: list[ast.stmt] = []
        count = 0
        for active, group in runs(tree.body):
            if not active or not _movable(group):
                body += group
                continue
            count += 1
            names = sorted(bound(group))
            shared = ast.Global(names) if names else None
            body += filled(self.template, fresh(rng), group, shared)
        if not count:
            return None
        tree.body = body
        tree.body[start(tree) : start(tree)] = code(self.needs)
        return tree


@dataclass(frozen=True)
class WrappedBodies(TreeMutator):
    """What a function does is done by something inside it."""

    name: str
    template: str
    needs: str = ""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """The body of every function that may be moved."""
        found = [node for node in _functions(tree) if _movable(node.body)]
        for node in found:
            place = 1 if is_docstring(node.body[0]) and len(node.body) > 1 else 0
            body = node.body[place:]
            again = bound(body) & parameters(node.args) - declared(body, ast.Global)
            shared = ast.Nonlocal(sorted(again)) if again else None
            node.body[place:] = filled(self.template, fresh(rng), body, shared)
        tree.body[start(tree) : start(tree)] = code(self.needs)
        return tree if found else None


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Outermost functions: those of the module and of its classes."""
    stack: list[ast.AST] = [*tree.body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef):
            if not is_device(node):
                yield node
        elif not isinstance(node, Function | ast.Lambda):
            stack += ast.iter_child_nodes(node)


FRAME_WORDS = {
    "__class__",
    "_getframe",
    "currentframe",
    "eval",
    "exec",
    "inspect",
    "locals",
    "stack",
    "super",
    "vars",
}
"""What means something else one frame deeper, or binds names in the frame where it stands."""


def _movable(body: list[ast.stmt]) -> bool:
    """Whether the statements mean the same in a function of their own."""
    for node in own_nodes(body):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await | ast.AsyncFor | ast.AsyncWith):
            return False
        if isinstance(node, ast.AnnAssign):
            return False  # an annotated name can't be declared global or nonlocal
        word = getattr(node, "id", getattr(node, "attr", ""))
        if word in FRAME_WORDS or (word.startswith("__") and not word.endswith("__")):
            return False
    return not any(is_device(node) for node in own_nodes(body))


class Lambdas(TreeMutator):
    """`f(x)` and `return x` become `(lambda: f(x))()` and `return (lambda: x)()`."""

    name = "lambda"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Expression statements of the module, and those and returns of its functions."""
        count = 0
        for body in [tree.body, *(function.body for function in _functions(tree))]:
            for node in own_nodes(body):
                if not isinstance(node, ast.Expr | ast.Return) or node.value is None:
                    continue
                if isinstance(node, ast.Expr) and is_docstring(node):
                    continue
                bare = ast.Expr(node.value)
                if _movable([bare]) and not bound([bare]):
                    nothing = ast.arguments([], [], None, [], [], None, [])
                    node.value = ast.Call(ast.Lambda(nothing, node.value), [], [])
                    count += 1
        return tree if count else None


INLINE = {
    "if-true": "if True:\n    BODY",
    "if-not-equal": "if len('NAME') > 1:\n    BODY",
    "for-once": "for _ in range(1):\n    BODY",
    "while-break": "while True:\n    BODY\n    break",
    "try-finally": "try:\n    BODY\nfinally:\n    pass",
    "with-null": "with contextlib.nullcontext():\n    BODY",
    "match": "match 0:\n    case _:\n        BODY",
    "in-handler": "try:\n    raise KeyError\nexcept KeyError:\n    BODY",
    "try-else": "try:\n    pass\nexcept KeyError:\n    pass\nelse:\n    BODY",
}
AT_MODULE = {
    "in-finally": "try:\n    pass\nfinally:\n    BODY",
    "in-function": "def NAME():\n    SHARED\n    BODY\nNAME()",
    "in-nested-functions": (
        "def NAME():\n    def a():\n        def b():\n            SHARED\n            BODY\n"
        "        b()\n    a()\nNAME()"
    ),
    "in-class-body": "class NAME:\n    SHARED\n    BODY",
    "in-call-method": (
        "class NAME:\n    def __call__(self_):\n        SHARED\n        BODY\nNAME()()"
    ),
    "in-init": "class NAME:\n    def __init__(self_):\n        SHARED\n        BODY\nNAME()",
    "in-staticmethod": (
        "class NAME:\n    @staticmethod\n    def run():\n        SHARED\n        BODY\nNAME.run()"
    ),
    "in-decorated": (
        "def NAME_now(function):\n    function()\n    return function\n"
        "@NAME_now\ndef NAME():\n    SHARED\n    BODY"
    ),
    "in-context-manager": (
        "@contextlib.contextmanager\ndef NAME():\n    SHARED\n    BODY\n    yield\n"
        "with NAME():\n    pass"
    ),
    "in-enter": (
        "class NAME:\n    def __enter__(self_):\n        SHARED\n        BODY\n"
        "    def __exit__(self_, *error):\n        return None\nwith NAME():\n    pass"
    ),
    "in-generator-run": "def NAME():\n    SHARED\n    BODY\n    yield\nfor _ in NAME():\n    pass",
    "in-coroutine": (
        "async def NAME():\n    SHARED\n    BODY\n"
        "try:\n    NAME().send(None)\nexcept StopIteration:\n    pass"
    ),
    "in-init-subclass": (
        "class NAME:\n    def __init_subclass__(cls):\n        SHARED\n        BODY\n"
        "class NAME_sub(NAME):\n    pass"
    ),
    "in-set-name": (
        "class NAME:\n    def __set_name__(self_, owner_, name_):\n        SHARED\n        BODY\n"
        "class NAME_owner:\n    part = NAME()"
    ),
    "in-property-read": (
        "class NAME:\n    @property\n    def run(self_):\n        SHARED\n        BODY\nNAME().run"
    ),
    "in-module-getitem": (
        "class NAME:\n    def __class_getitem__(cls, item_):\n        SHARED\n        BODY\nNAME[0]"
    ),
    "in-operator": (
        "class NAME:\n    def __add__(self_, other_):\n        SHARED\n        BODY\nNAME() + 0"
    ),
    "in-mapped-function": "def NAME(_):\n    SHARED\n    BODY\n[*map(NAME, [0])]",
    "in-sort-key": "def NAME(_):\n    SHARED\n    BODY\nsorted([0], key=NAME)",
    "in-dispatch-table": "def NAME():\n    SHARED\n    BODY\n{'go': NAME}['go']()",
}
AT_FUNCTION = {
    "body-nested": "def NAME():\n    SHARED\n    BODY\nreturn NAME()",
    "body-nested-twice": (
        "def NAME():\n    SHARED\n    def inner_NAME():\n        SHARED\n        BODY\n"
        "    return inner_NAME()\nreturn NAME()"
    ),
    "body-in-call-method": (
        "class NAME:\n    def __call__(self_):\n        SHARED\n        BODY\nreturn NAME()()"
    ),
    "body-in-staticmethod": (
        "class NAME:\n    @staticmethod\n    def run():\n        SHARED\n        BODY\n"
        "return NAME.run()"
    ),
    "body-decorated": (
        "def NAME_now(function):\n    return function()\n"
        "@NAME_now\ndef NAME():\n    SHARED\n    BODY\nreturn NAME"
    ),
    "body-in-dispatch-table": "def NAME():\n    SHARED\n    BODY\nreturn {0: NAME}[0]()",
    "body-in-generator": (
        "def NAME():\n    SHARED\n    BODY\n"
        "def NAME_each():\n    yield NAME()\nreturn next(NAME_each())"
    ),
    "body-partial": "def NAME():\n    SHARED\n    BODY\nreturn functools.partial(NAME)()",
    "body-mapped": "def NAME(_):\n    SHARED\n    BODY\nreturn next(map(NAME, [0]))",
}


def _needs(template: str) -> str:
    needed = [name for name in ("contextlib", "functools") if f"{name}." in template]
    return f"import {needed[0]}" if needed else ""


MUTATORS: tuple[Mutator, ...] = (
    *(
        WrappedStatements(f"statements-{name}", template, _needs(template))
        for name, template in (INLINE | AT_MODULE).items()
    ),
    *(
        WrappedBodies(
            name if name.startswith("body") else f"body-{name}", template, _needs(template)
        )
        for name, template in (INLINE | AT_FUNCTION).items()
    ),
    Lambdas(),
)
