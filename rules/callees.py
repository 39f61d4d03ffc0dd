"""What a call stands for, where Python's own library says so.

`getattr(torch, "cuda")` is `torch.cuda`; `functools.partial(f, x)` is `f` with an argument;
`operator.methodcaller("wait")(stream)` is `stream.wait()`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from integrity.rules.strings import NOTHING, Strings

if TYPE_CHECKING:
    from integrity.rules.names import Names

MAX_CHAIN = 16
MODULE_NAMESPACE = "<globals>.__dict__"
SOME_MODULE = "sys.modules[?]"
GIVEN = "type(?)"
"""The class of an object that the submission was given."""

ALL_MODULES = {
    "sys.modules.values()",
    "sys.modules.items()",
    "sys.modules.copy().values()",
    "sys.modules.copy().items()",
}
ITEM_METHODS = {"get", "pop", "setdefault", "__getitem__"}
ITEM_FUNCTIONS = {"operator.getitem", "builtins.dict.get", "builtins.dict.__getitem__"}
PARTIAL = {"functools.partial", "functools.partialmethod"}


def arguments(names: Names, node: ast.Call) -> list[ast.expr]:
    """Positional arguments, with `*` of a literal and those of a partial laid out."""
    found: list[ast.expr] = []
    for made in _behind(names, node.func):
        if names.of(made.func) & PARTIAL:
            found += made.args[1:]
            break
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            found += names.bindings.elements(argument.value, None)
        else:
            found.append(argument)
    return found


def _behind(names: Names, node: ast.expr) -> list[ast.Call]:
    """The calls that made a callee: itself, or what its name is bound to."""
    if isinstance(node, ast.Name):
        bound = names.bindings.bound(node)[:4]
        return [b.value for b in bound if isinstance(b.value, ast.Call)]
    return [node] if isinstance(node, ast.Call) else []


def called(names: Names, node: ast.Call) -> Strings:
    """What a call of a getter, or of a namespace's method, stands for."""
    found = set[str]()
    if isinstance(node.func, ast.Attribute):
        found |= _by_method(names, node.func, node)
    for made in _behind(names, node.func):
        callee = names.of(made.func)
        if "operator.attrgetter" in callee:
            found |= got(names, node.args, made.args)
        elif "operator.itemgetter" in callee and node.args and made.args:
            found |= item(names, names.of(node.args[0]), made.args[0])
        elif "operator.methodcaller" in callee:
            found |= {f"{name}()" for name in got(names, node.args, made.args)}
    if names.of(node.func) & ITEM_FUNCTIONS and len(node.args) > 1:
        found |= item(names, names.of(node.args[0]), node.args[1])
    return frozenset(found)


def _by_method(names: Names, method: ast.Attribute, node: ast.Call) -> Strings:
    """`x.__dict__.get("y")`, `sys.modules.get("y")`, `x.__getattribute__("y")`."""
    if method.attr in ITEM_METHODS and node.args:
        held = names.bindings.elements(method.value, None)[:MAX_CHAIN]
        found = item(names, names.of(method.value), node.args[0])
        return found.union(*(names.of(value) for value in [*held, *node.args[1:2]]))  # the default
    if method.attr == "__getattribute__" and node.args:
        if len(node.args) == 2:
            return got(names, node.args[:1], node.args[1:])
        return got(names, [method.value], node.args)
    return NOTHING


def got(names: Names, owners: list[ast.expr], keys: list[ast.expr]) -> Strings:
    """`getattr(owner, key)`, where the key may hold dots."""
    if not owners or not keys:
        return NOTHING
    found = set[str]()
    for key in names.strings(keys[0]):
        found |= _along(names, names.of(owners[0]), key.split("."))
    return frozenset(found)


def _along(names: Names, start: Strings, path: list[str]) -> set[str]:
    reached = set(start)
    for attr in path[:MAX_CHAIN]:
        reached = {
            name for base in sorted(reached)[:MAX_CHAIN] for name in names.joined(base, attr)
        }
    return reached


def item(names: Names, bases: Strings, key: ast.expr) -> Strings:
    """`base[key]`, where the base is a namespace or the table of modules."""
    found = set[str]()
    for base in bases:
        if base == MODULE_NAMESPACE:
            found |= {n for text in names.strings(key) for n in names.global_(text)}
        elif base == "builtins":
            found |= {f"builtins.{text}" for text in names.strings(key)}
        elif base == "sys.modules":
            found |= names.strings(key) or _own_module(key) or {SOME_MODULE}
        elif base.endswith(".__dict__"):
            owner = base.removesuffix(".__dict__")
            found |= {name for text in names.strings(key) for name in names.joined(owner, text)}
    return frozenset(found)


def _own_module(key: ast.expr) -> set[str]:
    """`sys.modules[__name__]` is the submission itself."""
    return {"<globals>"} if isinstance(key, ast.Name) and key.id == "__name__" else set()


def _getattr(names: Names, node: ast.Call) -> Strings:
    given = arguments(names, node)
    return got(names, given[:1], given[1:2])


def _type(names: Names, node: ast.Call) -> Strings:
    if len(node.args) != 1:
        return NOTHING
    known = names.of(node.args[0])
    if not known and isinstance(node.args[0], ast.Name) and _is_given(names, node.args[0]):
        return frozenset({GIVEN})
    return frozenset(n[:-2] for n in known if n.endswith("()"))


def _is_given(names: Names, node: ast.Name) -> bool:
    return any(binding.parameter is not None for binding in names.bindings.bound(node))


def _module(names: Names, node: ast.Call) -> Strings:
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if not given:
        return NOTHING
    found = names.strings(given[0])
    if len(given) > 1:
        packages = names.strings(given[1])
        found = frozenset(p + n if n[:1] == "." else n for n in found for p in packages or {""})
    return frozenset(text.lstrip(".") for text in found)


def _dunder_import(names: Names, node: ast.Call) -> Strings:
    if not node.args:
        return NOTHING
    found = names.strings(node.args[0])
    if len(node.args) + len(node.keywords) > 1:
        return found
    return frozenset(text.split(".")[0] for text in found)


def _located(names: Names, node: ast.Call) -> Strings:
    found = names.strings(node.args[0]) if node.args else NOTHING
    return frozenset(text.replace(":", ".") for text in found)


def _vars(names: Names, node: ast.Call) -> Strings:
    if not node.args:
        return frozenset({MODULE_NAMESPACE})
    return frozenset(f"{name}.__dict__" for name in names.of(node.args[0]))


def _first(names: Names, node: ast.Call) -> Strings:
    return names.of(node.args[0]) if node.args else NOTHING


def _next(names: Names, node: ast.Call) -> Strings:
    found = names.bindings.elements(node.args[0], None) if node.args else []
    first = names.of(node.args[0]) if node.args else NOTHING
    return first.union(*(names.of(value) for value in found[:MAX_CHAIN]))


def _property(names: Names, node: ast.Call) -> Strings:
    """What `property(f)` gives when it is read."""
    found = names.of(node.args[0]) if node.args else NOTHING
    return frozenset(result for name in found for result in names.result(name))


def _reduce(names: Names, node: ast.Call) -> Strings:
    """`functools.reduce(getattr, path, owner)`."""
    if len(node.args) != 3 or "builtins.getattr" not in names.of(node.args[0]):
        return NOTHING
    path = names.literals.texts(node.args[1])
    return frozenset(_along(names, names.of(node.args[2]), path)) if path else NOTHING


def _namespace(names: Names, node: ast.Call) -> Strings:
    name = f"<object {len(names.objects)}>"
    names.objects[name] = {k.arg: k.value for k in node.keywords if k.arg}
    return frozenset({name})


Special = Callable[["Names", ast.Call], Strings]
CALLEES: dict[str, Special] = {
    "builtins.getattr": _getattr,
    "inspect.getattr_static": _getattr,
    "builtins.type": _type,
    "importlib.import_module": _module,
    "importlib.__import__": _dunder_import,
    "builtins.__import__": _dunder_import,
    "pkgutil.resolve_name": _located,
    "pydoc.locate": _located,
    "builtins.vars": _vars,
    "builtins.globals": _vars,
    "builtins.locals": _vars,
    "functools.partial": _first,
    "functools.partialmethod": _first,
    "functools.wraps": _first,
    "functools.reduce": _reduce,
    "builtins.list": _first,
    "builtins.tuple": _first,
    "builtins.iter": _first,
    "builtins.next": _next,
    "builtins.property": _property,
    "functools.cached_property": _property,
    "builtins.staticmethod": _first,
    "contextlib.nullcontext": _first,
    "contextlib.closing": _first,
    "builtins.classmethod": _first,
    "types.SimpleNamespace": _namespace,
    "argparse.Namespace": _namespace,
}
