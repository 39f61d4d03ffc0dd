"""What a submission defines: scopes, the names they bind, functions and classes."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True, eq=False)
class Binding:
    """One way a name gets a value. Exactly one of the fields says which."""

    value: ast.expr | None = None
    """`name = value`, `name := value`, `with value as name`."""

    element: tuple[ast.expr, int | None] | None = None
    """An element of that value: by position, or any (a loop)."""

    imported: str | None = None
    function: Function | None = None
    owner: Class | None = None
    parameter: tuple[Function, str] | None = None
    of_lambda: tuple[ast.Lambda, str] | None = None
    """A parameter of that lambda."""


@dataclass(slots=True, eq=False)
class Scope:
    """Names bound in a module, a class body, a function or a lambda."""

    kind: str
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: dict[str, str] = field(default_factory=dict)
    """Names declared `global` or `nonlocal`, and which of the two."""

    def bind(self, name: str, binding: Binding) -> None:
        home = self
        if name in self.outer:
            home = self.declared(name)
        home.bindings.setdefault(name, []).append(binding)

    def declared(self, name: str) -> Scope:
        """The scope a `global` or `nonlocal` statement points to."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
            if self.outer[name] == "nonlocal" and scope.kind != "class" and name in scope.bindings:
                return scope
        return scope

    def find(self, name: str) -> Scope | None:
        """The scope that binds the name as seen from this one."""
        if name in self.outer:
            return self.declared(name)
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope is self or scope.kind != "class"):
                return scope
            scope = scope.parent
        return None


@dataclass(slots=True, eq=False)
class Function:
    """A function or method of the submission, or the module's own top level."""

    name: str
    path: str
    """Dotted from the module, with a leading dot: `.ModelNew.forward`."""

    node: FunctionNode | ast.Module
    scope: Scope
    owner: Class | None = None
    returns: list[ast.expr] = field(default_factory=list)
    mentions: set[str] = field(default_factory=set)
    """Names, attributes and strings in its body: whatever it may call."""

    asks_super_for: set[str] = field(default_factory=set)
    live: bool = False
    on_device: bool = False
    """Triton compiles it: nothing in it runs on the host."""

    @property
    def parameters(self) -> list[str]:
        if isinstance(self.node, ast.Module):
            return []
        given = self.node.args
        return [arg.arg for arg in [*given.posonlyargs, *given.args, *given.kwonlyargs]]

    @property
    def inputs(self) -> list[str]:
        """Parameters that the caller fills: all but `self`."""
        names = self.parameters
        return names[1:] if self.owner and not self.is_static else names

    @property
    def is_static(self) -> bool:
        return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.decorators)

    @property
    def decorators(self) -> list[ast.expr]:
        return [] if isinstance(self.node, ast.Module) else self.node.decorator_list


@dataclass(slots=True, eq=False)
class Class:
    """A class of the submission."""

    name: str
    path: str
    node: ast.ClassDef
    scope: Scope
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    """What `self.x = ...` binds, in any method."""


@dataclass(slots=True, eq=False)
class Place:
    """Where a node stands; nodes of one block share one."""

    scope: Scope
    function: Function
    owner: Class | None = None
    guarded: bool = False
    """Inside `if __name__ == "__main__"`, which no harness runs."""
