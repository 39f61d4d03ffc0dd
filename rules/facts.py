"""What a submission does, as facts that rules query: calls and writes."""

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
    method: str = ""
    """The attribute that is called, or an empty string."""

    def argument(self, index: int, keyword: str = "") -> ast.expr | None:
        """The argument at that position or of that name."""
        if index < len(self.node.args):
            return self.node.args[index]
        return next((k.value for k in self.node.keywords if keyword and k.arg == keyword), None)


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One place that changes an attribute, whatever syntax it uses."""

    node: ast.AST
    names: Strings
    """Dotted names of the attribute that changes."""

    value: ast.expr | None
    function: Function


SETATTR = {"builtins.setattr"}
DELATTR = {"builtins.delattr"}
SETTING = {
    f"{owner}.{name}"
    for owner in ("builtins.object", "builtins.type", "types.ModuleType", "builtins.super()")
    for name in ("__setattr__", "__delattr__")
} | {f"ctypes.pythonapi.{name}" for name in ("PyObject_SetAttr", "PyObject_SetAttrString")}
"""Functions that take an owner, a name and a value."""

PATCH_OBJECT = {"unittest.mock.patch.object", "mock.patch.object"}
MOCK = {"unittest.mock.patch", "mock.patch"}
SET_ITEM = {
    "operator.setitem",
    "operator.delitem",
    "builtins.dict.__setitem__",
    "builtins.dict.setdefault",
    "builtins.dict.update",
    "operator.ior",
}
INTERESTING = SETATTR | DELATTR | SETTING | PATCH_OBJECT | MOCK | SET_ITEM | {"builtins.map"}
NAMESPACES = (".__dict__", ".__globals__", ".f_globals", ".f_locals", ".f_builtins")
UPDATES = {"update", "__setitem__", "__delitem__", "setdefault", "pop", "__ior__"}
SETS = UPDATES | {"setattr", "__setattr__", "__delattr__"}
UNKNOWN = frozenset({"?"})


def writes_of(source: Source) -> Iterator[Write]:
    """Every change of an attribute in live code."""
    # in Triton kernels too: its interpreter runs them as Python
    for node in source.everywhere(ast.Attribute, ast.Subscript, ast.Call, ast.AugAssign):
        if isinstance(node, ast.Call):
            yield from _written_by_call(source, node)
        elif isinstance(node, ast.AugAssign):
            yield from _merged(source, node)
        elif not isinstance(node.ctx, ast.Load) and (names := target_names(source, node)):
            yield Write(node, names, _assigned(source, node), source.function_of(node))


def target_names(source: Source, node: ast.Attribute | ast.Subscript) -> Strings:
    """What assigning to that target changes."""
    if isinstance(node, ast.Attribute):  # the attribute itself, not what it holds already
        return frozenset(f"{base}.{node.attr}" for base in source.names(node.value))
    found = _items(source, node.value, source.strings(node.slice) or UNKNOWN)
    return frozenset(found | _behind_proxy(source, node))


def _items(source: Source, namespace: ast.expr, keys: Strings | set[str]) -> set[str]:
    """What the items of a namespace stand for: those of `vars(time)` are attributes of `time`."""
    found = set[str]()
    for base in source.names(namespace):
        owner = _owner(source, base)
        if base in {"sys.modules", "os.environ"} or owner:
            found |= {f"{owner or base}.{key}" for key in keys}
    given = isinstance(namespace, ast.Attribute) and f".{namespace.attr}" in NAMESPACES[1:]
    if given and not found and isinstance(namespace, ast.Attribute):
        return {f"type(?).{namespace.attr}.{key}" for key in keys}  # of a function it was given
    return found


def _owner(source: Source, namespace: str) -> str:
    """Whose attributes a namespace holds; a function's globals are its module's."""
    for ending in NAMESPACES:
        if namespace.endswith(ending):
            owner = namespace.removesuffix(ending)
            if ending == ".__globals__":
                is_own = source.function(owner) is not None or owner.startswith(".")
                return "" if is_own else owner.rpartition(".")[0] or owner
            return owner if ending == ".__dict__" else f"type(?).{ending[1:]}"
    return ""


def _behind_proxy(source: Source, node: ast.Subscript) -> set[str]:
    """`gc.get_referents(X.__dict__)[0]["name"] = f` writes X.name past the read-only proxy."""
    inner = node.value
    if not (isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Call)):
        return set()
    if "gc.get_referents" not in source.names(inner.value.func) or not inner.value.args:
        return set()
    owners = source.names(inner.value.args[0])
    keys = source.strings(node.slice) or UNKNOWN
    return {f"{owner.removesuffix('.__dict__')}.{key}" for owner in owners for key in keys}


def _assigned(source: Source, node: ast.expr) -> ast.expr | None:
    parent = source.parent(node)
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return parent.value
    return None


def _merged(source: Source, node: ast.AugAssign) -> Iterator[Write]:
    """`vars(time) |= {...}`."""
    if isinstance(node.op, ast.BitOr) and isinstance(node.value, ast.Dict):
        names = frozenset(_items(source, node.target, _keys(source, node.value)))
        if names:
            yield Write(node, names, None, source.function_of(node))


def _written_by_call(source: Source, node: ast.Call) -> Iterator[Write]:
    names = source.names(node.func)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if method not in SETS and names.isdisjoint(INTERESTING):
        if isinstance(node.func, ast.Call):
            yield from _by_method_caller(source, node, node.func)
    elif names & MOCK and node.args:
        yield Write(node, source.strings(node.args[0]), None, source.function_of(node))
    elif names & (SETATTR | DELATTR | PATCH_OBJECT | SETTING):
        yield from _set(source, node, source.arguments(node))
    elif "builtins.map" in names and len(node.args) > 2:
        if source.names(node.args[0]) & SETATTR:
            yield from _set_each(source, node)
    elif names & SET_ITEM and node.args:
        yield from _set_items(source, node, node.args[0], node.args[1:])
    elif isinstance(node.func, ast.Attribute):
        yield from _written_by_method(source, node, node.func)


def _set(source: Source, node: ast.Call, given: list[ast.expr]) -> Iterator[Write]:
    if not given:
        return
    keys = (source.strings(given[1]) if len(given) > 1 else NOTHING) or UNKNOWN
    owners = source.names(given[0])
    if isinstance(given[0], ast.Call) and "ctypes.py_object" in source.names(given[0].func):
        owners = source.names(given[0].args[0]) if given[0].args else owners
    names = frozenset(f"{base}.{key}" for base in owners for key in keys)
    if names:
        value = given[2] if len(given) > 2 else None
        yield Write(node, names, value, source.function_of(node))


def _set_each(source: Source, node: ast.Call) -> Iterator[Write]:
    """`map(setattr, owners, names, values)`."""
    columns = [source.elements(argument) for argument in node.args[1:]]
    for row in zip(*columns, strict=False):
        yield from _set(source, node, list(row))


def _by_method_caller(source: Source, node: ast.Call, made: ast.Call) -> Iterator[Write]:
    """`operator.methodcaller("__setattr__", name, value)(owner)`."""
    is_caller = "operator.methodcaller" in source.names(made.func) and made.args and node.args
    if is_caller and source.strings(made.args[0]) & {"__setattr__", "__delattr__"}:
        yield from _set(source, node, [node.args[0], *made.args[1:]])


def _written_by_method(source: Source, node: ast.Call, method: ast.Attribute) -> Iterator[Write]:
    if method.attr in {"__setattr__", "__delattr__"} and node.args:
        unbound = len(node.args) == 3 or (method.attr == "__delattr__" and len(node.args) == 2)
        yield from _set(source, node, node.args if unbound else [method.value, *node.args])
    elif method.attr == "setattr" and len(node.args) >= 2:  # pytest's monkeypatch
        yield from _set(source, node, node.args)
    elif method.attr in UPDATES:
        yield from _set_items(source, node, method.value, node.args)


def _set_items(
    source: Source, node: ast.Call, namespace: ast.expr, given: list[ast.expr]
) -> Iterator[Write]:
    keys = {keyword.arg for keyword in node.keywords if keyword.arg}
    for argument in given[:1]:
        keys |= _keys(source, argument)
    names = frozenset(_items(source, namespace, keys or UNKNOWN))
    if names:
        yield Write(node, names, None, source.function_of(node))


def _keys(source: Source, node: ast.expr) -> set[str]:
    """Keys in a dict that updates a namespace, or the one key itself."""
    if isinstance(node, ast.Dict):
        return {text for key in node.keys if key for text in source.strings(key)}
    if isinstance(node, ast.Call):
        return {keyword.arg for keyword in node.keywords if keyword.arg}
    return set(source.strings(node))
