"""Which functions of a submission the harness can reach from its entry."""

from __future__ import annotations

import ast
from collections import defaultdict

from integrity.rules.layout import Layout
from integrity.rules.names import Names
from integrity.rules.scopes import Class, Function

USUAL_ENTRIES = ("ModelNew", "custom_kernel", "solution", "kernel_function", "kernel", "run")
"""Entry names looked for when the harness gave none."""

RUN_AT_DEFINITION = {"__init_subclass__", "__set_name__", "__class_getitem__"}
"""Methods that Python runs while it defines classes."""

CALLED_BY_HARNESS = ("forward", "__call__")
DESCRIBES = {"register_fake", "impl_abstract", "register_abstract", "register_meta"}
"""Decorators of functions that only say what an operator's result looks like."""


def entries(layout: Layout, names: Names, entry: str) -> list[Function]:
    """The functions whose return value the harness takes as the answer."""
    wanted = (
        [entry] if entry else [name for name in USUAL_ENTRIES if name in layout.module.bindings]
    )
    found = [function for name in wanted for function in _answering(layout, names, name)]
    if found or entry:
        return found
    outer = [
        f
        for f in layout.functions[1:]
        if f.name == "forward" or (f.path.count(".") == 1 and _takes_something(f))
        if not _is_description(f)
    ]
    helpers = {
        node.id
        for node in layout.nodes(ast.Name)
        if isinstance(node.ctx, ast.Load) and not layout.place[node].guarded
    }
    return [f for f in outer if f.name == "forward" or f.name not in helpers] or outer


def _takes_something(function: Function) -> bool:
    """An answer is one to inputs."""
    given = function.node.args if not isinstance(function.node, ast.Module) else None
    return given is not None and bool(function.inputs or given.vararg or given.kwarg)


def _is_description(function: Function) -> bool:
    """Whether torch asks it for shapes only: `@op.register_fake`."""
    made = (d.func if isinstance(d, ast.Call) else d for d in function.decorators)
    return any(isinstance(d, ast.Attribute) and d.attr in DESCRIBES for d in made)


def _answering(layout: Layout, names: Names, name: str) -> list[Function]:
    """The function of that name, or the `forward` that calling its instance runs."""
    if name not in layout.module.bindings:
        return []
    found: list[Function] = []
    for path in sorted(names.bound(layout.module, name)):
        owner = layout.classes.get(path.removesuffix("()"))
        if path in names.functions:
            found.append(names.functions[path])
        elif owner is not None:
            found += _methods(layout, names, owner)
    return found


def _methods(layout: Layout, names: Names, owner: Class) -> list[Function]:
    for ancestor in lineage(layout, names, owner):
        found = [ancestor.methods[m] for m in CALLED_BY_HARNESS if m in ancestor.methods]
        if found:
            return found
    return []


def lineage(layout: Layout, names: Names, owner: Class) -> list[Class]:
    """A class and its ancestors in the submission, nearest first."""
    found, pending = [owner], list(owner.node.bases)
    while pending and len(found) < 16:
        for path in sorted(names.of(pending.pop(0))):
            parent = layout.classes.get(path)
            if parent is not None and parent not in found:
                found.append(parent)
                pending += parent.node.bases
    return found


class Reach:
    """Marks functions live, following mentions from the entry; errs towards live."""

    def __init__(self, layout: Layout, names: Names, entry: str) -> None:
        self.layout, self.names = layout, names
        self.by_name: dict[str, list[Function]] = defaultdict(list)
        for function in layout.functions[1:]:
            self.by_name[function.name].append(function)
        self.by_class: dict[str, list[Class]] = defaultdict(list)
        for owner in layout.classes.values():
            self.by_class[owner.name].append(owner)
        self._bases = {
            base.id
            for owner in layout.classes.values()
            for base in owner.node.bases
            if isinstance(base, ast.Name)
        }
        self._seen: set[str] = set()
        self._classes: set[Class] = set()
        self._pending: list[Function] = []
        self._mark(entry)

    def _mark(self, entry: str) -> None:
        if not entry or entry not in self.layout.module.bindings:
            for function in self.layout.functions:
                function.live = True
            return
        self._follow(self.layout.top.mentions - self._only_bases())
        self._follow({entry})
        for function in self.layout.functions[1:]:
            if function.name in RUN_AT_DEFINITION or self._is_run_by_decorator(function):
                self._reach(function)
        for function in entries(self.layout, self.names, entry):
            self._reach(function)
        while self._pending:
            function = self._pending.pop()
            self._follow(function.mentions)
            self._follow_super(function)

    def _is_run_by_decorator(self, function: Function) -> bool:
        """Whether a decorator of the submission's own is handed the function at import."""
        return function.owner is None and any(
            name in self.names.functions
            for decorator in function.decorators
            for name in self.names.of(decorator)
        )

    def _only_bases(self) -> set[str]:
        """Names the module's top level mentions as a base class and nowhere else."""
        used = {
            node.id
            for node in self.layout.order
            if isinstance(node, ast.Name)
            and node.id in self._bases
            and not isinstance(self.layout.parent.get(node), ast.ClassDef)
            and self.layout.place[node].function is self.layout.top
            and not self.layout.place[node].guarded
        }
        return self._bases - used

    def _reach(self, function: Function) -> None:
        if not function.live:
            function.live = True
            self._pending.append(function)

    def _follow(self, mentioned: set[str]) -> None:
        for name in mentioned - self._seen:
            self._seen.add(name)
            for function in self.by_name.get(name, ()):
                self._reach_named(function)
            for owner in self.by_class.get(name, ()):
                self._instantiate(owner)
            for function in self._aliased(name):
                self._reach(function)

    def _reach_named(self, function: Function) -> None:
        """A method is reached with its class; what calling an instance runs, in `_instantiate`."""
        reached = function.owner in self._classes and function.name not in CALLED_BY_HARNESS
        if function.owner is None or reached:
            self._reach(function)

    def _aliased(self, name: str) -> list[Function]:
        if name not in self.layout.module.bindings:
            return []
        paths = self.names.bound(self.layout.module, name)
        return [self.names.functions[path] for path in paths if path in self.names.functions]

    def _instantiate(self, owner: Class) -> None:
        taken = set[str]()
        for ancestor in lineage(self.layout, self.names, owner):
            self._classes.add(ancestor)
            for name, method in ancestor.methods.items():
                automatic = name.startswith("__") or name in CALLED_BY_HARNESS
                if name not in taken and (automatic or name in self._seen):
                    self._reach(method)
            taken |= ancestor.methods.keys()

    def _follow_super(self, function: Function) -> None:
        if function.owner is None:
            return
        for ancestor in lineage(self.layout, self.names, function.owner)[1:]:
            for name in function.asks_super_for & ancestor.methods.keys():
                self._reach(ancestor.methods[name])
