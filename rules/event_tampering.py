"""Events that are recorded, or read, for somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.device_facts import DeviceCall, DeviceCode, DeviceFunction
from integrity.rules.device_text import identifiers
from integrity.rules.rule import Rule
from integrity.rules.source import Source

RECORDS = {"cudaEventRecord", "cudaEventRecordWithFlags", "cuEventRecord", "hipEventRecord"}
CREATED = {
    "cudaEventCreate",
    "cudaEventCreateWithFlags",
    "cuEventCreate",
    "hipEventCreate",
    "hipEventCreateWithFlags",
}
IN_GRAPHS = {
    "cudaGraphAddEventRecordNode",
    "cudaGraphEventRecordNodeSetEvent",
    "cudaGraphExecEventRecordNodeSetEvent",
    "cuGraphAddEventRecordNode",
    "cuGraphEventRecordNodeSetEvent",
    "cuGraphExecEventRecordNodeSetEvent",
}
CLOCKS = {
    "cudaEventRecord",
    "cudaEventRecordWithFlags",
    "cudaEventElapsedTime",
    "cudaEventElapsedTime_v2",
    "cudaEventSynchronize",
    "cudaEventQuery",
    "cudaEventCreateWithFlags",
    "cudaEventCreate",
    "cuEventRecord",
    "cuEventElapsedTime",
    "cuEventElapsedTime_v2",
    "cuEventSynchronize",
    "cudaDeviceSynchronize",
    "cudaStreamSynchronize",
    "cuStreamSynchronize",
    "cuCtxSynchronize",
    "hipEventRecord",
    "hipEventElapsedTime",
    "hipEventSynchronize",
    "hipDeviceSynchronize",
    "clock_gettime",
    "gettimeofday",
}


class EventTampering(Rule):
    """Records events that it did not create, or defines the functions that events go through.

    Why it is a hack: the time between two events is the harness's measurement; whoever
    records the first one again, or answers for the clock, sets that time.

    Known misses: an event passed through Python under another name; events found by address.

    Source: docs/taxonomy.md, row A5.
    """

    id = "event-tampering"
    family = Family.TIMING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        extern "C" void again(long handle, cudaStream_t stream) {
            cudaEventRecord(reinterpret_cast<cudaEvent_t>(handle), stream);
        }
        '''
        """,
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        extern "C" cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b) {
            *ms = 0.004f;
            return cudaSuccess;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        void capture(cudaGraph_t graph, cudaGraphExec_t exec, cudaGraphNode_t node, void* found) {
            cudaGraphExecEventRecordNodeSetEvent(exec, node, static_cast<cudaEvent_t>(found));
        }
        '''
        """,
        """
        import ctypes
        runtime = ctypes.CDLL("libcudart.so")
        def custom_kernel(data, launch, found):
            out = launch(data)
            runtime.cudaEventRecord(ctypes.c_void_p(found.cuda_event), None)
            return out
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        #define CHECK(call) do { cudaError_t e = (call); if (e) throw e; } while (0)
        struct Timer {
            cudaEvent_t start, stop;
            Timer() { CHECK(cudaEventCreate(&start)); CHECK(cudaEventCreate(&stop)); }
            void begin(cudaStream_t s) { CHECK(cudaEventRecord(start, s)); }
        };
        static void mark(cudaEvent_t event, cudaStream_t stream) {
            CHECK(cudaEventRecord(event, stream));
        }
        void fork(cudaStream_t current) {
            cudaEvent_t ready;
            CHECK(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming));
            mark(ready, current);
            CHECK(cudaEventDestroy(ready));
        }
        '''
        """,
        """
        import ctypes, torch
        lib = ctypes.CDLL("./k.so")
        SOURCE = '''
        #include <cuda_runtime.h>
        extern "C" void run(float* x, cudaEvent_t done, cudaStream_t stream) {
            cudaEventRecord(done, stream);
        }
        '''
        def custom_kernel(data):
            out = torch.empty_like(data)
            done = torch.cuda.Event()
            done.record()
            stream = torch.cuda.current_stream().cuda_stream
            lib.run(data.data_ptr(), out.data_ptr(), done.cuda_event, stream)
            torch.cuda.current_stream().wait_event(done)
            return out
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        code = source.device
        for function in code.functions:
            if function.name in CLOCKS and not function.is_device and not _is_private(function):
                claim = f"defines {function.name}, which harnesses time with"
                yield self.finding(function.span, claim)
        recorded = list(self._recorded(code))
        if recorded and not self._passes_its_own(source):
            yield from recorded
        for call in source.calls:
            if call.method not in RECORDS or self._creates(source):
                continue
            if not any(name.startswith("ctypes.") for name in call.names):
                continue
            if not self._passes_its_own(source):
                claim = f"records an event that it did not create ({call.method} through ctypes)"
                yield self.finding(source.span(call.node), claim)

    def _creates(self, source: Source) -> bool:
        return any(call.method in CREATED for call in source.calls)

    def _passes_its_own(self, source: Source) -> bool:
        """Whether Python hands over the handle of an event that it made itself."""
        return any(
            name.startswith("torch.cuda.Event()")
            for node in source.reads.attributes({"cuda_event"})
            for name in source.names(node)
        )

    def _recorded(self, code: DeviceCode) -> Iterator[Finding]:
        calls = [c for c in code.calls_to(RECORDS | IN_GRAPHS) if not c.in_macro]
        created = {
            word
            for call in code.calls_to(CREATED)
            for word in identifiers(call.arguments)
            if not word.startswith(("cuda", "hip", "cu"))
        }
        for call in calls:
            event = call.argument(len(call.given) - 1 if call.last in IN_GRAPHS else 0)
            if call.function is not None and _is_given(event, call.function, code, created):
                claim = f"records an event that it did not create ({call.last})"
                yield self.finding(call.span, claim)


def _is_private(function: DeviceFunction) -> bool:
    """Static or inline: it takes no other function's place."""
    return bool({"static", "inline", "__inline__"} & set(identifiers(function.head)))


def _is_given(
    event: str, function: DeviceFunction, code: DeviceCode, created: set[str], depth: int = 4
) -> bool:
    """Whether an event comes from outside the submission's C++."""
    words = set(identifiers(event))
    if words & created or not depth:
        return False
    positions = [i for i, p in enumerate(function.parameters) if p.name in words]
    if not positions:
        return _is_cast_from_integer(event)
    callers = _callers(function, code)
    if not callers:
        return True
    return any(
        caller.function is not None
        and _is_given(caller.argument(position), caller.function, code, created, depth - 1)
        for caller in callers
        for position in positions
    )


def _callers(function: DeviceFunction, code: DeviceCode) -> list[DeviceCall]:
    return [c for c in code.callers.get(function.name, []) if c.function is not function][:8]


def _is_cast_from_integer(event: str) -> bool:
    return "reinterpret_cast" in event or "(cudaEvent_t)" in event.replace(" ", "")
