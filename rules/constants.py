"""Evaluates expressions made of literals: what a submission's own arithmetic on text spells.

A closed set of pure operations on strings, bytes, integers and lists; everything else is
unknown. Every step is counted and every value bounded, so a hostile expression costs no more
than a plain one.
"""

from __future__ import annotations

import ast
import zlib
from collections.abc import Callable
from typing import Any

from integrity.rules.operations import (
    COMPARISONS,
    FUNCTIONS,
    MAX_BITS,
    MAX_LENGTH,
    MAX_STEPS,
    METHODS,
    OPERATORS,
    Scalar,
    Unknown,
    bounded,
    check_product,
    format_plain,
    formatted,
    known,
    unpacked,
)

MAX_DEPTH = 60

Called = Callable[[ast.expr], frozenset[str]]
Bound = Callable[[ast.Name | ast.Attribute], "ast.expr | None"]
Local = dict[str, Any]


class Evaluator:
    """Evaluates literal expressions of one submission, within one budget for all of them."""

    def __init__(self, called: Called, bound: Bound, own: Callable[[ast.expr], Any]) -> None:
        self._called = called
        """Dotted names a callee may stand for."""

        self._bound = bound
        """The one expression a name is bound to."""

        self._own = own
        """The submission's own function or lambda behind a callee."""

        self._steps = 0
        self._depth = 0
        self._total = 50 * MAX_STEPS

    def text(self, node: ast.expr) -> str | None:
        """The text an expression spells; bytes are read as latin-1."""
        return _text(self.of(node))

    def texts(self, node: ast.expr) -> list[str]:
        """The strings in a literal list, or none where one of its items is something else."""
        found = self.of(node)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            return []
        return found

    def of(self, node: ast.expr) -> Any:
        """The value of an expression, or None where it is not known."""
        if self._total <= 0 or self._depth:
            return None
        self._steps = 0
        try:
            return self.value(node, {})
        except (Unknown, ValueError, TypeError, KeyError, IndexError, ArithmeticError):
            return None
        except (zlib.error, OSError, EOFError, LookupError, AttributeError):
            return None
        finally:
            self._total -= self._steps
            self._depth = 0

    def value(self, node: ast.AST, local: Local) -> Any:
        """The value of an expression.

        Raises:
            Unknown: it is not made of literals, or exceeds a bound.
        """
        self._spend(1)
        evaluate = _EVALUATE.get(type(node))
        if evaluate is None or self._depth > MAX_DEPTH:
            raise Unknown
        self._depth += 1
        found = bounded(evaluate(self, node, local))
        self._depth -= 1
        return found

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise Unknown

    def _constant(self, node: ast.Constant, local: Local) -> Any:
        if not isinstance(node.value, Scalar):
            raise Unknown
        return node.value

    def _name(self, node: ast.Name | ast.Attribute, local: Local) -> Any:
        if isinstance(node, ast.Name) and node.id in local:
            return local[node.id]
        bound = self._bound(node)
        if bound is None:
            raise Unknown
        return self.value(bound, {})

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, local: Local) -> list[Any]:
        found: list[Any] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                found += self._iterated(item.value, local)
            else:
                found.append(self.value(item, local))
        return found

    def _dict(self, node: ast.Dict, local: Local) -> dict[Any, Any]:
        keys = [self.value(key, local) for key in node.keys if key is not None]
        if len(keys) != len(node.values):
            raise Unknown
        return dict(zip(keys, (self.value(v, local) for v in node.values), strict=True))

    def _binary(self, node: ast.BinOp, local: Local) -> Any:
        act = OPERATORS.get(type(node.op))
        left, right = self.value(node.left, local), self.value(node.right, local)
        if act is None:
            raise Unknown
        if isinstance(node.op, ast.Mult):
            check_product(left, right)
        if isinstance(node.op, ast.LShift | ast.Pow) and not (0 <= right <= MAX_BITS):
            raise Unknown
        if isinstance(node.op, ast.Mod) and isinstance(left, str | bytes):
            return formatted(left, right)
        return act(left, right)

    def _unary(self, node: ast.UnaryOp, local: Local) -> Any:
        value = self.value(node.operand, local)
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        if isinstance(node.op, ast.Invert) and isinstance(value, int):
            return ~value
        raise Unknown

    def _formatted_value(self, node: ast.FormattedValue, local: Local) -> str:
        value = self.value(node.value, local)
        if node.format_spec is not None:
            spec = str(self.value(node.format_spec, local))
            if len(spec) > 4:
                raise Unknown
            return format(value, spec)
        return str(value)

    def _joined(self, node: ast.JoinedStr, local: Local) -> str:
        return "".join(str(self.value(part, local)) for part in node.values)

    def _subscript(self, node: ast.Subscript, local: Local) -> Any:
        value = self.value(node.value, local)
        if isinstance(node.slice, ast.Slice):
            cut = [
                None if part is None else self.value(part, local)
                for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return value[slice(*cut)]
        return value[self.value(node.slice, local)]

    def _either(self, node: ast.IfExp, local: Local) -> Any:
        return self.value(node.body if self.value(node.test, local) else node.orelse, local)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, local: Local) -> list[Any]:
        if len(node.generators) != 1:
            raise Unknown
        (loop,) = node.generators
        found = []
        for item in self._iterated(loop.iter, local):
            inner = {**local, **unpacked(loop.target, item)}
            if all(self.value(test, inner) for test in loop.ifs):
                found.append(self.value(node.elt, inner))
        return found

    def _compare(self, node: ast.Compare, local: Local) -> bool:
        act = COMPARISONS.get(type(node.ops[0]))
        if act is None or len(node.ops) != 1:
            raise Unknown
        return bool(act(self.value(node.left, local), self.value(node.comparators[0], local)))

    def _iterated(self, node: ast.expr, local: Local) -> list[Any]:
        value = self.value(node, local)
        if not isinstance(value, str | bytes | bytearray | list | dict | range):
            raise Unknown
        self._spend(len(value))
        return list(value)

    def _call(self, node: ast.Call, local: Local) -> Any:
        if any(keyword.arg is None for keyword in node.keywords):
            raise Unknown
        for name in self._called(node.func):
            if name in {"builtins.map", "map"}:
                return self._mapped(node, local)
            if name in FUNCTIONS:
                return FUNCTIONS[name](*self._arguments(node, local))
        own = self._own(node.func)
        if own is not None:
            return self._applied(own, self._arguments(node, local))
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, local)
        raise Unknown

    def _arguments(self, node: ast.Call, local: Local) -> list[Any]:
        return self._sequence(ast.List(node.args), local)

    def _mapped(self, node: ast.Call, local: Local) -> list[Any]:
        if len(node.args) != 2:
            raise Unknown
        items = self._iterated(node.args[1], local)
        own = self._own(node.args[0])
        if own is not None:
            return [self._applied(own, [item]) for item in items]
        for name in self._called(node.args[0]):
            if name in FUNCTIONS:
                self._spend(len(items))
                return [FUNCTIONS[name](item) for item in items]
        raise Unknown

    def _applied(self, function: ast.Lambda | ast.FunctionDef, given: list[Any]) -> Any:
        """What a function of plain assignments and one return makes of these arguments."""
        wanted = function.args
        names = [arg.arg for arg in (*wanted.posonlyargs, *wanted.args)]
        defaults = dict(zip(reversed(names), reversed(wanted.defaults), strict=False))
        local: Local = dict(zip(names, given, strict=False))
        for name in names[len(given) :]:
            if name not in defaults:
                raise Unknown
            local[name] = self.value(defaults[name], {})
        if isinstance(function, ast.Lambda):
            return self.value(function.body, local)
        for statement in function.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.value(statement.value, local)
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                local |= unpacked(statement.targets[0], self.value(statement.value, local))
            elif not (
                isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            ):
                raise Unknown
        raise Unknown

    def _method(self, node: ast.Call, method: ast.Attribute, local: Local) -> Any:
        value = self.value(method.value, local)
        given = self._arguments(node, local)
        if method.attr == "join" and isinstance(value, str | bytes):
            self._spend(len(given[0]))
            parts = [part for part in given[0] if isinstance(part, type(value))]
            if len(parts) != len(given[0]):
                raise Unknown
            return value.join(parts)  # type: ignore[arg-type]
        if method.attr == "replace" and isinstance(value, str | bytes):
            if (len(value) + 1) * (len(given[1]) + 1) > MAX_LENGTH * 4:
                raise Unknown
            return value.replace(*given[:2])
        if method.attr == "format" and isinstance(value, str):
            return format_plain(value, given)
        if method.attr in {"encode", "decode"} and given:
            known(given[0])
        if method.attr in METHODS and isinstance(value, str | bytes | bytearray | dict | int):
            return getattr(value, method.attr)(*given)
        raise Unknown


def _text(value: Any) -> str | None:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, str) else None


_EVALUATE: dict[type[ast.AST], Callable[[Evaluator, Any, Local], Any]] = {
    ast.Constant: Evaluator._constant,
    ast.Name: Evaluator._name,
    ast.Attribute: Evaluator._name,
    ast.List: Evaluator._sequence,
    ast.Tuple: Evaluator._sequence,
    ast.Set: Evaluator._sequence,
    ast.Dict: Evaluator._dict,
    ast.BinOp: Evaluator._binary,
    ast.UnaryOp: Evaluator._unary,
    ast.FormattedValue: Evaluator._formatted_value,
    ast.JoinedStr: Evaluator._joined,
    ast.Subscript: Evaluator._subscript,
    ast.IfExp: Evaluator._either,
    ast.ListComp: Evaluator._comprehension,
    ast.GeneratorExp: Evaluator._comprehension,
    ast.Compare: Evaluator._compare,
    ast.Call: Evaluator._call,
}
