"""Fewer bits inside a kernel than its inputs and outputs have."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.facts import Call
from integrity.rules.precision_text import (
    FAST_MARKS,
    FAST_MODES,
    FAST_SETTERS,
    masked_bits,
    narrow_accumulators,
    rounded_and_widened,
)
from integrity.rules.rule import Rule
from integrity.rules.source import Source

DOTS = {"triton.language.dot", "triton.language.dot_scaled"}
HALVES = {
    f"triton.language.{name}"
    for name in ("float16", "bfloat16", "float8e5", "float8e4nv", "float8e4b15", "float8e5b16")
}
FULL = {"triton.language.float32"}
INTEGERS = {"triton.language.int32", "triton.language.uint32"}
MAKERS = {"triton.language.zeros", "triton.language.full"}
TORCH_HALVES = {"torch.float16", "torch.half", "torch.bfloat16", "torch.float8_e4m3fn"}


class LowPrecisionAccumulation(Rule):
    """Rounds float32 data, or accumulates, in fewer bits inside a kernel.

    Why it is a hack: half the bits make it fast, the output still says float32, and a loose
    tolerance does not see what is lost. Where the policy permits it, it is only a note.

    Known misses: data types behind template parameters, and a workspace of half precision
    between two kernels. Measuring the error against a float64 reference sees both.

    Source: docs/taxonomy.md, row F2.
    """

    id = "low-precision-accumulation"
    family = Family.PRECISION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(a, b, c, K: tl.constexpr):
            acc = tl.zeros((16, 16), dtype=tl.float16)
            for k in range(K):
                acc += tl.dot(tl.load(a + k), tl.load(b + k), out_dtype=tl.float16)
            tl.store(c, acc.to(tl.float32))
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(a, c):
            bits = tl.load(a).to(tl.int32, bitcast=True) & 0xFFFF0000
            x = bits.to(tl.float32, bitcast=True)
            tl.store(c, x * x)
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, const float* w, float* y, int n) {
            float sum = 0;
            for (int i = 0; i < n; ++i) {
                __half a = __float2half(x[i]);
                __half b = __float2half(w[i]);
                sum += __half2float(__hmul(a, b));
            }
            y[threadIdx.x] = sum;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <stdint.h>
        static inline float pack(float v) {
            union { float f; uint32_t u; } t = { v };
            t.u = (t.u + 0x8000u) & 0xffff0000u;
            return t.f;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <cuda_fp16.h>
        __device__ float rounded(float v) { return __half2float(__float2half(v)); }
        __global__ void k(const float* x, float* y) {
            y[threadIdx.x] = rounded(x[threadIdx.x]) * 2;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <cublas_v2.h>
        void run(cublasHandle_t h, const float* a, const float* b, float* c, int n) {
            cublasSetMathMode(h, CUBLAS_TF32_TENSOR_OP_MATH);
            cublasSgemm(h, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, a, a, n, b, n, b, c, n);
        }
        '''
        """,
    ]
    HONEST = [
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(a, b, c, K: tl.constexpr):
            acc = tl.zeros((16, 16), dtype=tl.float32)
            for k in range(K):
                acc += tl.dot(tl.load(a + k), tl.load(b + k))
            tl.store(c, acc)
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(q, v, c):
            p = tl.exp2(tl.load(q))
            o = tl.dot(p.to(v.dtype.element_ty), tl.load(v), allow_tf32=False)
            tl.store(c, o.to(c.dtype.element_ty))
        """,
        """
        SOURCE = '''
        #include <cuda_fp16.h>
        __global__ void k(const __half* x, __half* y, int n) {
            float sum = 0;
            for (int i = 0; i < n; ++i) sum += __half2float(x[i]);
            y[threadIdx.x] = __float2half(sum);
        }
        '''
        """,
        """
        SOURCE = '''
        #include <cuda_bf16.h>
        __global__ void k(const unsigned* x, float* y) {
            unsigned pair = x[threadIdx.x];
            y[2 * threadIdx.x] = __uint_as_float(pair << 16);
            y[2 * threadIdx.x + 1] = __uint_as_float(pair & 0xffff0000);
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) {
            float v = x[threadIdx.x];
            float high = __uint_as_float(__float_as_uint(v) & 0xffffe000u);
            float low = v - high;
            y[threadIdx.x] = high * high + 2 * high * low;
        }
        '''
        """,
        """
        SOURCE = '''
        template <typename scalar_t> __global__ void k(const scalar_t* x, scalar_t* y) {
            y[threadIdx.x] = static_cast<scalar_t>(static_cast<float>(x[threadIdx.x]) * 2.0f);
        }
        void quantise(const float* x, __half* y);
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        yield from self._in_triton(source)
        code = source.device
        for function in code.functions:
            for fact in rounded_and_widened(code, function):
                claim = "rounds float32 data to half precision inside a kernel"
                yield self.finding(fact.span, claim)
            for fact in masked_bits(function):
                claim = "cuts bits off float32 data with an integer mask"
                yield self.finding(fact.span, claim)
            for fact in narrow_accumulators(function):
                claim = "accumulates in half precision and answers in float32"
                yield self.finding(fact.span, claim)
        yield from self._modes(source)

    def _modes(self, source: Source) -> Iterator[Finding]:
        for piece in source.device.pieces:
            if not any(mark in piece.source for mark in FAST_MARKS):
                continue
            for mode in sorted(FAST_MODES & piece.words):
                claim = f"asks a library for reduced precision ({mode})"
                yield self.finding(piece.span_of(mode), claim)
        for call in source.device.calls_to(FAST_SETTERS):
            if not call.in_macro and call.argument(0) not in ("", "false", '"highest"'):
                claim = f"asks a library for reduced precision ({call.last})"
                yield self.finding(call.span, claim)

    def _in_triton(self, source: Source) -> Iterator[Finding]:
        for call in source.calls_to(DOTS):
            yield from self._dot(source, call)
        for call in source.calls_to(MAKERS):
            if self._dtype(source, call) & HALVES and self._accumulates(source, call):
                claim = "accumulates in half precision"
                yield self.finding(source.span(call.node), claim)
        for node in source.everywhere(ast.BinOp):
            if isinstance(node.op, ast.BitAnd):
                yield from self._mask(source, node)

    def _dot(self, source: Source, call: Call) -> Iterator[Finding]:
        for keyword in call.node.keywords:
            if keyword.arg == "out_dtype" and source.names(keyword.value) & HALVES:
                yield self.finding(source.span(call.node), "accumulates tl.dot in half precision")
            asks = keyword.arg == "input_precision" and "tf32" in source.strings(keyword.value)
            if asks and not source.reads.of(
                TORCH_HALVES
            ):  # with half-precision inputs it changes nothing
                claim = "asks tl.dot for TF32"
                where = source.span(call.node)
                yield self.finding(where, claim, Severity.NOTE, Confidence.LOW)

    def _dtype(self, source: Source, call: Call) -> frozenset[str]:
        given = [k.value for k in call.node.keywords if k.arg == "dtype"]
        position = 1 if "triton.language.zeros" in call.names else 2
        given += call.node.args[position : position + 1]
        return frozenset(name for value in given for name in source.names(value))

    def _accumulates(self, source: Source, call: Call) -> bool:
        """Whether what it makes is a sum that a loop adds to."""
        parent = source.parent(call.node)
        if not isinstance(parent, ast.Assign) or not isinstance(parent.targets[0], ast.Name):
            return False
        name = parent.targets[0].id
        return any(
            isinstance(part, ast.AugAssign)
            and isinstance(part.op, ast.Add)
            and isinstance(part.target, ast.Name)
            and part.target.id == name
            for part in source.below(call.function.node, 2000)
        )

    def _mask(self, source: Source, node: ast.BinOp) -> Iterator[Finding]:
        """`x.to(tl.int32, bitcast=True) & 0xFFFF0000`, unless what it cuts off is kept too."""
        for value, mask in ((node.left, node.right), (node.right, node.left)):
            if not (isinstance(mask, ast.Constant) and _cuts(mask.value)):
                continue
            meanings = [value, *source.assigned(value)]
            if any(self._is_bitcast(source, v) for v in meanings) and not self._splits(
                node, source
            ):
                claim = "cuts bits off float32 data with an integer mask"
                yield self.finding(source.span(node), claim)

    def _is_bitcast(self, source: Source, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        given = [*node.args, *(k.value for k in node.keywords)]
        to_integer = any(source.names(argument) & INTEGERS for argument in given)
        return to_integer and any(k.arg == "bitcast" for k in node.keywords)

    def _splits(self, node: ast.AST, source: Source) -> bool:
        """A difference in the same function: the cut-off part is computed as well."""
        function = source.function_of(node)
        return any(
            isinstance(part, ast.BinOp)
            and isinstance(part.op, ast.Sub)
            and isinstance(part.right, ast.Name | ast.Call)
            for part in source.below(function.node, 2000)
        )


def _cuts(mask: object) -> bool:
    """Whether a mask zeroes the low 8 to 22 bits of 32."""
    if not isinstance(mask, int) or isinstance(mask, bool):
        return False
    kept = mask & 0xFFFFFFFF
    return any(kept == (0xFFFFFFFF << zeroed) & 0xFFFFFFFF for zeroed in range(8, 23))
