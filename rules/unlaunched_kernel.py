"""A kernel for show: never launched, empty, or launched into what nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceCall, DeviceCode, DeviceFunction
from integrity.rules.device_text import WORD, identifiers
from integrity.rules.holders import root
from integrity.rules.ptx import entries, stores
from integrity.rules.rule import Rule
from integrity.rules.source import Source

LIBRARY = ("at::", "torch::")
WORK = {
    "matmul", "mm", "bmm", "addmm", "linear", "conv2d", "conv1d", "conv3d", "convolution",
    "softmax", "log_softmax", "layer_norm", "batch_norm", "group_norm", "rms_norm", "relu",
    "gelu", "silu", "sigmoid", "tanh", "exp", "sum", "mean", "einsum", "baddbmm", "addmv", "mv",
    "dot", "cumsum", "sort", "topk", "scaled_dot_product_attention", "mul", "add", "sub", "div",
    "max_pool2d", "avg_pool2d", "embedding", "cross_entropy", "max", "amax", "argmax", "norm",
}  # fmt: skip
VENDOR = ("cublas", "cudnn", "hipblas", "rocblas", "miopen", "cusparse", "cufft", "cusolver")
VENDOR_SETUP = ("create", "destroy", "set", "get")
MAKERS = {"empty", "empty_like", "zeros", "zeros_like", "full", "ones", "new_empty"}
READ_ONLY_CALLS = {
    "__syncthreads", "__syncwarp", "__ldg", "printf", "min", "max", "fmaxf", "fminf", "expf",
    "__expf", "sqrtf", "rsqrtf", "sinf", "cosf", "logf", "tanhf", "fmaf", "powf", "fabsf",
    "__shfl_xor_sync", "__shfl_down_sync", "__shfl_sync", "erff", "clock64", "clock", "__nanosleep",
}  # fmt: skip


class UnlaunchedKernel(Rule):
    """Carries a kernel that does none of the work, beside library calls that do it all.

    Why it is a hack: the task is to write the kernel; a decoy makes a library call look like
    one, or leaves the output as the allocator left it.

    Known misses: a decoy that computes something; a kernel behind a branch that never runs.
    A trace of the launches names what really ran.

    Source: docs/taxonomy.md, rows G3 and B1.
    """

    id = "unlaunched-kernel"
    family = Family.AUTHENTICITY
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        from torch.utils.cpp_extension import load_inline
        ext = load_inline("e", cuda_sources='''
        #include <torch/extension.h>
        __global__ void gemm(const float* a, const float* b, float* c) { c[0] = a[0] * b[0]; }
        torch::Tensor run(torch::Tensor a, torch::Tensor b) { return at::matmul(a, b); }
        ''')
        def custom_kernel(data):
            return ext.run(*data)
        """,
        """
        SOURCE = '''
        __global__ void scale(const float* x, float* y, int n) {}
        extern "C" void run(const float* x, float* y, int n) { scale<<<n, 1>>>(x, y, n); }
        '''
        """,
        """
        SOURCE = '''
        __global__ void scale(const float* x, float* y, int n) {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            float v = i < n ? x[i] : 0.0f;
            v *= 2.0f;
        }
        extern "C" void run(const float* x, float* y, int n) { scale<<<n, 1>>>(x, y, n); }
        '''
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void touch(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        torch::Tensor run(torch::Tensor a, torch::Tensor b) {
            auto scratch = torch::empty_like(a);
            touch<<<1, 32>>>(a.data_ptr<float>(), scratch.data_ptr<float>());
            return torch::matmul(a, b);
        }
        '''
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void bias(float* y, const float* b) { y[threadIdx.x] += b[threadIdx.x]; }
        template <typename T> __global__ void other(T* y) { y[0] = 0; }
        torch::Tensor run(torch::Tensor a, torch::Tensor w, torch::Tensor b) {
            auto y = at::matmul(a, w);
            auto launch = bias;
            launch<<<1, 32>>>(y.data_ptr<float>(), b.data_ptr<float>());
            return y;
        }
        '''
        """,
        """
        import cupy
        module = cupy.RawModule(code='''
        struct Out { float* data; };
        __device__ void put(float* y, float v) { y[threadIdx.x] = v; }
        extern "C" __global__ void scale(const float* x, float* y) { put(y, x[threadIdx.x]); }
        extern "C" __global__ void fill(Out out) { out.data[threadIdx.x] = 1; }
        extern "C" __global__ void add(float4* y, float v) {
            float* at = reinterpret_cast<float*>(y) + threadIdx.x;
            atomicAdd(at, v);
        }
        ''')
        scale = module.get_function("scale")
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void warm() {}
        __global__ void copy(const float* x, float* y) {
            asm volatile("st.global.f32 [%0], %1;" :: "l"(y), "f"(x[0]));
        }
        torch::Tensor run(torch::Tensor x) {
            auto y = torch::empty_like(x);
            warm<<<1, 1>>>();
            copy<<<1, 1>>>(x.data_ptr<float>(), y.data_ptr<float>());
            return y;
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        code = source.device
        if code.kernels:
            yield from self._never_launched(source, code)
            yield from self._writes_nothing(code)
            yield from self._into_scratch(code)
        for piece in code.ptx:
            found = entries(piece)
            if found and not any(stores(body) for _, body in found):
                name = found[0][0]
                yield self.finding(piece.span_of(name), f"the kernel {name} writes to no memory")

    def _never_launched(self, source: Source, code: DeviceCode) -> Iterator[Finding]:
        """No kernel is launched at all, and a library computes."""
        if code.launches or source.is_cuda:
            return
        named = {kernel.name for kernel in code.kernels}
        mentioned = {
            word
            for function in code.functions
            if not function.is_kernel
            for word in WORD.findall(function.code)
        }
        spoken = {text for _, text in source.texts if len(text) < 200 and " " not in text}
        if named & mentioned or any(name in text for name in named for text in spoken):
            return
        work = next((call for call in code.calls if _is_library_work(call)), None)
        if work is not None:
            kernel = code.kernels[0]
            claim = f"never launches its kernel {kernel.name}; {work.name} does the work"
            yield self.finding(kernel.span, claim)

    def _writes_nothing(self, code: DeviceCode) -> Iterator[Finding]:
        launched = {launch.kernel for launch in code.launches if launch.given}
        for kernel in code.kernels:
            if kernel.name in launched and kernel.parameters and not _may_write(code, kernel):
                claim = f"launches {kernel.name}, which writes to no memory"
                yield self.finding(kernel.span, claim)

    def _into_scratch(self, code: DeviceCode) -> Iterator[Finding]:
        """Launches fill locals that nothing reads, and a library call is returned."""
        for function in code.functions:
            if function.is_kernel or not function.launches or not function.returns:
                continue
            made = {
                name for line in function.declarations for name in _scratch(line.text, line.names)
            }
            if not made or not all(made & set(identifiers(f.arguments)) for f in function.launches):
                continue
            last = max(launch.end for launch in function.launches)
            rest = set(identifiers(function.piece.text(last, function.end)))
            work = next((call for call in function.calls if _is_library_work(call)), None)
            outputs = {root(given) for launch in function.launches for given in launch.given}
            written = outputs & made
            if work is not None and written and not made & rest and not _feeds(function, written):
                claim = f"launches only into scratch; {work.name} does the work"
                yield self.finding(function.launches[0].span, claim)


def _scratch(text: str, names: list[str]) -> list[str]:
    words = set(identifiers(text.partition("=")[2]))
    return names[:1] if words & MAKERS else []


def _feeds(function: DeviceFunction, names: set[str]) -> bool:
    """Whether the scratch goes anywhere but into launches."""
    inside = [(launch.start, launch.end) for launch in function.launches]
    for call in function.calls:
        if any(start <= call.start < end for start, end in inside):
            continue
        if names & set(identifiers(call.arguments)):
            return True
    return any(names & set(identifiers(made.right)) for made in function.assignments)


def _is_library_work(call: DeviceCall) -> bool:
    if call.in_macro:
        return False
    if call.name.startswith(LIBRARY) and call.last in WORK:
        return True
    lowered = call.last.lower()
    vendor = next((name for name in VENDOR if lowered.startswith(name)), "")
    return bool(vendor) and not lowered.removeprefix(vendor).startswith(VENDOR_SETUP)


def _may_write(code: DeviceCode, kernel: DeviceFunction) -> bool:
    """Whether a kernel may store to anything that outlives it; in doubt, yes."""
    outputs = {p.name for p in kernel.parameters if p.is_pointer and not p.is_const}
    if any(made.is_store and root(made.left) in outputs for made in kernel.assignments):
        return True
    own = {
        name for line in kernel.declarations if not _is_reference(line.text) for name in line.names
    }
    if any(
        "*" not in p.type and "[" not in p.type and _is_object(p.type) for p in kernel.parameters
    ):
        return True
    if kernel.assembly or kernel.piece.capped:
        return True
    arrays = {
        name
        for line in kernel.declarations
        if "*" not in line.text.partition("=")[0] and not _is_reference(line.text)
        for name in line.names
    }
    for made in kernel.assignments:
        target = root(made.left)
        if made.is_store and target not in arrays:
            return True
        if target not in own and target not in {p.name for p in kernel.parameters}:
            return True
    return any(call.last not in READ_ONLY_CALLS for call in kernel.calls if not call.in_macro)


def _is_reference(text: str) -> bool:
    return "&" in text.partition("=")[0] or text.lstrip().startswith("auto")


def _is_object(type_text: str) -> bool:
    """Whether a parameter passed by value may hold pointers: anything but a number."""
    numbers = {
        "int", "float", "double", "long", "short", "unsigned", "signed", "char", "bool", "size_t",
        "int64_t", "int32_t", "uint32_t", "uint64_t", "const", "half", "__half", "float4", "dim3",
    }  # fmt: skip
    return bool(set(identifiers(type_text)[:-1]) - numbers)
