"""Outputs that C++ keeps for the next call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceFunction, Slice
from integrity.rules.device_text import identifiers
from integrity.rules.kept_state import COPIES, Kept, KeptState
from integrity.rules.rule import Rule
from integrity.rules.source import Source

ADDRESSES = {"data_ptr", "mutable_data_ptr", "const_data_ptr", "uintptr_t", "unsafeGetTensorImpl"}
MAX_RETURNS = 64
RESULTS = ("Tensor", "auto", "py::object", "PyObject")


class NativeCache(Rule):
    """Returns or copies out what a static variable of its C++ kept from an earlier call.

    Why it is a hack: benchmarks call a kernel many times on the same inputs; the second call
    is free, and wrong as soon as the inputs change.

    Known misses: state behind a handle that Python passes in; a copy kernel whose source is
    state; a key that is compared in device code. A probe that changes the inputs behind the
    same addresses sees those.

    Source: docs/taxonomy.md, rows C6 and C1.
    """

    id = "native-cache"
    family = Family.CACHING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        SOURCE = '''
        #include <torch/extension.h>
        static std::unordered_map<void*, torch::Tensor> cache;
        torch::Tensor run(torch::Tensor x) { return cache[x.data_ptr()]; }
        '''
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        namespace { std::map<int64_t, at::Tensor> kept; }
        torch::Tensor run(torch::Tensor x) {
            auto key = reinterpret_cast<int64_t>(x.data_ptr<float>());
            auto it = kept.find(key);
            if (it != kept.end()) return it->second.clone();
            auto y = torch::empty_like(x);
            k<<<1, 32>>>(x.data_ptr<float>(), y.data_ptr<float>());
            kept[key] = y;
            return y;
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        extern "C" void run(const float* x, float* y) {
            static bool done = false;
            if (done) return;
            k<<<1, 32>>>(x, y);
            done = true;
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        static const float* last = nullptr;
        extern "C" void run(const float* x, float* y) {
            if (x != last) {
                k<<<1, 32>>>(x, y);
                last = x;
            }
        }
        '''
        """,
        """
        SOURCE = '''
        #include <string.h>
        static float *ready;
        void run(const float *x, float *y, long n) {
            if (ready) {
                memcpy(y, ready, n * 4);
                return;
            }
            for (long i = 0; i < n; i++) y[i] = x[i] * 2;
            ready = malloc(n * 4);
            memcpy(ready, y, n * 4);
        }
        '''
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        static torch::Tensor launch(const torch::Tensor& x) {
            auto y = torch::empty_like(x);
            k<<<1, 32>>>(x.data_ptr<float>(), y.data_ptr<float>());
            return y;
        }
        torch::Tensor run(torch::Tensor x) {
            static const auto plan = [&] { return launch(x.contiguous()); }();
            return plan;
        }
        '''
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        static torch::Tensor ones(torch::Tensor x) {
            static const auto made = torch::ones({32}, x.options());
            return made;
        }
        torch::Tensor run(torch::Tensor x) {
            static const auto* device = at::cuda::getDeviceProperties(x.get_device());
            static const auto out = torch::empty_like(x);
            k<<<device->multiProcessorCount, 32>>>(x.data_ptr<float>(), out.data_ptr<float>());
            return out;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __global__ void partial(const float* x, float* p) { p[threadIdx.x] = x[threadIdx.x]; }
        __global__ void whole(const float* p, float* y) { y[0] = p[threadIdx.x]; }
        torch::Tensor run(torch::Tensor x) {
            static at::Tensor workspace;
            static bool configured = false;
            static int multiprocessors = 0;
            if (!configured) {
                cudaFuncSetAttribute(partial, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536);
                cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0);
                configured = true;
            }
            if (!workspace.defined() || workspace.numel() < x.numel()) {
                workspace = torch::empty({x.numel()}, x.options());
            }
            auto y = torch::empty({1}, x.options());
            partial<<<multiprocessors, 32>>>(x.data_ptr<float>(), workspace.data_ptr<float>());
            whole<<<1, 32>>>(workspace.data_ptr<float>(), y.data_ptr<float>());
            return y;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        __constant__ float table[4] = {1, 2, 3, 4};
        static const float scale[2] = {0.5f, 2.0f};
        static cublasHandle_t handle = nullptr;
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x] * table[0]; }
        static cublasHandle_t get_handle() {
            if (handle == nullptr) cublasCreate(&handle);
            return handle;
        }
        torch::Tensor run(torch::Tensor x) {
            static torch::Tensor out;
            if (!out.defined()) out = torch::empty_like(x);
            k<<<1, 32>>>(x.data_ptr<float>(), out.data_ptr<float>());
            return out;
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void fill(float* t) { t[threadIdx.x] = sinf(threadIdx.x); }
        __global__ void k(const float* x, const float* t, float* y) {
            y[threadIdx.x] = x[threadIdx.x] * t[threadIdx.x];
        }
        static float* angles = nullptr;
        static void prepare() {
            if (angles) return;
            cudaMalloc(&angles, 4096);
            fill<<<1, 1024>>>(angles);
        }
        extern "C" void run(const float* x, float* y) {
            prepare();
            k<<<1, 32>>>(x, angles, y);
        }
        '''
        """,
        """
        SOURCE = '''
        template <int B> __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[B]; }
        extern "C" void run(const float* x, float* y) {
            static int best = -1;
            static cudaGraphExec_t graph = nullptr;
            if (best < 0) {
                k<64><<<1, 64>>>(x, y);
                k<128><<<1, 128>>>(x, y);
                best = 64;
            }
            if (best == 64) k<64><<<1, 64>>>(x, y);
            else k<128><<<1, 128>>>(x, y);
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        code = source.device
        if not code.statics:
            return
        state = KeptState(code, frozenset(call.method for call in source.calls) - {""})
        for function in state.entries:
            yield from self._returned(state, function)
        for function in code.functions:
            if not function.is_device:
                yield from self._copied(state, function)
                yield from self._skipped(state, function)

    def _returned(self, state: KeptState, function: DeviceFunction) -> Iterator[Finding]:
        if not any(kind in function.returned_type for kind in RESULTS):
            return
        for line in function.returns[:MAX_RETURNS]:
            value = line.text.removeprefix("return").strip("; \n\t")
            for kept in state.variables:
                held = kept.holders.is_root(value, function)
                if held and not state.is_fresh(kept, line, function):
                    claim = f"returns what the static {kept.name} of its C++ kept"
                    yield self.finding(line.span, claim + _keyed(kept, function))

    def _copied(self, state: KeptState, function: DeviceFunction) -> Iterator[Finding]:
        """`memcpy(out, kept, n)` where nothing wrote to `kept` before."""
        for call in function.calls:
            at = COPIES.get(call.last)
            if at is None or (call.last == "copy_" and not call.receiver):
                continue
            for kept in state.variables:
                held = kept.holders.is_root(call.argument(at), function)
                if held and not state.is_fresh(kept, call, function) and _is_result(kept):
                    claim = f"copies the static buffer {kept.name} into an output"
                    yield self.finding(call.span, claim + _keyed(kept, function))

    def _skipped(self, state: KeptState, function: DeviceFunction) -> Iterator[Finding]:
        """All work on the caller's data stands behind what an earlier call set."""
        launches = state.work_of(function)
        works = any(call.last in {"cudaGraphLaunch", "replay"} for call in function.calls)
        if not launches or works or any(state.touches_state(f, function) for f in launches):
            return
        for branch, condition in state.code.opened_by.items():
            if not function.holds(branch):
                continue
            kept = self._decides(state, condition, function)
            if kept and all(_is_behind(branch, launch, function) for launch in launches):
                claim = f"does no work once the static {kept.name} of its C++ is set"
                yield self.finding(condition.span, claim, confidence=Confidence.MEDIUM)

    def _decides(self, state: KeptState, condition: Slice, function: DeviceFunction) -> Kept | None:
        """The state that a condition reads and that this function sets."""
        for kept in state.variables:
            names = kept.holders.names(function)
            if not names.isdisjoint(identifiers(condition.text)) and any(
                names & set(identifiers(made.left)) for made in function.assignments
            ):
                return kept
        return None


def _is_behind(branch: Slice, launch: Slice, function: DeviceFunction) -> bool:
    """Whether a launch runs only in that branch, or only if that branch did not return."""
    returns = any(branch.holds(line) for line in function.returns)
    return branch.holds(launch) or (returns and branch.end <= launch.start)


def _is_result(kept: Kept) -> bool:
    head = kept.line.text.partition("=")[0]
    return "*" in head or "Tensor" in head or "[" in head or "<" in head


def _keyed(kept: Kept, function: DeviceFunction) -> str:
    by_address = "void" in kept.line.words and "*" in kept.line.text
    return ", keyed by address" if by_address or ADDRESSES & _words_of(function, kept) else ""


def _words_of(function: DeviceFunction, kept: Kept) -> set[str]:
    """Words of the expressions that index or search the state, and of what they are bound to."""
    found = set[str]()
    for call in function.calls:
        if kept.name in identifiers(call.receiver):
            found |= set(identifiers(call.arguments))
    for made in function.assignments:
        if kept.name in identifiers(made.left):
            found |= set(identifiers(made.left))
    for line in function.declarations:
        if found & set(line.names):
            found |= line.words
    return found
