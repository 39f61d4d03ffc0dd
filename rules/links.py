"""Which calls are handed what, which of them launch kernels, and what those write to."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.effects import Effects
from integrity.rules.facts import Call
from integrity.rules.flow import Origins
from integrity.rules.handed import Handed
from integrity.rules.layout import children
from integrity.rules.library import is_vendors
from integrity.rules.scopes import Function
from integrity.rules.tensors import COPIES, VIEWS

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_PARTS = 60
MAX_LOOPS = 3
KERNEL_DECORATORS = (
    "triton.jit",
    "triton.autotune",
    "triton.heuristics",
    "triton.experimental.",
    "numba.cuda.",
    "numba.njit",
    "numba.jit",
    "numba.vectorize",
    "numba.guvectorize",
    "cupy.fuse",
    "cupyx.jit",
    "tilelang.",
    "warp.kernel",
    "helion.kernel",
    "cutlass.cute.",
    "taichi.kernel",
)
COMPILERS = (
    "cupy.RawKernel",
    "cupy.RawModule",
    "cupy.ElementwiseKernel",
    "cupy.ReductionKernel",
    "torch.utils.cpp_extension",
    "torch.cuda._compile_kernel",
    "torch.ops.",
    "ctypes.",
    "cffi.",
    "cuda.",
    "pycuda.",
    "tilelang.",
    "cutlass.",
    "thunderkittens",
    "tvm.",
    "hidet.",
    "mojo.",
)
TORCHS_OWN = ("torch.ops.aten.", "torch.ops.prims.", "torch.ops.quantized.")
"""Namespaces whose operators torch brings along."""

BUILDERS = {
    "torch.utils.cpp_extension.load_inline",
    "torch.utils.cpp_extension.load",
    "cupy.RawKernel",
    "cupy.RawModule",
    "torch.cuda._compile_kernel",
}
SETUP_ONLY = ("ctypes.c_", "ctypes.POINTER", "ctypes.byref", "ctypes.cast", "ctypes.sizeof")


STORES = {"store", "atomic_add", "atomic_max", "atomic_min", "atomic_cas", "atomic_xchg"}


def stored_parameters(source: Source, kernel: Function) -> set[str]:
    """Parameters of a Triton kernel that its stores and atomics point into."""
    found = set[str]()
    for call in source.calls_in(kernel):
        if call.method in STORES and call.node.args:
            found |= _reached(source, call.node.args[0])
    return found & set(kernel.parameters)


def _reached(source: Source, node: ast.expr) -> set[str]:
    """Names in an expression and, six steps deep, in what those are bound to."""
    found, pending = set[str](), [(node, 0)]
    while pending and len(found) < 200:
        expression, depth = pending.pop()
        for part in source.below(expression, 100):
            if isinstance(part, ast.Name) and part.id not in found:
                found.add(part.id)
                if depth < 6:
                    pending += [(value, depth + 1) for value in source.assigned(part)]
    return found


ABOUT = {
    "shape",
    "dtype",
    "device",
    "size",
    "numel",
    "stride",
    "dim",
    "ndim",
    "is_cuda",
    "is_contiguous",
    "element_size",
    "requires_grad",
    "layout",
    "nelement",
    "storage_offset",
    "is_floating_point",
    "get_device",
}
"""Attributes that tell about a tensor without reading it."""

LIKE = ("empty_like", "zeros_like", "ones_like", "full_like", "new_empty", "new_zeros")


def _asks_kind(call: ast.Call) -> bool:
    """`len(x)` and `isinstance(x, T)` read nothing of a tensor."""
    return isinstance(call.func, ast.Name) and call.func.id in {"len", "isinstance", "type"}


def is_about(source: Source, node: ast.AST) -> bool:
    """Whether a mention asks for a tensor's size or kind only."""
    around = source.parent(node)
    if isinstance(around, ast.Attribute):
        return around.attr in ABOUT or around.attr in LIKE
    if not isinstance(around, ast.Call) or around.func is node:
        return False
    if isinstance(around.func, ast.Name) and around.func.id in {"len", "isinstance", "type"}:
        return True
    return any(name.endswith(LIKE) for name in source.names(around.func))


def viewed(value: ast.expr) -> ast.Name | None:
    """The name of which a value is the object itself, a part or a view."""
    for _ in range(2 * MAX_LOOPS):
        if isinstance(value, ast.Attribute | ast.Subscript):
            value = value.value
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            if value.func.attr not in VIEWS - COPIES:
                return None
            value = value.func.value
    return value if isinstance(value, ast.Name) else None


def _has_stars(node: ast.Call) -> bool:
    return any(isinstance(argument, ast.Starred) for argument in node.args)


class Links:
    """Which calls are handed what, and which of them launch kernels."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.handed_name: dict[tuple[object, str], list[ast.AST]] = defaultdict(list)
        """Calls and stores that may write to what a name holds."""

        self.handed: dict[str, list[ast.AST]] = defaultdict(list)
        """The same for `.attribute`."""

        self.inside: dict[Function, list[ast.AST]] = defaultdict(list)
        """Calls in a function that return nothing but write to what they are given."""

        self.effects = Effects(self)
        kernels = {f for f in source.functions if f.decorators and self.is_kernel(f)}
        for node in source.live(ast.Call, ast.Assign, ast.AugAssign):
            if source.function_of(node) not in kernels:  # they write to what a launch says
                self._note(node)

    def _note(self, node: ast.Call | ast.Assign | ast.AugAssign) -> None:
        if isinstance(node, ast.Call):
            given: list[ast.AST] = [*node.args, *(k.value for k in node.keywords)]
            if any(k.arg is None for k in node.keywords) or _has_stars(node):
                given += Handed.by(self.source, node).values()
            if node in self.launches:
                given = self._written(node) or given
            if isinstance(node.func, ast.Attribute):
                given.append(node.func.value)
            function = self.source.function_of(node)
            if isinstance(self.source.parent(node), ast.Expr) and self._reaches_out(
                given, function
            ):
                self.inside[function].append(node)
            self._hand(given, node)
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Subscript) or isinstance(node, ast.AugAssign):
                self._hand([target], node.value)

    def _reaches_out(self, given: list[ast.AST], function: Function) -> bool:
        """Whether any of it may be something that the function's caller holds."""
        pending, seen = [(argument, 0) for argument in given], set[str]()
        while pending:
            argument, depth = pending.pop()
            for part in self.source.below(argument, MAX_PARTS):
                if not isinstance(part, ast.Name) or part.id in seen:
                    continue
                seen.add(part.id)
                bound = function.scope.bindings.get(part.id)
                if bound is None or any(b.parameter is not None for b in bound):
                    return True
                if depth < MAX_LOOPS:  # `for x, y in zip(xs, ys)`, `flat = x.view(-1)`
                    held = [b.element[0] for b in bound[:8] if b.element]
                    held += [name for b in bound[:8] if b.value and (name := viewed(b.value))]
                    pending += [(each, depth + 1) for each in held]
        return False

    def _hand(self, given: list[ast.AST], node: ast.AST) -> None:
        """Note what a call is handed: all that its arguments mention, sizes and kinds apart."""
        pending, count = list(given), 0
        while pending and count < MAX_PARTS:
            part, count = pending.pop(), count + 1
            if isinstance(part, ast.Name):
                self._hand_name(part, node)
            elif isinstance(part, ast.Attribute):
                if part.attr not in ABOUT and part.attr not in LIKE:
                    self.handed[f".{part.attr}"].append(node)
                    pending.append(part.value)
            elif isinstance(part, ast.Call):
                if not _asks_kind(part):
                    pending += [part.func, *part.args, *(k.value for k in part.keywords)]
            elif not isinstance(part, ast.Constant):
                pending += children(part)

    def _hand_name(self, part: ast.Name, node: ast.AST) -> None:
        place = self.source.layout.place.get(part)
        scope = place.scope.find(part.id) if place else None
        if scope is not None and scope.kind != "module":
            self.handed_name[scope, part.id].append(node)

    def _written(self, launch: ast.Call) -> list[ast.AST]:
        """Arguments that a launch may write to; none where that can't be told.

        Parameters that a Triton kernel stores to; else what the caller allocated itself.
        """
        handed = Handed.by(self.source, launch)
        if handed.hidden:
            return []
        kernel = self._kernel(launch)
        stored = stored_parameters(self.source, kernel) if kernel else set()
        if kernel and stored:
            pairs = [*zip(kernel.parameters, handed.placed, strict=False), *handed.named]
            return [value for name, value in pairs if name in stored]
        given = handed.values()
        return [a for a in given if any(o.kind == "allocation" for o in self._origins(a))]

    def _origins(self, node: ast.expr) -> Origins:
        return self.source.flow.origins(node)

    @cached_property
    def kernels(self) -> set[Function]:
        """The submission's own kernels that a live call launches."""
        return {kernel for launch in self.launches if (kernel := self._kernel(launch))}

    def _kernel(self, launch: ast.Call) -> Function | None:
        callee = launch.func.value if isinstance(launch.func, ast.Subscript) else launch.func
        found = [f for n in self.source.names(callee) if (f := self.source.function(n))]
        return found[0] if len(found) == 1 and self.is_kernel(found[0]) else None

    @cached_property
    def launches(self) -> set[ast.Call]:
        """Live calls that run a kernel of the submission's own."""
        return {call.node for call in self.source.calls if self._is_launch(call)}

    @cached_property
    def builds(self) -> set[ast.Call]:
        """Live calls that compile a kernel from text."""
        return {
            call.node for call in self.source.calls if any(name in BUILDERS for name in call.names)
        }

    def _is_launch(self, call: Call) -> bool:
        node = call.node
        if isinstance(node.func, ast.Subscript):
            return bool(self.source.names(node.func.value)) or self._is_own_value(node.func.value)
        for name in call.names:
            if name.startswith(TORCHS_OWN) or is_vendors(name):
                continue
            compiled = "()" in name or name.startswith("torch.ops.")  # not the build itself
            if compiled and name.startswith(COMPILERS) and not name.startswith(SETUP_ONLY):
                return True
            function = self.source.function(name)
            if function is not None and self.is_kernel(function):
                return True
        return False

    def _is_own_value(self, node: ast.expr) -> bool:
        """`self.kernels[name][grid](...)`: whatever it is, it is launched on a grid."""
        return isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call)

    def is_kernel(self, function: Function) -> bool:
        """Whether a decorator makes the function a kernel."""
        return any(
            name.startswith(KERNEL_DECORATORS)
            for decorator in function.decorators
            for name in self.source.names(decorator)
        )
