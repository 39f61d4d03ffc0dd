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
from integrity.rules.callees import ALL_MODULES, CALLEES, SOME_MODULE, called, item
from integrity.rules.constants import Evaluator
from integrity.rules.layout import Layout
from integrity.rules.payload import namespace_of
from integrity.rules.scopes import Binding, Class, Function, Scope
from integrity.rules.strings import NOTHING, Strings, fold

MAX_NAMES = 24
MAX_DEPTH = 40
MAX_CHAIN = 16
MAX_CALLERS = 16
MAX_LINEAGE = 4
MAX_CHARACTERS = 160
BUILTINS = frozenset(dir(builtins))


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
        self.objects: dict[str, dict[str, ast.expr]] = {}
        """Namespaces that a call made out of keywords, by the name they go by."""

        self._ran_in = {name for node in layout.nodes(ast.Call) for name in namespace_of(node)}
        self.literals = Evaluator(self.of, self._only, self._own)

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
        found = trimmed(resolve(self, node))
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
        callee = self.of(node.func) if isinstance(node, ast.Call) else NOTHING
        found = fold(node, self.strings, callee)
        if found or not isinstance(node, ast.Call | ast.BinOp | ast.Subscript | ast.JoinedStr):
            return found
        text = self.literals.text(node)
        if text is None and isinstance(node, ast.Subscript):
            held = self.bindings.elements(node.value, None)[:MAX_CALLERS]
            return NOTHING.union(*(self.strings(value) for value in held))
        return NOTHING if text is None else frozenset({text})

    def _only(self, node: ast.Name | ast.Attribute) -> ast.expr | None:
        """The expression a name is bound to, where there is just one."""
        bound = self.members(node) if isinstance(node, ast.Attribute) else self.bindings.bound(node)
        return bound[0].value if len(bound) == 1 else None

    def _own(self, node: ast.expr) -> ast.Lambda | ast.FunctionDef | None:
        """The submission's own function behind a callee, where there is just one."""
        if isinstance(node, ast.Lambda):
            return node
        if not isinstance(node, ast.Name):
            return None
        bound = self.bindings.bound(node)
        if len(bound) != 1:
            return None
        found = bound[0].function.node if bound[0].function else bound[0].value
        return found if isinstance(found, ast.Lambda | ast.FunctionDef) else None

    def _spelled_by_name(self, node: ast.Name) -> Strings:
        scope = self.layout.place[node].scope.find(node.id) if node in self.layout.place else None
        if scope is None:
            return NOTHING
        return self._spelled_by(scope.bindings[node.id])

    def _spelled_by_attribute(self, node: ast.Attribute) -> Strings:
        return self._spelled_by(self.members(node))

    def members(self, node: ast.Attribute) -> list[Binding]:
        """What an attribute of the submission's own object or class is bound to."""
        found: list[Binding] = []
        for base in self.of(node.value):
            owner = self.layout.classes.get(base.removesuffix("()"))
            if owner is not None:
                found += owner.attributes.get(node.attr, ())
                found += owner.scope.bindings.get(node.attr, ())
            if base.startswith(".") and not found:
                set_on = self.layout.set_attributes.get(node.attr, ())[:MAX_CALLERS]
                found += [bound for target, bound in set_on if base in self.of(target)]
        return found

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
            self._bound[key] = trimmed(found)
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
            found = trimmed({name for start in found for name in self.joined(start, attr)})
        return found

    def joined(self, base: str, attr: str) -> set[str]:
        """Names of `base.attr`, through the submission's own classes and instances."""
        if attr == "__class__" and base.endswith("()"):
            return {base[:-2]}
        if base == "types.ModuleType()" and self._ran_in:
            return set(self.global_(attr))
        if base in self.objects:
            return set(self.of(self.objects[base][attr])) if attr in self.objects[base] else set()
        owner = self.layout.classes.get(base.removesuffix("()"))
        if owner is not None:
            return self._member(owner, attr)
        return {f"{base}.{attr}"} | (self._set_on(base, attr) if base[0] == "." else set())

    def _set_on(self, base: str, attr: str) -> set[str]:
        """What is assigned to that attribute of the submission's own function or object."""
        found = set[str]()
        for owner, binding in self.layout.set_attributes.get(attr, ())[:MAX_CALLERS]:
            if base in self.of(owner):
                found |= self.named_by(binding)
        return found

    def _member(self, owner: Class, attr: str, depth: int = 0) -> set[str]:
        found = set[str]()
        for binding in owner.attributes.get(attr, [])[:MAX_BINDINGS]:
            found |= self.named_by(binding)
        if attr in owner.scope.bindings:
            found |= self.bound(owner.scope, attr)
            if attr in owner.methods and _is_property(owner.methods[attr]):
                found |= self.result(owner.methods[attr].path)
        if found or depth > MAX_LINEAGE:
            return found
        found |= self._set_on(f"{owner.path}()", attr) | self._set_on(owner.path, attr)
        bases = [self.layout.classes.get(n) for b in owner.node.bases[:8] for n in self.of(b)]
        for parent in [known for known in bases if known is not None and known is not owner]:
            inherited = self._member(parent, attr, depth + 1)
            found |= inherited - {f"{parent.path}.{attr}"}
        return found or {f"{owner.path}.{attr}"}

    def _call(self, node: ast.Call) -> Strings:
        found = set[str]()
        for name in self.of(node.func):
            special = CALLEES.get(name)
            found |= special(self, node) if special else self.result(name)
        return frozenset(found | called(self, node))

    def result(self, name: str) -> set[str]:
        """What calling something of that name may give."""
        function = self.functions.get(name)
        if function is not None:
            found = set[str]().union(*(self.of(value) for value in function.returns[:8]))
            return found or {f"{name}()"}
        if name in self.layout.lambdas:
            return set(self.of(self.layout.lambdas[name].body))
        return {f"{name}()"}

    def _subscript(self, node: ast.Subscript) -> Strings:
        bases = self.of(node.value)
        found = set(item(self, bases, node.slice))
        if isinstance(node.value, ast.Name) and node.value.id in self._ran_in:
            found |= {n for key in self.strings(node.slice) for n in self.global_(key)}
        for value in self.bindings.elements(node.value, None):
            found |= self.of(value)
        return frozenset(found or {f"{base}[]" for base in bases})

    def global_(self, name: str) -> Strings:
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
        return frozenset({self.layout.lambda_paths.get(node, ".<lambda>")})

    def _literal(self, node: ast.Constant) -> Strings:
        return frozenset({"None"}) if node.value is None else NOTHING


def _is_property(function: Function) -> bool:
    plain = (d.id if isinstance(d, ast.Name) else "" for d in function.decorators)
    return any(name in {"property", "cached_property"} for name in plain)


def _receiver(function: Function, name: str) -> set[str]:
    owner = function.owner
    if owner is None or function.is_static or function.parameters[:1] != [name]:
        return set()
    return {f"{owner.path}()"}


def trimmed(names: set[str] | Strings) -> Strings:
    if len(names) > MAX_NAMES:
        names = set(sorted(names)[:MAX_NAMES])
    return frozenset(name for name in names if len(name) <= MAX_CHARACTERS)


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
