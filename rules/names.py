"""What a dotted expression may stand for, whatever it is called in the submission.

`torch.cuda.Event` is found through import aliases, re-binding, `getattr`, `vars`, `__dict__`,
`sys.modules`, tuple unpacking, loops, attributes of `self`, and the submission's own functions.
A leading dot marks what the submission defines itself; `()` marks a call's result, `[]` an item.
Resolution ignores order: a name stands for everything it is ever bound to.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from itertools import islice
from typing import Any

from integrity.rules.bindings import MAX_BINDINGS, Bindings
from integrity.rules.layout import Layout
from integrity.rules.scopes import Binding, Class, Function, Scope
from integrity.rules.strings import NOTHING, Strings, fold

MAX_NAMES = 24
MAX_DEPTH = 40
MAX_CHAIN = 16
MAX_CHARACTERS = 160

BUILTINS = frozenset(dir(builtins))
MODULE_NAMESPACE = "<globals>.__dict__"
SOME_MODULE = "sys.modules[?]"
ALL_MODULES = {"sys.modules.values()", "sys.modules.items()", "sys.modules.copy().values()"}


class Names:
    """Resolves expressions of one submission; remembers every answer."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._names: dict[ast.AST, Strings] = {}
        self._strings: dict[ast.AST, Strings] = {}
        self._bound: dict[tuple[Scope, str], Strings] = {}
        self._depth = 0
        self.functions = {function.path: function for function in layout.functions[1:]}
        self.bindings = Bindings(layout)

    def of(self, node: ast.AST) -> Strings:
        """Dotted names the expression may stand for."""
        known = self._names.get(node)
        if known is not None:
            return known
        resolve = _RESOLVE.get(type(node))
        if resolve is None or self._depth > MAX_DEPTH:
            return NOTHING
        self._names[node] = NOTHING
        self._depth += 1
        found = _trimmed(resolve(self, node))
        self._depth -= 1
        self._names[node] = found
        return found

    def strings(self, node: ast.expr) -> Strings:
        """Strings the expression may spell."""
        known = self._strings.get(node)
        if known is not None:
            return known
        if self._depth > MAX_DEPTH:
            return NOTHING
        self._strings[node] = NOTHING
        self._depth += 1
        found = self._spelled(node)
        self._depth -= 1
        self._strings[node] = found
        return found

    def _spelled(self, node: ast.expr) -> Strings:
        if isinstance(node, ast.Name):
            return self._spelled_by_name(node)
        if isinstance(node, ast.Attribute):
            return self._spelled_by_attribute(node)
        if isinstance(node, ast.NamedExpr):
            return self.strings(node.value)
        called = self.of(node.func) if isinstance(node, ast.Call) else NOTHING
        return fold(node, self.strings, called)

    def _spelled_by_name(self, node: ast.Name) -> Strings:
        scope = self.layout.place[node].scope.find(node.id) if node in self.layout.place else None
        if scope is None:
            return NOTHING
        return self._spelled_by(scope.bindings[node.id])

    def _spelled_by_attribute(self, node: ast.Attribute) -> Strings:
        found = set[str]()
        for base in self.of(node.value):
            owner = self.layout.classes.get(base.removesuffix("()"))
            if owner is not None:
                bound = owner.attributes.get(node.attr, [])
                found |= self._spelled_by(bound + owner.scope.bindings.get(node.attr, []))
        return frozenset(found)

    def _spelled_by(self, bindings: list[Binding]) -> Strings:
        found = set[str]()
        for binding in bindings[:MAX_BINDINGS]:
            for value in self.bindings.values(binding):
                found |= self.strings(value)
        return frozenset(islice(sorted(found), MAX_NAMES))

    def _name(self, node: ast.Name) -> Strings:
        place = self.layout.place.get(node)
        scope = place.scope.find(node.id) if place else None
        if scope is not None:
            return self.bound(scope, node.id)
        return self._unbound(node.id)

    def _unbound(self, name: str) -> Strings:
        if name == "__builtins__":
            return frozenset({"builtins"})
        if name in BUILTINS:
            return frozenset({f"builtins.{name}"})
        if self.layout.stars:
            return frozenset(f"{module}.{name}" for module in self.layout.stars)
        return frozenset({f"?{name}"})

    def bound(self, scope: Scope, name: str) -> Strings:
        """Dotted names a scope's name may stand for."""
        key = (scope, name)
        if key not in self._bound:
            self._bound[key] = NOTHING
            found = set[str]()
            for binding in scope.bindings[name][:MAX_BINDINGS]:
                found |= self.named_by(binding)
            self._bound[key] = _trimmed(found)
        return self._bound[key]

    def named_by(self, binding: Binding) -> set[str]:
        if binding.imported is not None:
            return {binding.imported}
        if binding.function is not None:
            return {binding.function.path}
        if binding.owner is not None:
            return {binding.owner.path}
        found = set[str]()
        if binding.parameter is not None:
            found |= _receiver(*binding.parameter)
        if binding.element is not None and self.of(binding.element[0]) & ALL_MODULES:
            found.add(SOME_MODULE)
        for value in self.bindings.values(binding):
            found |= self.of(value)
        return found

    def _attribute(self, node: ast.Attribute) -> Strings:
        chain, base = [node.attr], node.value
        while isinstance(base, ast.Attribute) and len(chain) < MAX_CHAIN:
            chain.append(base.attr)
            base = base.value
        if isinstance(base, ast.Attribute):
            return NOTHING
        found = self.of(base)
        for attr in reversed(chain):
            found = _trimmed({name for start in found for name in self.joined(start, attr)})
        return found

    def joined(self, base: str, attr: str) -> set[str]:
        """Names of `base.attr`, through the submission's own classes and instances."""
        if attr == "__class__" and base.endswith("()"):
            return {base[:-2]}
        owner = self.layout.classes.get(base.removesuffix("()"))
        if owner is None:
            return {f"{base}.{attr}"}
        return self._member(owner, attr)

    def _member(self, owner: Class, attr: str) -> set[str]:
        found = set[str]()
        for binding in owner.attributes.get(attr, [])[:MAX_BINDINGS]:
            found |= self.named_by(binding)
        if attr in owner.scope.bindings:
            found |= self.bound(owner.scope, attr)
        return found or {f"{owner.path}.{attr}"}

    def _call(self, node: ast.Call) -> Strings:
        found = set[str]()
        if isinstance(node.func, ast.Call) and "operator.attrgetter" in self.of(node.func.func):
            return self._got(node.args, node.func.args)
        if isinstance(node.func, ast.Attribute):
            found |= self._namespace_item(node.func, node.args)
        for name in self.of(node.func):
            special = _SPECIAL.get(name)
            found |= special(self, node) if special else self._result(name)
        return frozenset(found)

    def _result(self, name: str) -> set[str]:
        function = self.functions.get(name)
        if function is None:
            return {f"{name}()"}
        found = {f"{name}()"}
        for value in function.returns[:8]:
            found |= self.of(value)
        return found

    def _namespace_item(self, method: ast.Attribute, arguments: list[ast.expr]) -> Strings:
        """`x.__dict__.get("y")`, `sys.modules.get("y")`, `x.__getattribute__("y")`."""
        if method.attr in {"get", "pop", "setdefault", "__getitem__"} and arguments:
            return self._item(self.of(method.value), arguments[0])
        if method.attr == "__getattribute__" and arguments:
            if len(arguments) == 2:
                return self._got(arguments[:1], arguments[1:])
            return self._got([method.value], arguments)
        return NOTHING

    def _got(self, owners: list[ast.expr], keys: list[ast.expr]) -> Strings:
        """`getattr(owner, key)`, where the key may hold dots."""
        if not owners or not keys:
            return NOTHING
        found = set[str]()
        for key in self.strings(keys[0]):
            names = set(self.of(owners[0]))
            for attr in key.split(".")[:MAX_CHAIN]:
                names = {name for base in names for name in self.joined(base, attr)}
            found |= names
        return _trimmed(found)

    def _getattr(self, node: ast.Call) -> Strings:
        return self._got(node.args[:1], node.args[1:2])

    def _type(self, node: ast.Call) -> Strings:
        if len(node.args) != 1:
            return NOTHING
        return frozenset(n[:-2] for n in self.of(node.args[0]) if n.endswith("()"))

    def _module(self, node: ast.Call) -> Strings:
        return self.strings(node.args[0]) if node.args else NOTHING

    def _dunder_import(self, node: ast.Call) -> Strings:
        if len(node.args) + len(node.keywords) > 1:
            return self._module(node)
        return frozenset(text.split(".")[0] for text in self._module(node))

    def _vars(self, node: ast.Call) -> Strings:
        if not node.args:
            return frozenset({MODULE_NAMESPACE})
        return frozenset(f"{name}.__dict__" for name in self.of(node.args[0]))

    def _first(self, node: ast.Call) -> Strings:
        return self.of(node.args[0]) if node.args else NOTHING

    def _subscript(self, node: ast.Subscript) -> Strings:
        bases = self.of(node.value)
        found = set(self._item(bases, node.slice))
        for value in self.bindings.elements(node.value, None):
            found |= self.of(value)
        return frozenset(found or {f"{base}[]" for base in bases})

    def _item(self, bases: Strings, key: ast.expr) -> Strings:
        found = set[str]()
        for base in bases:
            if base == MODULE_NAMESPACE:
                found |= {n for text in self.strings(key) for n in self._global(text)}
            elif base == "builtins":
                found |= {f"builtins.{text}" for text in self.strings(key)}
            elif base == "sys.modules":
                found |= self.strings(key) or _own_module(key) or {SOME_MODULE}
            elif base.endswith(".__dict__"):
                found |= {f"{base.removesuffix('.__dict__')}.{t}" for t in self.strings(key)}
        return frozenset(found)

    def _global(self, name: str) -> Strings:
        if name in self.layout.module.bindings:
            return self.bound(self.layout.module, name)
        return self._unbound(name)

    def _either(self, node: ast.IfExp) -> Strings:
        return self.of(node.body) | self.of(node.orelse)

    def _any(self, node: ast.BoolOp) -> Strings:
        return frozenset().union(*(self.of(value) for value in node.values[:MAX_BINDINGS]))

    def _inner(self, node: ast.NamedExpr | ast.Await | ast.Starred) -> Strings:
        return self.of(node.value)

    def _lambda(self, node: ast.Lambda) -> Strings:
        return frozenset({".<lambda>"})

    def _literal(self, node: ast.Constant) -> Strings:
        return frozenset({"None"}) if node.value is None else NOTHING


def _receiver(function: Function, name: str) -> set[str]:
    owner = function.owner
    if owner is None or function.is_static or function.parameters[:1] != [name]:
        return set()
    return {f"{owner.path}()"}


def _own_module(key: ast.expr) -> set[str]:
    """`sys.modules[__name__]` is the submission itself."""
    return {"<globals>"} if isinstance(key, ast.Name) and key.id == "__name__" else set()


def _trimmed(names: set[str] | Strings) -> Strings:
    if len(names) > MAX_NAMES:
        names = set(sorted(names)[:MAX_NAMES])
    return frozenset(name for name in names if len(name) <= MAX_CHARACTERS)


_SPECIAL = {
    "builtins.getattr": Names._getattr,
    "inspect.getattr_static": Names._getattr,
    "builtins.type": Names._type,
    "importlib.import_module": Names._module,
    "builtins.__import__": Names._dunder_import,
    "builtins.vars": Names._vars,
    "builtins.globals": Names._vars,
    "builtins.locals": Names._vars,
    "functools.partial": Names._first,
    "functools.wraps": Names._first,
    "builtins.list": Names._first,
    "builtins.tuple": Names._first,
}
_RESOLVE: dict[type[ast.AST], Callable[[Names, Any], Strings]] = {
    ast.Name: Names._name,
    ast.Attribute: Names._attribute,
    ast.Call: Names._call,
    ast.Subscript: Names._subscript,
    ast.IfExp: Names._either,
    ast.BoolOp: Names._any,
    ast.NamedExpr: Names._inner,
    ast.Await: Names._inner,
    ast.Starred: Names._inner,
    ast.Lambda: Names._lambda,
    ast.Constant: Names._literal,
}
