"""Cuts a reference out of a file that also holds the submission.

What is left out never runs beside the reference: not the submission's entry, no statement that
only has an effect, no write to anybody's attribute. What is kept can still act (a default
argument, a decorator, the right-hand side of an assignment that the reference reads), so a
reference cut out this way is not trusted.
"""

import ast
from collections.abc import Sequence

from integrity.harness.outline import Outline, blocks, bound_names, flat


def cut_out(outline: Outline, wanted: Sequence[str], without: Sequence[str] = ()) -> str:
    """The source of `wanted` and of what they refer to, in the file's order."""
    passive = [statement for statement in outline.statements if _is_passive(statement)]
    keep = _reachable(passive, set(wanted), set(without))
    pieces = _Pieces(outline.text)
    return "\n".join(pieces.of(passive[index]) for index in sorted(keep)) + "\n"


def _reachable(passive: Sequence[ast.stmt], wanted: set[str], without: set[str]) -> set[int]:
    """Indices of the statements that bind a wanted name, or one that those mention."""
    binders: dict[str, list[int]] = {}
    keep: set[int] = set()
    for index, statement in enumerate(passive):
        if _always_kept(statement):
            keep.add(index)
        for name in _all_bound(statement) - without:
            binders.setdefault(name, []).append(index)
    todo, seen = list(wanted - without), set(without)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for index in binders.get(name, ()):
            if index not in keep:
                keep.add(index)
                todo.extend(_mentioned(passive[index]))
    return keep


def _is_passive(statement: ast.stmt) -> bool:
    """An import, a definition, an assignment to plain names, or a block of nothing else."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign():
            return all(_is_plain(target) for target in statement.targets)
        case ast.AnnAssign() | ast.AugAssign():
            return isinstance(statement.target, ast.Name)
        case ast.If() | ast.Try():
            inner = [one for block in blocks(statement) for one in block]
            return all(
                isinstance(one, ast.Import | ast.ImportFrom | ast.Assign | ast.Pass)
                and _is_passive(one)
                for one in inner
            )
    return False


def _is_plain(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(isinstance(element, ast.Name) for element in target.elts)
    return isinstance(target, ast.Name)


def _always_kept(statement: ast.stmt) -> bool:
    """What gives names that can't be traced, or changes how the rest is compiled."""
    if not isinstance(statement, ast.ImportFrom):
        return False
    return statement.module == "__future__" or any(alias.name == "*" for alias in statement.names)


def _all_bound(statement: ast.stmt) -> set[str]:
    return {name for one in flat([statement]) for name in bound_names(one)}


def _mentioned(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


class _Pieces:
    """Source text by node; `ast.unparse` recurses, and hostile trees are deep."""

    def __init__(self, text: str) -> None:
        unix = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines = unix.encode("utf-8", "surrogatepass").split(b"\n")

    def of(self, statement: ast.stmt) -> str:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(node.lineno for node in decorators)])
        lines = self._lines[first - 1 : statement.end_lineno]
        # Offsets count bytes; the end is cut first, since both may lie on one line.
        lines[-1] = lines[-1][: statement.end_col_offset]
        if first == statement.lineno:
            lines[0] = lines[0][statement.col_offset :]
        return b"\n".join(lines).decode("utf-8", "surrogatepass")
