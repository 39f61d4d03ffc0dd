"""Native source that is put together before the compiler gets it."""

import ast
import base64
import textwrap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from integrity.evasion.cpp import is_native
from integrity.evasion.modules import expression, is_docstring, start
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator
from integrity.evasion.spelling import pieces


@dataclass(frozen=True)
class Assembled(TreeMutator):
    """A native string becomes an expression with the same value."""

    name: str
    write: Callable[[str, Random], str]
    needs: str = ""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Every native string but docstrings."""
        strings = _Strings(self, rng)
        tree = strings.visit(tree)
        if not strings.count:
            return None
        tree.body[start(tree) : start(tree)] = code(self.needs)
        return tree


class _Strings(ast.NodeTransformer):
    def __init__(self, how: Assembled, rng: Random) -> None:
        self.how, self.rng = how, rng
        self.count = 0

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str) or not is_native(node.value):
            return node
        self.count += 1
        return expression(self.how.write(node.value, self.rng))

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return node if is_docstring(node) else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node


def _dedented(text: str, rng: Random) -> str:
    indented = textwrap.indent(text, "    ")
    return f"textwrap.dedent({indented!r})" if textwrap.dedent(indented) == text else repr(text)


def _templated(text: str, rng: Random) -> str:
    if "@@" in text:
        return repr(text)
    words = [word for word in ("float", "cuda", "torch", "void", "static") if word in text]
    made = text
    for word in words:
        made = made.replace(word, f"@@{word[::-1]}@@")
    back = "".join(f".replace({f'@@{word[::-1]}@@'!r}, {word!r})" for word in words)
    return f"{made!r}{back}"


def _zipped(text: str, rng: Random) -> str:
    raw = base64.b64encode(zlib.compress(text.encode()))
    return f"zlib.decompress(base64.b64decode({raw!r})).decode()"


class SplitSources(TreeMutator):
    """`cpp_sources=[source]` becomes a list of two halves, which load_inline joins again."""

    name = "source-split-in-two"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Sources that are module-level strings, cut at the end of a line."""
        values = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        count = 0
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in {"cpp_sources", "cuda_sources"}:
                made = _halves(node.value, values)
                if made:
                    node.value, count = expression(made), count + 1
        return tree if count else None


def _halves(node: ast.expr, values: dict[str, str]) -> str:
    first = node.elts[0] if isinstance(node, ast.List) and len(node.elts) == 1 else node
    if not isinstance(first, ast.Name) or first.id not in values:
        return ""
    text = values[first.id]
    place = text.find("\n}\n") + 3
    return f"[{first.id}[:{place}], {first.id}[{place}:]]" if 3 <= place < len(text) - 2 else ""


MUTATORS: tuple[Mutator, ...] = (
    Assembled("source-concatenated", lambda t, rng: " + ".join(map(repr, pieces(t, rng, 12)))),
    Assembled("source-joined-lines", lambda t, rng: f"'\\n'.join({t.split(chr(10))})"),
    Assembled("source-dedented", _dedented, "import textwrap"),
    Assembled("source-in-dict", lambda t, rng: f"{{'cpu': '', 'gpu': {t!r}}}['gpu']"),
    Assembled("source-in-class", lambda t, rng: f"type('Sources', (), {{'text': {t!r}}}).text"),
    Assembled("source-in-lambda", lambda t, rng: f"(lambda: {t!r})()"),
    Assembled("source-reversed", lambda t, rng: f"{t[::-1]!r}[::-1]"),
    Assembled("source-templated", _templated),
    Assembled(
        "source-base64",
        lambda t, rng: f"base64.b64decode({base64.b64encode(t.encode())!r}).decode()",
        "import base64",
    ),
    Assembled("source-zlib", _zipped, "import base64, zlib"),
    Assembled("source-hex", lambda t, rng: f"bytes.fromhex({t.encode().hex()!r}).decode()"),
    SplitSources(),
)
