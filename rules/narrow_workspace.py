"""A workspace of half precision between two kernels of float32 data."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceCode, DeviceFunction, Launch, Parameter
from integrity.rules.device_text import identifiers
from integrity.rules.facts import Call
from integrity.rules.holders import root
from integrity.rules.precision_downcast import FULL, HALVES
from integrity.rules.precision_text import HALF_TYPES, keeps_the_rest
from integrity.rules.rule import Rule
from integrity.rules.source import Source
from integrity.rules.tensors import ALLOCATING_METHODS, ALLOCATORS

MAX_LAUNCHES = 16
HALF = HALF_TYPES - {"uint16_t", "ushort"}  # those hold indices as well


class NarrowWorkspace(Rule):
    """Hands float32 data from one of its kernels to the next in half precision or less.

    Why it is a hack: half the traffic makes it fast, inputs and output still say float32, and
    a loose tolerance does not see what the middle lost. Where the policy permits it, it is only
    a note.

    Known misses: an output that has the dtype of an input, whatever that is; memory whose type
    a helper chooses; 8 and 16 bits of integers, which may be masks and indices. Measuring the
    error against a float64 reference sees all of them.

    Source: docs/taxonomy.md, rows F1 and F3.
    """

    id = "narrow-workspace"
    family = Family.PRECISION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def gemm(x, w, t):
            tl.store(t, tl.dot(tl.load(x), tl.load(w)))
        @triton.jit
        def reduced(t, y):
            tl.store(y, tl.sum(tl.load(t).to(tl.float32), 0))
        class ModelNew(torch.nn.Module):
            def forward(self, x, w):
                t = torch.empty((x.shape[0], w.shape[0]), device=x.device, dtype=torch.bfloat16)
                y = torch.empty(x.shape[0], device=x.device, dtype=torch.float32)
                gemm[(1,)](x, w, t)
                reduced[(1,)](t, y)
                return y
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void first(const float* x, __half* t) { t[0] = x[0]; }
        __global__ void second(const __half* t, float* y) { y[0] = __half2float(t[0]); }
        torch::Tensor run(torch::Tensor x) {
            auto t = torch::empty_like(x, x.options().dtype(torch::kHalf));
            auto y = torch::empty_like(x);
            auto* middle = reinterpret_cast<__half*>(t.data_ptr<at::Half>());
            first<<<1, 1>>>(x.data_ptr<float>(), middle);
            second<<<1, 1>>>(middle, y.data_ptr<float>());
            return y;
        }
        '''
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def first(x, t):
            tl.store(t, tl.load(x))
        @triton.jit
        def second(t, y):
            tl.store(y, tl.load(t).to(tl.float32))
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.t = torch.empty(64, device="cuda", dtype=torch.float8_e5m2)
            def forward(self, x):
                first[(1,)](x, self.t)
                y = x.new_empty(64, dtype=torch.float)
                second[(1,)](self.t, y)
                return y
        """,
    ]
    HONEST = [
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def partial(x, t):
            tl.store(t, tl.sum(tl.load(x).to(tl.float32), 0))
        @triton.jit
        def whole(t, y):
            tl.store(y, tl.sum(tl.load(t), 0))
        def custom_kernel(data):
            t = torch.empty(64, device=data.device, dtype=torch.float32)
            y = torch.empty(1, device=data.device, dtype=torch.bfloat16)
            partial[(64,)](data, t)
            whole[(1,)](t, y)
            return y
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def quantise(x, q, s):
            tl.store(q, tl.load(x))
            tl.store(s, tl.max(tl.load(x), 0))
        @triton.jit
        def check(q, s):
            tl.store(s, tl.load(q))
        def custom_kernel(data):
            q = torch.empty(data.shape, device=data.device, dtype=torch.float8_e4m3fn)
            s = torch.empty(1, device=data.device, dtype=torch.float32)
            quantise[(1,)](data, q, s)
            check[(1,)](q, s)
            return q, s
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void first(const __half* x, __half* t) { t[0] = x[0]; }
        __global__ void second(const __half* t, float* y) { y[0] = __half2float(t[0]); }
        __global__ void ranks(const float* x, uint16_t* order) { order[0] = x[0] > 0; }
        __global__ void gather(const float* x, const uint16_t* i, float* y) { y[0] = x[i[0]]; }
        void run(const __half* x, const float* z, __half* t, uint16_t* order, float* y) {
            first<<<1, 1>>>(x, t);
            second<<<1, 1>>>(t, y);
            ranks<<<1, 1>>>(z, order);
            gather<<<1, 1>>>(z, order, y);
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        claim = "hands float32 data from one kernel to the next in "
        for function in source.device.functions:
            for launch, kind in _between(source.device, function):
                yield self.finding(launch.span, claim + kind)
        if len(source.links.launches) > 1 and self._answers_in_full(source):
            for call in source.calls:
                kind = self._half(source, call)
                if kind and len(self._handed(source, call)) > 1:
                    yield self.finding(source.span(call.node), claim + kind)

    def _answers_in_full(self, source: Source) -> bool:
        """Whether all that the entry allocates and returns is float32 by name."""
        found = [
            origin.node
            for function in source.entries
            for value in function.returns
            for origin in source.flow.origins(value)
            if origin.kind == "allocation" and isinstance(origin.node, ast.Call)
        ]
        return bool(found) and all(_dtype(source, node) & FULL for node in found)

    def _half(self, source: Source, call: Call) -> str:
        """The short dtype of what a call allocates, or nothing."""
        if not call.names & ALLOCATORS and call.method not in ALLOCATING_METHODS:
            return ""
        return min(_dtype(source, call.node) & HALVES, default="").removeprefix("torch.")

    def _handed(self, source: Source, call: Call) -> set[ast.Call]:
        """Launches that are given what the call allocates, by the name it gets."""
        around = source.parent(call.node)
        target = around.targets[0] if isinstance(around, ast.Assign) else None
        return {
            launch
            for launch in source.links.launches
            for argument in (*launch.args, *(k.value for k in launch.keywords))
            for part in source.below(argument, 20)
            if _is_same(source, target, part)
        }


def _is_same(source: Source, target: ast.expr | None, part: ast.AST) -> bool:
    if isinstance(target, ast.Name) and isinstance(part, ast.Name):
        return part.id == target.id and source.function_of(part) is source.function_of(target)
    if isinstance(target, ast.Attribute) and isinstance(part, ast.Attribute):
        return part.attr == target.attr
    return False


def _dtype(source: Source, node: ast.Call) -> frozenset[str]:
    return frozenset(
        name for k in node.keywords if k.arg == "dtype" for name in source.names(k.value)
    )


def _between(code: DeviceCode, function: DeviceFunction) -> Iterator[tuple[Launch, str]]:
    """Launches that write in half what another reads to answer in float32."""
    launches = function.launches[:MAX_LAUNCHES]
    for first in launches if len(launches) > 1 else ():
        for held, kind in _written(code, first).items():
            readers = (launch for launch in launches if launch is not first)
            if any(_widens(code, launch, held) for launch in readers):
                yield first, kind


def _pairs(code: DeviceCode, launch: Launch) -> list[tuple[Parameter, str]]:
    """Pointer parameters of the kernel that is launched, and what each is given."""
    found = [f for f in code.by_name.get(launch.kernel, ()) if f.is_kernel]
    parameters = found[0].parameters if len(found) == 1 and not keeps_the_rest(found[0]) else []
    pairs = zip(parameters, launch.given, strict=False)
    return [(p, root(given)) for p, given in pairs if p.is_pointer]


def _written(code: DeviceCode, launch: Launch) -> dict[str, str]:
    """What a kernel that reads float32 writes in half, and in which type."""
    pairs = _pairs(code, launch)
    halves = {held: _kinds(p) & HALF for p, held in pairs if held and not p.is_const}
    reads = any(p.is_const and "float" in _kinds(p) for p, _ in pairs)
    only = not any(p.is_const and _kinds(p) & HALF for p, _ in pairs)
    return {held: min(kinds) for held, kinds in halves.items() if kinds and reads and only}


def _widens(code: DeviceCode, launch: Launch, held: str) -> bool:
    """Whether a kernel reads that and writes float32."""
    pairs = _pairs(code, launch)
    writes = any(not p.is_const and "float" in _kinds(p) for p, _ in pairs)
    return writes and any(p.is_const and _kinds(p) & HALF and h == held for p, h in pairs)


def _kinds(parameter: Parameter) -> set[str]:
    return set(identifiers(parameter.type))
