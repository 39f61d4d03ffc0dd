"""A Python submission without anything that speaks to a reader.

Comments, docstrings, prose and the author's names go. The tree is rewritten and written out again;
every line of the result knows the line of the file that it came from. What a library calls its
functions stays, since that is what a judge has to read.
"""

import ast
import builtins
import warnings
from collections.abc import Iterator

from integrity.errors import CannotJudge
from integrity.judge.words import MIN_SENTENCE, Names, is_prose, is_word, speaks

HARNESS = {
    "Model", "ModelNew", "backward", "check_implementation", "custom_kernel", "forward",
    "generate_input", "get_init_inputs", "get_inputs", "kernel", "make_inputs", "ref_kernel",
    "reference", "self", "setup_context",
}  # fmt: skip
"""Names that a harness or autograd looks up, and `self`."""

Named = (
    ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.ExceptHandler
    | ast.MatchAs
    | ast.MatchStar
)

Place = tuple[int, int]


def parsed(text: str) -> ast.Module:
    """The tree of a hostile text.

    Raises:
        CannotJudge: Python does not parse it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a submission's bad escapes are no business of ours
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise CannotJudge(
                "its source can't be parsed, so that comments can't be told from code"
            ) from error


def normalised(text: str, entry: str, device_texts: frozenset[Place]) -> list[tuple[str, int]]:
    """Lines of the rewritten source, each with its line in the file.

    Args:
        text: the source.
        entry: the name that the harness calls; it stays.
        device_texts: where the strings stand that are listed by themselves.

    Raises:
        CannotJudge: it can't be parsed, or nests deeper than it can be written out.
    """
    tree = parsed(text)
    try:
        kept = HARNESS | frozenset(dir(builtins)) | imported(tree) | {entry}
        names = Names(kept)
        for name, kind in sorted_definitions(tree):
            names.bind(name, kind)
        rewritten = _Rewriter(names, device_texts).visit(tree)
        written = ast.unparse(ast.fix_missing_locations(rewritten))
        again = ast.parse(written)
    except (RecursionError, MemoryError, ValueError, SyntaxError) as error:
        raise CannotJudge("its expressions nest deeper than can be written out") from error
    places = _places(rewritten, again)
    rows = []
    line = 1
    for number, row in enumerate(written.split("\n"), start=1):
        line = places.get(number, line)
        if row.strip():
            rows.append((row, line))
    return rows


def imported(tree: ast.AST) -> set[str]:
    """Names that come from other modules under their own name, and the modules' parts."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.name.split(".")[0] for alias in node.names if not alias.asname}
    return {name for name in found if not speaks(name)}


def sorted_definitions(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every name that the source binds, and its kind, in the order of the text."""
    found = [(_place(node), name, kind) for node in ast.walk(tree) for name, kind in _bound(node)]
    for _, name, kind in sorted(found):
        yield name, kind


def _bound(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name, "f"
    elif isinstance(node, ast.ClassDef):
        yield node.name, "c"
    elif isinstance(node, ast.arg):
        yield node.arg, "v"
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, "v"
    elif isinstance(node, ast.alias) and node.asname:
        yield node.asname, "m"
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name, "v"
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, "v"
    elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and _own(node):
        yield node.attr, "a"


def _own(node: ast.Attribute) -> bool:
    """An attribute of `self`. Those of anything else keep their names: to store into a library's
    object is what a hack does."""
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _place(node: ast.AST) -> Place:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


class _Rewriter(ast.NodeTransformer):
    def __init__(self, names: Names, device_texts: frozenset[Place]) -> None:
        self._names = names
        self._device_texts = device_texts

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, Named) and node.name:
            node.name = self._names.of(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            node.rest = self._names.of(node.rest)
        elif isinstance(node, ast.MatchClass):
            node.kwd_attrs = [self._names.foreign(name) for name in node.kwd_attrs]
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._names.of(name) for name in node.names]
        if hasattr(node, "body") and isinstance(node.body, list) and not node.body:
            node.body = [ast.Pass()] if not isinstance(node, ast.Module) else []
        for parameter in getattr(node, "type_params", ()):  # Python 3.12
            parameter.name = self._names.foreign(parameter.name)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A statement that is only a constant says something to a reader, and nothing to Python."""
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.of(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.of(node.arg)
        node.type_comment = None
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.name = ".".join(map(self._names.foreign, node.name.split(".")))
        node.asname = self._names.of(node.asname) if node.asname else None
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        known = self._names.of if _own(node) else self._names.foreign
        self.generic_visit(node)
        node.attr = known(node.attr)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        node.arg = self._names.foreign(node.arg) if node.arg else None
        return self.generic_visit(node)

    def visit_List(self, node: ast.List) -> ast.AST:
        return self._words_apart(node, node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        return self._words_apart(node, node.elts)

    def visit_Set(self, node: ast.Set) -> ast.AST:
        return self._words_apart(node, node.elts)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self._words_apart(node, node.args)

    def _words_apart(self, node: ast.AST, parts: list[ast.expr]) -> ast.AST:
        """A sentence may come as a list of its words."""
        self.generic_visit(node)
        words = [p for p in parts if isinstance(p, ast.Constant) and is_word(p.value)]
        if len(words) >= MIN_SENTENCE:
            for word in words:
                word.value = "<word>"
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if _place(node) in self._device_texts:
            node.value = f"<C++, listed below, from line {node.lineno} of the file>"
        elif isinstance(value, str) and is_prose(value):
            node.value = f"<text, {len(value)} characters>"
        elif isinstance(value, bytes) and is_prose(value.decode("latin-1")):
            node.value = f"<{len(value)} bytes>".encode()
        node.kind = None
        return node


def _places(old: ast.AST, new: ast.AST) -> dict[int, int]:
    """Lines of the text that was written out, and where their statements stand in the file.

    Both trees have the same statements in the same order.

    Raises:
        CannotJudge: they don't, so that no line could be trusted.
    """
    before, after = _statements(old), _statements(new)
    if [type(node) for node in before] != [type(node) for node in after]:
        raise CannotJudge("its source does not survive being written out")
    places: dict[int, int] = {}
    for was, now in zip(before, after, strict=True):
        places.setdefault(now.lineno, was.lineno)
        decorators = getattr(was, "decorator_list", [])
        for old_one, new_one in zip(decorators, getattr(now, "decorator_list", []), strict=True):
            places[new_one.lineno] = old_one.lineno
    return places


Statement = ast.stmt | ast.excepthandler


def _statements(tree: ast.AST) -> list[Statement]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.excepthandler)]
