"""Launches that the device refuses."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceCode
from integrity.rules.launch_limits import Sizes
from integrity.rules.rule import Rule
from integrity.rules.source import Source

MAX_THREADS = 1024
"""Threads of a block, on every architecture since Fermi."""

MAX_STATIC_BYTES = 48 * 1024
"""Shared memory of a block that is declared with its size."""

MAX_DYNAMIC_BYTES = 227 * 1024
"""Shared memory of a block on sm_90 and sm_100, after it was asked for."""

ASKED_FOR = ("MaxDynamicSharedMemorySize", "MAX_DYNAMIC_SHARED_SIZE_BYTES", "max_dynamic_shared")
RAW_KERNELS = {"cupy.RawKernel()", "cupy.RawModule().get_function()"}


class ResourceLimit(Rule):
    """Launches a kernel with more threads or shared memory than a block can have.

    Why it is a hack: such a launch fails, and unless somebody asks for the error nothing is
    said: the output stays what the allocator left, which may be the answer of an earlier run.

    Known misses: sizes that are computed at run time, registers, cluster sizes.

    Source: docs/taxonomy.md, row B1; CUDA C++ Programming Guide, compute capabilities.
    """

    id = "resource-limit"
    family = Family.OUTPUT
    severity = Severity.SUSPICIOUS
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        extern "C" void run(const float* x, float* y) { k<<<1, 2048>>>(x, y); }
        '''
        """,
        """
        SOURCE = '''
        constexpr int TILE = 128;
        __global__ void k(const float* x, float* y) {
            __shared__ float tile[TILE][TILE + 1];
            tile[0][threadIdx.x] = x[threadIdx.x];
            y[threadIdx.x] = tile[0][threadIdx.x];
        }
        extern "C" void run(const float* x, float* y) { k<<<1, 32>>>(x, y); }
        '''
        """,
        """
        SOURCE = '''
        #define SIDE 64
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        extern "C" void run(const float* x, float* y) {
            dim3 block(SIDE, SIDE / 2);
            k<<<1, block>>>(x, y);
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) {
            extern __shared__ float tile[];
            y[threadIdx.x] = tile[threadIdx.x] = x[threadIdx.x];
        }
        extern "C" void run(const float* x, float* y) { k<<<1, 32, 65536>>>(x, y); }
        '''
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #define BLOCK 1024
        constexpr int TILE = 64;
        constexpr int BYTES = 96 * 1024;
        __global__ void k(const float* x, float* y) {
            extern __shared__ float tile[];
            __shared__ float part[TILE][TILE + 1], sums[32];
            y[threadIdx.x] = tile[threadIdx.x] = part[0][0] = sums[0] = x[threadIdx.x];
        }
        extern "C" void run(const float* x, float* y, int n) {
            cudaFuncSetAttribute(k, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES);
            dim3 block(32, 32), other(n, 4);
            k<<<n, BLOCK, BYTES>>>(x, y);
            k<<<(n + 1023) / 1024, block, BYTES>>>(x, y);
            k<<<n, other>>>(x, y);
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        code = source.device
        if code.launches or code.kernels:
            yield from self._in_cpp(code)
        for call in source.calls:
            if call.names & RAW_KERNELS and len(call.node.args) >= 2:
                block = call.node.args[1]
                values = [
                    e.value for e in getattr(block, "elts", []) if isinstance(e, ast.Constant)
                ]
                threads = 1
                for value in values:
                    threads *= value if isinstance(value, int) else 1
                if threads > MAX_THREADS:
                    claim = f"launches {threads} threads a block; {MAX_THREADS} are possible"
                    yield self.finding(source.span(call.node), claim)

    def _in_cpp(self, code: DeviceCode) -> Iterator[Finding]:
        sizes = Sizes(code)
        for launch in code.launches:
            threads = sizes.threads(launch)
            if threads is not None and threads > MAX_THREADS:
                claim = f"launches {threads} threads a block; {MAX_THREADS} are possible"
                yield self.finding(launch.span, claim)
            dynamic = sizes.value(launch.shared) or 0
            if dynamic > (MAX_DYNAMIC_BYTES if code.mentions(ASKED_FOR) else MAX_STATIC_BYTES):
                claim = f"launches with {dynamic} bytes of shared memory a block, which fails"
                yield self.finding(launch.span, claim)
        for kernel in code.kernels:
            declared = sizes.shared_bytes(kernel) or 0
            if declared > MAX_STATIC_BYTES:
                claim = (
                    f"declares {declared} bytes of shared memory; {MAX_STATIC_BYTES} are possible"
                )
                yield self.finding(kernel.span, claim)
