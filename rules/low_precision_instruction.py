"""Instructions of few bits in kernels whose data is float32."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.precision_text import in_bytes, is_half, narrows_in_ptx
from integrity.rules.ptx import instructions
from integrity.rules.rule import Rule
from integrity.rules.source import Source


class LowPrecisionInstruction(Rule):
    """Rounds or multiplies float32 data with instructions of fewer bits, in PTX or by intrinsics.

    Why it is a hack: the tensor cores of 16 and 8 bits are many times as fast, the output still
    says float32, and a loose tolerance does not see what is lost. Where the policy permits it,
    it is only a note.

    Known misses: data that reaches the kernel through `void*` or integers; instructions put
    together from pieces. Measuring the error against a float64 reference sees both.

    Source: docs/taxonomy.md, row F2.
    """

    id = "low-precision-instruction"
    family = Family.PRECISION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) {
            unsigned t;
            asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(t) : "f"(x[threadIdx.x]));
            y[threadIdx.x] = __uint_as_float(t);
        }
        '''
        """,
        """
        SOURCE = '''
        __device__ unsigned pack(float low, float high) {
            unsigned r;
            asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
            return r;
        }
        __global__ void k(const float* a, const float* b, float* c) {
            unsigned x = pack(a[0], a[1]), y = pack(b[0], b[1]);
            asm volatile(
                "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                "{%0}, {%1}, {%2}, {%0};" : "+f"(c[0]) : "r"(x), "r"(y));
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, const float* w, float* y, float s, int n) {
            int sum = 0;
            for (int i = 0; i < n; ++i) sum = __dp4a(packed(x[i], s), packed(w[i], s), sum);
            y[threadIdx.x] = sum * s * s;
        }
        '''
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        __device__ void split(float v, unsigned& high, unsigned& low) {
            asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(high) : "f"(v));
            float rest = v - __uint_as_float(high);
            asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(low) : "f"(rest));
        }
        __global__ void k(const float* x, float* y) {
            unsigned high, low;
            split(x[threadIdx.x], high, low);
            y[threadIdx.x] = __uint_as_float(high) + __uint_as_float(low);
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void quantise(const float* x, unsigned* y) {
            unsigned r;
            asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(x[1]), "f"(x[0]));
            y[threadIdx.x] = r;
        }
        __global__ void k(const int* x, const int* w, const float* s, float* y, int n) {
            int sum = 0;
            for (int i = 0; i < n; ++i) sum = __dp4a(x[i], w[i], sum);
            y[threadIdx.x] = sum * s[0];
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for function in source.device.functions:
            for fact in in_bytes(function):
                claim = "multiplies bytes in a kernel that reads and writes float32"
                yield self.finding(fact.span, claim)
        for instruction in instructions(source.device):
            claim = narrows_in_ptx(source.device, instruction.name, instruction.piece)
            if claim:
                yield self.finding(instruction.span, claim)
            parts = instruction.name.split(".")
            narrow = parts[0] in {"mma", "wgmma"} and parts[-4:] == ["f16"] * 4
            if narrow and not is_half(instruction.piece):
                yield self.finding(instruction.span, "accumulates in half precision (mma.f16)")
