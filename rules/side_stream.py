"""Work on a stream that the timer does not wait for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.facts import Call
from integrity.rules.rule import Rule
from integrity.rules.source import Source
from integrity.rules.stream_joins import SideStreams
from integrity.rules.stream_waits import ENTERS, HANDLES, STREAMS, is_wrapper, joins_of, waits


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
        """
        SOURCE = '''
        #include <c10/cuda/CUDAStream.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        void run(torch::Tensor x, torch::Tensor y) {
            auto lane = c10::cuda::getStreamFromPool();
            at::cuda::CUDAEvent done;
            k<<<1, 32, 0, lane>>>(x.data_ptr<float>(), y.data_ptr<float>());
            done.record(lane);
            done.block(lane);
        }
        '''
        """,
        """
        import torch
        side, other = torch.cuda.Stream(), torch.cuda.Stream()
        def custom_kernel(data, launch, out):
            other.synchronize()
            with torch.cuda.stream(side):
                launch(data, out)
            torch.cuda.current_stream().wait_stream(other)
            return out
        """,
        """
        import torch
        side = torch.cuda.Stream()
        def custom_kernel(data, lib, out):
            torch.cuda.synchronize()
            lib.run(data.data_ptr(), out.data_ptr(), side.cuda_stream)
            return out
        """,
        """
        SOURCE = '''
        __global__ void k(float* x) { x[0] = 1; }
        static cudaStream_t quick() {
            static cudaStream_t stream = nullptr;
            if (!stream) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
            return stream;
        }
        void unused() { cudaDeviceSynchronize(); }
        extern "C" void run(float* x, cudaStream_t mine) {
            cudaStreamSynchronize(mine);
            k<<<1, 1, 0, quick()>>>(x);
        }
        '''
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
        """
        SOURCE = '''
        #include <ATen/cuda/CUDAContext.h>
        #define CHECK_CUDA(x) TORCH_CHECK((x) == cudaSuccess, "CUDA")
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        static cudaStream_t side = nullptr;
        static cudaEvent_t fork = nullptr, join_ = nullptr;
        torch::Tensor run(torch::Tensor x) {
            auto y = torch::empty_like(x);
            auto current = at::cuda::getCurrentCUDAStream();
            if (side == nullptr) {
                CHECK_CUDA(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
                CHECK_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
                CHECK_CUDA(cudaEventCreateWithFlags(&join_, cudaEventDisableTiming));
            }
            CHECK_CUDA(cudaEventRecord(fork, current.stream()));
            CHECK_CUDA(cudaStreamWaitEvent(side, fork, 0));
            k<<<1, 32, 0, side>>>(x.data_ptr<float>(), y.data_ptr<float>());
            CHECK_CUDA(cudaEventRecord(join_, side));
            CHECK_CUDA(cudaStreamWaitEvent(current.stream(), join_, 0));
            return y;
        }
        '''
        """,
        """
        SOURCE = '''
        #include <c10/cuda/CUDAStream.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        void run(torch::Tensor x, torch::Tensor y) {
            auto mine = c10::cuda::getCurrentCUDAStream();
            auto lane = c10::cuda::getStreamFromPool();
            at::cuda::CUDAEvent done;
            k<<<1, 32, 0, lane>>>(x.data_ptr<float>(), y.data_ptr<float>());
            done.record(lane);
            done.block(mine);
            c10::cuda::CUDACachingAllocator::recordStream(y.storage().data_ptr(), lane);
        }
        '''
        """,
        """
        SOURCE = '''
        #include <c10/cuda/CUDAStream.h>
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        void run(torch::Tensor x, torch::Tensor y) {
            auto current = c10::cuda::getCurrentCUDAStream();
            auto pool = c10::cuda::getStreamFromPool();
            at::cuda::CUDAEvent done;
            {
                c10::cuda::CUDAStreamGuard guard(pool);
                k<<<1, 32, 0, pool>>>(x.data_ptr<float>(), y.data_ptr<float>());
            }
            done.record(pool);
            done.block(current);
        }
        '''
        """,
        """
        SOURCE = '''
        __global__ void k(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }
        void launch(const float* x, float* y, cudaStream_t stream) {
            k<<<1, 32, 0, stream>>>(x, y);
        }
        extern "C" void run(const float* x, float* y, cudaStream_t current) {
            static cudaGraphExec_t ready = nullptr;
            if (ready == nullptr) {
                cudaStream_t capture;
                cudaGraph_t graph;
                cudaStreamCreate(&capture);
                cudaStreamBeginCapture(capture, cudaStreamCaptureModeThreadLocal);
                launch(x, y, capture);
                cudaStreamEndCapture(capture, &graph);
                cudaGraphInstantiate(&ready, graph, 0);
                cudaStreamDestroy(capture);
            }
            cudaGraphLaunch(ready, current);
        }
        '''
        """,
        """
        import torch
        class ModelNew:
            def __init__(self):
                self.streams = [torch.cuda.Stream() for _ in range(2)]
            def forward(self, x, launch, out):
                for part, stream in enumerate(self.streams):
                    stream.wait_stream(torch.cuda.current_stream())
                    with torch.cuda.stream(stream):
                        launch(x[part], out[part])
                for stream in self.streams:
                    torch.cuda.current_stream().wait_stream(stream)
                return out
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        uses = list(self._uses(source))
        joins = list(joins_of(source)) if uses else []
        for call, stream in uses:
            if not any(waits(source, join, call, stream) for join in joins):
                claim = "launches on a side stream that nothing waits for"
                yield self.finding(source.span(call.node), claim)
        called = frozenset(call.method for call in source.calls)
        for device in SideStreams(source.device, called).unjoined():
            claim = f"creates a stream in C++ ({device.last}) that nothing waits for"
            yield self.finding(device.span, claim)

    def _uses(self, source: Source) -> Iterator[tuple[Call, ast.expr]]:
        """Calls that enter a side stream, and calls that are given its handle."""
        for call in source.calls_to(ENTERS):
            for argument in call.node.args[:1]:
                if source.names(argument) & set(STREAMS):
                    yield call, argument
        for node in source.reads.attributes({"cuda_stream", "ptr"}):
            if source.names(node) & HANDLES:
                given = next((p for p in source.parents(node) if isinstance(p, ast.Call)), None)
                found = [call for call in source.calls if call.node is given]
                yield from ((call, node.value) for call in found if not is_wrapper(call))
