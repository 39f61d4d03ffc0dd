"""Plain forms of calls that hide which method is called, or on what.

`operator.methodcaller("wait")(stream)`, `map(f, [x])` and `functools.partial(f, x)(y)` get
`stream.wait()`, `f(x)` and `f(x, y)` beside them, and `setattr(self, "kept", y)` is followed by
`self.kept = y`, so that no rule needs to know the longer spellings.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrity.rules.callees import PARTIAL
from integrity.rules.payload import beside, enclosing

if TYPE_CHECKING:
    from integrity.rules.facts import Call
    from integrity.rules.source import Source

MAX_CALLS = 64
MAX_ROWS = 4
MAKERS = PARTIAL | {"operator.methodcaller", "operator.itemgetter"}
PURE = {f"builtins.{name}" for name in ("chr", "ord", "int", "str", "float", "len", "hex", "bytes")}


def desugared(source: Source) -> bool:
    """Put plain forms beside the calls that need one; whether any was."""
    found = False
    for call in _candidates(source):
        plain = list(_plain_forms(source, call.node))[:MAX_ROWS]
        if plain:
            call.node.plain = True  # type: ignore[attr-defined]
            beside(source, call.node, plain)
            found = True
    for call in _setters(source):
        call.node.plain = True  # type: ignore[attr-defined]
        found = _assign(source, call.node) or found
    return found


def _candidates(source: Source) -> list[Call]:
    """Calls of what a maker made, and of `map`."""
    made = [
        call
        for call in (source.calls if source.calls_to(MAKERS) else ())
        if isinstance(call.node.func, ast.Call | ast.Name)
        and any(source.names(maker.func) & MAKERS for maker in _makers(source, call.node.func))
    ]
    found = made + source.calls_to({"builtins.map"})
    return [call for call in found if not hasattr(call.node, "plain")][:MAX_CALLS]


def _makers(source: Source, func: ast.expr) -> list[ast.Call]:
    """The calls behind a callee: itself, or what its name is bound to."""
    if isinstance(func, ast.Call):
        return [func]
    return [value for value in source.assigned(func)[:4] if isinstance(value, ast.Call)]


def _plain_forms(source: Source, node: ast.Call) -> Iterator[ast.expr]:
    if "builtins.map" in source.names(node.func):
        applied = source.names(node.args[0]) if node.args else frozenset()
        if applied <= PURE:
            return
        columns = [source.elements(argument)[:MAX_ROWS] for argument in node.args[1:4]]
        for row in zip(*columns, strict=False) if columns else ():
            yield _call(node, node.args[0], list(row))
        return
    for made in _makers(source, node.func):
        names = source.names(made.func)
        if names & PARTIAL and made.args:
            yield _call(node, made.args[0], [*made.args[1:], *node.args], made)
        elif "operator.itemgetter" in names and made.args and node.args:
            yield _located(ast.Subscript(node.args[0], made.args[0], ast.Load()), node)
        elif "operator.methodcaller" in names and made.args and node.args:
            for key in sorted(source.strings(made.args[0]))[:1]:
                method = ast.Attribute(node.args[0], key, ast.Load())
                yield _call(node, method, made.args[1:], made)


def _call(
    node: ast.Call, func: ast.expr, given: list[ast.expr], made: ast.Call | None = None
) -> ast.expr:
    keywords = [*(made.keywords if made is not None else []), *node.keywords]
    return _located(ast.Call(func, given, keywords), node)


def _located(made: ast.expr, node: ast.Call) -> ast.expr:
    """A copy with the call's place, so that no node stands in the tree twice."""
    whole = copy.deepcopy(made)
    _place(whole, node)
    return whole


def _place(made: ast.AST, node: ast.Call) -> None:
    for part in ast.walk(made):
        if isinstance(part, ast.expr | ast.stmt | ast.keyword):
            ast.copy_location(part, node)


def _setters(source: Source) -> list[Call]:
    """Calls that set an attribute of the submission's own object."""
    found = [
        call
        for call in source.calls
        if call.method == "__setattr__" or "builtins.setattr" in call.names
    ]
    return [call for call in found if not hasattr(call.node, "plain")][:MAX_CALLS]


def _assign(source: Source, node: ast.Call) -> bool:
    given = source.arguments(node)
    if isinstance(node.func, ast.Attribute) and len(given) == 2:
        given = [node.func.value, *given]
    if len(given) != 3:
        return False
    owner, key, value = given
    is_own = any(name[:1] == "." for name in source.names(owner))
    texts = [text for text in sorted(source.strings(key)) if text.isidentifier()]
    statement, block = enclosing(source, node)
    if not is_own or not texts or block is None or statement is None:
        return False
    target = ast.Attribute(copy.deepcopy(owner), texts[0], ast.Store())
    plain = ast.Assign([target], copy.deepcopy(value))
    _place(plain, node)
    block.insert(block.index(statement) + 1, plain)
    return True
