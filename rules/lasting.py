"""What outlives a call besides globals and attributes: what an own container holds, and what is
hung on an object that the caller passed in."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.origin import Origin
from integrity.rules.scopes import Class
from integrity.rules.strings import Strings

if TYPE_CHECKING:
    from integrity.rules.source import Source

CONTAINERS = {
    f"{module}.{name}"
    for module in ("builtins", "collections", "typing", "weakref")
    for name in (
        "dict", "list", "UserDict", "UserList", "OrderedDict", "defaultdict", "deque",
        "WeakKeyDictionary", "WeakValueDictionary", "Dict", "List",
    )
}  # fmt: skip
UNKNOWN = frozenset({"?"})
SETTERS = {"builtins.setattr", "builtins.object.__setattr__"}


def is_hung(origin: Origin) -> bool:
    """Whether an origin is one of those below."""
    return origin.where.endswith("[]") or origin.where.startswith("attribute ")


class Lasting:
    """Origins of what such objects keep."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def _containers(self) -> dict[str, Class]:
        """Classes that are containers and have an instance beyond one call."""
        return {
            path: owner
            for path, owner in self.source.layout.classes.items()
            if any(self.source.names(base) & CONTAINERS for base in owner.node.bases)
            and any(self._stays(call.node) for call in self.source.calls_to({path}))
        }

    def _stays(self, node: ast.Call) -> bool:
        """Whether an instance is made once, or put where the next call finds it."""
        function = self.source.function_of(node)
        if isinstance(function.node, ast.Module) or function.name == "__init__":
            return True
        around = self.source.parent(node)
        if isinstance(around, ast.Assign):
            return not all(isinstance(target, ast.Name) for target in around.targets)
        return isinstance(around, ast.Call)

    def contents(self, node: ast.expr) -> list[Origin]:
        """What the container holds that an expression stands for."""
        if not self._containers:
            return []
        known = (name.removesuffix("()") for name in self.source.names(node) if "()" in name)
        return [Origin("state", f"{path}[]") for path in sorted(known) if path in self._containers]

    def contents_of(self, owner: Class) -> list[Origin]:
        """The same for `self` in that class."""
        return [Origin("state", f"{owner.path}[]")] if owner.path in self._containers else []

    @cached_property
    def _hung(self) -> set[str]:
        """Attributes that live code sets on a parameter; `?` for names it computes."""
        found = {
            attr
            for attr, stores in self.source.layout.set_attributes.items()
            if any(self._is_given(target) for target, _ in stores)
        }
        for call in self.source.calls_to(SETTERS):
            if len(call.node.args) == 3 and self._is_given(call.node.args[0]):
                found |= self.source.strings(call.node.args[1]) or UNKNOWN
        return found

    def _is_given(self, node: ast.expr) -> bool:
        """Whether it is a parameter and nothing of the submission's own."""
        own = any(name.startswith(".") for name in self.source.names(node))
        return isinstance(node, ast.Name) and not own and self.source.is_parameter(node)

    def hung(self, node: ast.expr, attributes: Strings) -> list[Origin]:
        """What may be kept under those attributes of an object that the caller passed in."""
        found = sorted((attributes or UNKNOWN) & self._hung)
        if not found or not any(o.kind == "input" for o in self.source.flow.origins(node)):
            return []
        return [Origin("state", f"attribute {attr} of an input") for attr in found]
