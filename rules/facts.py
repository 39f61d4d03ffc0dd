"""What a submission does, as facts that rules query: calls, writes, reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrity.rules.scopes import Function
from integrity.rules.strings import NOTHING, Strings

if TYPE_CHECKING:
    from integrity.rules.source import Source


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call, and what its callee may be."""

    node: ast.Call
    names: Strings
    function: Function

    def argument(self, index: int, keyword: str = "") -> ast.expr | None:
        """The argument at that position or of that name."""
        if index < len(self.node.args):
            return self.node.args[index]
        return next((k.value for k in self.node.keywords if keyword and k.arg == keyword), None)

    @property
    def method(self) -> str:
        """The attribute that is called, or an empty string."""
        return self.node.func.attr if isinstance(self.node.func, ast.Attribute) else ""


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One place that changes an attribute, whatever syntax it uses."""

    node: ast.AST
    names: Strings
    """Dotted names of the attribute that changes."""

    value: ast.expr | None
    function: Function


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One attribute or name that is looked at."""

    node: ast.expr
    names: Strings
    function: Function


SETATTR = {"builtins.setattr", "builtins.object.__setattr__", "builtins.type.__setattr__"}
DELATTR = {"builtins.delattr", "builtins.object.__delattr__", "builtins.type.__delattr__"}
MOCK = {"unittest.mock.patch", "mock.patch"}
PATCH_OBJECT = {"unittest.mock.patch.object", "mock.patch.object"}


def writes_of(source: Source) -> Iterator[Write]:
    """Every change of an attribute in live code."""
    for node in source.live_nodes:
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if names := target_names(source, node):
                value = _assigned(source, node)
                yield Write(node, names, value, source.function_of(node))
        elif isinstance(node, ast.Call):
            yield from _written_by_call(source, node)


def target_names(source: Source, node: ast.Attribute | ast.Subscript) -> Strings:
    """What assigning to that target changes."""
    if isinstance(node, ast.Attribute):
        return source.names(node)
    found = set[str]()
    for base in source.names(node.value):
        if base == "sys.modules" or base.endswith(".__dict__"):
            keys = source.strings(node.slice) or {"?"}
            owner = base.removesuffix(".__dict__")
            found |= {f"{owner}.{key}" for key in keys}
        elif base == "os.environ":
            found |= {f"os.environ.{key}" for key in source.strings(node.slice) or {"?"}}
    return frozenset(found | _behind_proxy(source, node))


def _behind_proxy(source: Source, node: ast.Subscript) -> set[str]:
    """`gc.get_referents(X.__dict__)[0]["name"] = f` writes X.name past the read-only proxy."""
    inner = node.value
    if not (isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Call)):
        return set()
    if "gc.get_referents" not in source.names(inner.value.func) or not inner.value.args:
        return set()
    owners = source.names(inner.value.args[0])
    keys = source.strings(node.slice) or {"?"}
    return {f"{owner.removesuffix('.__dict__')}.{key}" for owner in owners for key in keys}


def _assigned(source: Source, node: ast.expr) -> ast.expr | None:
    parent = source.parent(node)
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return parent.value
    return None


def _written_by_call(source: Source, node: ast.Call) -> Iterator[Write]:
    names = source.names(node.func)
    where = source.function_of(node)
    first = node.args[0] if node.args else None
    if names & (SETATTR | DELATTR | PATCH_OBJECT) and first is not None:
        yield from _set(source, node, first, node.args[1:])
    elif names & MOCK and first is not None:
        yield Write(node, source.strings(first), None, where)
    elif isinstance(node.func, ast.Attribute):
        yield from _written_by_method(source, node, node.func)


def _set(source: Source, node: ast.Call, owner: ast.expr, rest: list[ast.expr]) -> Iterator[Write]:
    keys = (source.strings(rest[0]) if rest else NOTHING) or {"?"}
    names = {f"{base}.{key}" for base in source.names(owner) for key in keys}
    value = rest[1] if len(rest) > 1 else None
    if names:
        yield Write(node, frozenset(names), value, source.function_of(node))


def _written_by_method(source: Source, node: ast.Call, method: ast.Attribute) -> Iterator[Write]:
    if method.attr in {"__setattr__", "__delattr__"} and node.args:
        yield from _set(source, node, method.value, node.args)
    if method.attr == "setattr" and len(node.args) >= 2:  # pytest's monkeypatch
        yield from _set(source, node, node.args[0], node.args[1:])
    if method.attr not in {"update", "__setitem__", "setdefault", "pop", "__ior__"}:
        return
    for base in source.names(method.value):
        if base != "sys.modules" and not base.endswith(".__dict__"):
            continue
        owner = base.removesuffix(".__dict__")
        names = frozenset(f"{owner}.{key}" for key in _updated(source, node, method.attr))
        yield Write(node, names, None, source.function_of(node))


def _updated(source: Source, node: ast.Call, method: str) -> set[str]:
    keys = {keyword.arg for keyword in node.keywords if keyword.arg}
    for argument in node.args[:1]:
        if isinstance(argument, ast.Dict):
            keys |= {text for key in argument.keys if key for text in source.strings(key)}
        elif method != "update":
            keys |= source.strings(argument)
    return keys or {"?"}
