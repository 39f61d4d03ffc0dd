"""Which tests have the same outcome on every call a harness makes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source

HUGE = 1 << 26
"""Elements in one dimension or tensor that no benchmark's problem has as its least:
64 Mi of float32 are 256 MB, a hundred times a usual workload."""

MAX_DIMENSIONS = 7
SIZES = {"numel", "nelement", "size", "shape", "nbytes"}
DIMENSIONS = {"dim", "ndim", "ndimension"}
ENVIRONMENT = {"os.environ.get", "os.getenv"}
FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
}


def outcome(source: Source, test: ast.expr, depth: int = 0) -> bool | None:
    """What the test always gives, or None where it may give either."""
    if depth > 8:
        return None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = outcome(source, test.operand, depth + 1)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        return _combined(test, [outcome(source, part, depth + 1) for part in test.values[:16]])
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        known = _compared(source, test)
        if known is not None:
            return known
    if isinstance(test, ast.Call):
        return _answered(source, test, depth)
    known = source.literal(test)
    if isinstance(known, bool | int | str):
        return bool(known)
    value = source.assigned(test)
    if isinstance(test, ast.Name | ast.Attribute) and len(value) == 1:
        return outcome(source, value[0], depth + 1)
    return None


def always_leaves(source: Source, statement: ast.stmt) -> bool:
    """Whether a statement is an `if` that returns, on every call."""
    if not isinstance(statement, ast.If) or not isinstance(statement.body[-1], ast.Return):
        return False
    return outcome(source, statement.test) is True


def _answered(source: Source, test: ast.Call, depth: int) -> bool | None:
    """What a call of the submission's own predicate always gives."""
    own = [found for name in source.names(test.func) if (found := source.function(name))]
    given = [outcome(source, value, depth + 1) for f in own for value in f.returns[:8]]
    return given[0] if given and all(value is given[0] for value in given) else None


def _combined(test: ast.BoolOp, parts: list[bool | None]) -> bool | None:
    if isinstance(test.op, ast.And) and _contradicts(test.values):
        return False
    decides = isinstance(test.op, ast.Or)
    if decides in parts:
        return decides
    return not decides if all(part is not None for part in parts) else None


def _contradicts(tests: list[ast.expr]) -> bool:
    """`b.t().is_contiguous() and b.is_contiguous()`: a matrix is one or the other."""
    asked = {ast.unparse(t.func) for t in tests[:16] if isinstance(t, ast.Call)}
    plain = {
        text.removesuffix(".is_contiguous") for text in asked if text.endswith("is_contiguous")
    }
    return any(f"{name}.t()" in plain or f"{name}.T" in plain for name in plain)


def _compared(source: Source, test: ast.Compare) -> bool | None:
    left, right, op = test.left, test.comparators[0], type(test.ops[0])
    environment = _environment(source, left)
    if environment is not None:
        return _against(op, environment, source.literal(right))
    if (limit := source.literal(right)) is not None:
        return _sized(source, left, op, limit)
    if (limit := source.literal(left)) is not None and op in FLIPPED:
        return _sized(source, right, FLIPPED[op], limit)
    return None


def _environment(source: Source, node: ast.expr) -> str | None:
    """What reading a variable gives on a machine that does not set it."""
    if not (isinstance(node, ast.Call) and source.names(node.func) & ENVIRONMENT):
        return None
    default = source.literal(node.args[1]) if len(node.args) > 1 else ""
    return default if isinstance(default, str) else None


def _against(op: type[ast.cmpop], text: str, other: object) -> bool | None:
    if op is ast.Eq and isinstance(other, str):
        return text == other
    if op is ast.NotEq and isinstance(other, str):
        return text != other
    if op is ast.In and isinstance(other, list | str):
        return text in other if isinstance(other, list) else None
    return None


def _sized(source: Source, node: ast.expr, op: type[ast.cmpop], limit: object) -> bool | None:
    """A size against a bound that every problem is on one side of."""
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        return None
    if _is_dimensions(node):
        above, below = limit >= MAX_DIMENSIONS, limit <= 0
    elif is_size(source, node):
        above, below = limit >= HUGE, limit <= 0
    else:
        return None
    if above:
        return {ast.Gt: False, ast.GtE: False, ast.Eq: False}.get(op, True)
    if below:
        return {ast.Lt: False, ast.LtE: False, ast.Eq: False}.get(op, True)
    return None


def _is_dimensions(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in DIMENSIONS
    return isinstance(node, ast.Attribute) and node.attr in DIMENSIONS


def is_size(source: Source, node: ast.expr, depth: int = 0) -> bool:
    """Whether an expression is a tensor's size, or a product or sum of such."""
    if depth > 6:
        return False
    if isinstance(node, ast.BinOp):
        sides = [node.left, node.right]
        grows = isinstance(node.op, ast.Mult | ast.Add)
        known = [is_size(source, side, depth + 1) or _is_number(side) for side in sides]
        return grows and all(known) and not all(_is_number(side) for side in sides)
    if isinstance(node, ast.Call):
        last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        return last in SIZES or (isinstance(node.func, ast.Name) and node.func.id == "len")
    if isinstance(node, ast.Subscript):
        return is_size(source, node.value, depth + 1)
    if isinstance(node, ast.Attribute):
        return node.attr in SIZES
    return isinstance(node, ast.Name) and _holds_size(source, node, depth)


def _holds_size(source: Source, node: ast.Name, depth: int) -> bool:
    held = [b.value or (b.element[0] if b.element else None) for b in source.bound(node)]
    return bool(held) and all(v is not None and is_size(source, v, depth + 1) for v in held)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)
