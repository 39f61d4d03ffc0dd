"""Calls that appear only when macros are expanded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceCall
from integrity.rules.device_text import WORD, Piece, without_comments
from integrity.rules.rule import Rule
from integrity.rules.source import Source

TAMPERING = {
    "dlopen", "dlsym", "dlmopen", "system", "popen", "fork", "vfork", "clone", "execv", "execve",
    "execvp", "mprotect", "ptrace", "process_vm_readv", "process_vm_writev", "dl_iterate_phdr",
    "PyObject_SetAttr", "PyObject_SetAttrString", "PyRun_SimpleString", "PyRun_String",
    "PyImport_ImportModule", "PyEval_GetGlobals", "PyEval_GetFrame", "setattr", "exec", "eval",
    "syscall", "socket", "dup2", "_exit", "exit", "abort", "pthread_create", "sigaction",
    "cudaDeviceSetLimit", "cudaStreamSetAttribute", "memfd_create",
}  # fmt: skip
OFFLOADING = {
    "cudaStreamCreate", "cudaStreamCreateWithFlags", "cudaStreamCreateWithPriority",
    "getStreamFromPool", "cuStreamCreate", "hipStreamCreate", "hipStreamCreateWithFlags",
    "thread", "async", "jthread", "cudaEventRecord", "detach", "cudaLaunchHostFunc",
}  # fmt: skip
MATH = ("matmul", "addmm", "bmm", "softmax", "cublas", "cudnn", "conv2d", "linear", "layer_norm")


class MacroHidden(Rule):
    """Spells a name of interest only through macros: pasted, spliced, or beyond what is read.

    Why it is a hack: nothing is won by pasting `cuda` and `StreamCreate` together, except that
    a search for the name does not find it.

    Known misses: macros of files that are included, `#if` that decides between two meanings.

    Source: docs/taxonomy.md, rows I2 and I3.
    """

    id = "macro-hidden"
    family = Family.OBFUSCATION
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        SOURCE = '''
        #include <stdlib.h>
        #define JOIN(a, b) a ## b
        void run() { JOIN(sys, tem)("true"); }
        '''
        """,
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        #define PASTE(a, b, c) a##b##c
        #define MAKE PASTE(cuda, Stream, Create)
        __global__ void k(float* x) { x[0] = 1; }
        void run(float* x) {
            cudaStream_t s;
            MAKE(&s);
            k<<<1, 1, 0, s>>>(x);
        }
        '''
        """,
        """
        SOURCE = '''
        #define A X X X X X X X X X X X X X X X X
        #define X Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y
        #define Y Z Z Z Z Z Z Z Z Z Z Z Z Z Z Z Z
        #define Z W W W W W W W W W W W W W W W W
        #define W f();
        void run() { A }
        '''
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #include <torch/extension.h>
        #define CHECK_CUDA(x) TORCH_CHECK(x.device().is_cuda(), #x " must be a CUDA tensor")
        #define CHECK_CONTIGUOUS(x) TORCH_CHECK(x.is_contiguous(), #x " must be contiguous")
        #define CHECK_INPUT(x) CHECK_CUDA(x); CHECK_CONTIGUOUS(x)
        #define CONCAT_(a, b) a##b
        #define CONCAT(a, b) CONCAT_(a, b)
        #define UNIQUE(name) CONCAT(name, __LINE__)
        #define CUDA_CHECK(call) \\\\
            do { cudaError_t e = (call); TORCH_CHECK(e == cudaSuccess, "CUDA"); } while (0)
        #define LAUNCH(KERNEL, N, ...) \\\\
            KERNEL<<<(N + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(__VA_ARGS__)
        #define DISPATCH(T, NAME, ...) \\\\
            switch (T) { case at::kFloat: { using scalar_t = float; __VA_ARGS__(); } }
        template <typename T> __global__ void k(const T* x, T* y, int n) { y[threadIdx.x] = x[0]; }
        torch::Tensor run(torch::Tensor x) {
            CHECK_INPUT(x);
            auto y = torch::empty_like(x);
            int UNIQUE(rows) = x.size(0);
            DISPATCH(x.scalar_type(), "k", [&] {
                LAUNCH(k<scalar_t>, x.numel(), x.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), 1);
            });
            CUDA_CHECK(cudaGetLastError());
            return y;
        }
        '''
        """,
        """
        SOURCE = '''
        #ifdef __HIP_PLATFORM_AMD__
        #define gpuError_t hipError_t
        #define gpuDeviceSynchronize hipDeviceSynchronize
        #else
        #define gpuError_t cudaError_t
        #define gpuDeviceSynchronize cudaDeviceSynchronize
        #endif
        void wait() { gpuError_t e = gpuDeviceSynchronize(); }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for piece in source.device.pieces:
            if piece.capped:
                claim = "its macros expand to more than is read"
                yield self.finding(piece.span_of("#"), claim, Severity.SUSPICIOUS)
            elif piece.origins:
                calls = [c for c in source.device.calls if c.piece is piece and not c.in_macro]
                yield from self._hidden(piece, calls)

    def _hidden(self, piece: Piece, calls: list[DeviceCall]) -> Iterator[Finding]:
        spelled = frozenset(WORD.findall(without_comments(piece.original)))
        seen = set[str]()
        for call in calls:
            name = call.last
            if name in spelled or name in seen:
                continue
            if name in TAMPERING | OFFLOADING or name.startswith(MATH):
                seen.add(name)
                claim = f"calls {name}, whose name only its macros spell"
                severity = Severity.HACK if name in TAMPERING else Severity.SUSPICIOUS
                yield self.finding(call.span, claim, severity)
