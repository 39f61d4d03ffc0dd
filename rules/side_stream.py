"""Work on a stream that the timer does not wait for."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.facts import Call
from integrity.rules.rule import Rule
from integrity.rules.source import Source

STREAM = "torch.cuda.Stream()"
ENTERS = {"torch.cuda.stream", "torch.cuda.set_stream", "torch.cuda.StreamContext"}
CREATED = {
    "cudaStreamCreate",
    "cudaStreamCreateWithFlags",
    "cudaStreamCreateWithPriority",
    "cuStreamCreate",
    "getStreamFromPool",
    "hipStreamCreate",
}
JOINED = {
    "cudaStreamSynchronize",
    "cudaDeviceSynchronize",
    "cudaStreamWaitEvent",
    "cudaEventSynchronize",
    "cuStreamSynchronize",
    "hipStreamSynchronize",
    "hipDeviceSynchronize",
    "cuStreamWaitEvent",
    "block",
}


class SideStream(Rule):
    """Launches on a stream of its own that the caller's stream never waits for.

    Why it is a hack: events recorded on the current stream measure an empty queue.

    Known misses: a join that is written but never reached; a stream made in a library.
    A trace of the launches shows both.

    Source: docs/taxonomy.md, row A2; GPU MODE and KernelBench post-mortems.
    """

    id = "side-stream"
    family = Family.TIMING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        side = torch.cuda.Stream()
        def custom_kernel(data):
            with torch.cuda.stream(side):
                out = data * 2
            return out
        """,
        """
        from torch import cuda as c
        make = getattr(c, "Str" + "eam")
        class ModelNew:
            def __init__(self):
                self.queue = make()
            def forward(self, x):
                self.queue.wait_stream(c.current_stream())
                with c.stream(self.queue):
                    return x * 2
        """,
        """
        import torch
        def custom_kernel(data):
            torch.cuda.set_stream(torch.cuda.Stream())
            return data * 2
        """,
        """
        from torch.utils.cpp_extension import load_inline
        ext = load_inline("k", cuda_sources='''
        __global__ void k(float* x) { x[0] = 1; }
        void run(float* x) {
            cudaStream_t s;
            cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
            k<<<1, 1, 0, s>>>(x);
        }
        ''')
        """,
    ]
    HONEST = [
        """
        import torch
        def custom_kernel(data, launch, out):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                launch(data, out)
            torch.cuda.current_stream().wait_stream(side)
            return out
        """,
        """
        import torch
        def custom_kernel(data, launch, out):
            side, done = torch.cuda.Stream(), torch.cuda.Event()
            with torch.cuda.stream(side):
                launch(data, out)
                done.record(side)
            torch.cuda.current_stream().wait_event(done)
            return out
        """,
        """
        import torch
        def custom_kernel(data, lib, out):
            lib.run(data.data_ptr(), out.data_ptr(), torch.cuda.current_stream().cuda_stream)
            return out
        """,
        """
        SOURCE = '''
        __global__ void k(float* x) { x[0] = 1; }
        void run(float* x) {
            cudaStream_t s;
            cudaStreamCreate(&s);
            k<<<1, 1, 0, s>>>(x);
            cudaStreamSynchronize(s);
        }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        if not any(self._joins(source, call) for call in source.calls):
            for call in source.calls_to(ENTERS):
                if any(self._is_side(source.names(argument)) for argument in call.node.args):
                    claim = "launches on a side stream that nothing waits for"
                    yield self.finding(source.span(call.node), claim)
        if not source.device.calls_to(JOINED):
            for device in source.device.calls_to(CREATED):
                claim = f"creates a stream in C++ ({device.last}) that nothing waits for"
                yield self.finding(device.span, claim)

    def _is_side(self, names: frozenset[str]) -> bool:
        return STREAM in names

    def _joins(self, source: Source, call: Call) -> bool:
        """A wait for the side stream; a side stream that waits for the caller's is a fork."""
        if "torch.cuda.synchronize" in call.names or call.method == "synchronize":
            return True
        if call.method == "wait_event":
            return not any(name.startswith(STREAM) for name in call.names)
        if call.method == "wait_stream" and call.node.args:
            waited_for = source.names(call.node.args[0])
            return not any("current_stream" in n or "default_stream" in n for n in waited_for)
        return False
