"""Which routes to a device the recorder sees, and what recording costs a launch. Needs a GPU.

Prints one JSON object. With a folder as argument it also writes each route's trace there, in the
form that evidence holds it. Bars: every route shows; recording makes a launch of a kernel of 5 us
take at most 1.3 times as long.
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from integrity.device_trace import DeviceTrace, Kind
from integrity.supervision.recording import parse
from integrity.worker.recorder import Recorder, Unavailable, cupti

GRIDS = (611, 1_021)
LAUNCHES, REPEATS = 2_000, 9
KERNEL_CYCLES = 9_900
"""5 us at the 1,980 MHz of an H200."""
BAR = 1.3
ELEMENTS = 1 << 20

Route = Callable[[], Callable[[torch.Tensor], object]]
"""Gives a call that launches something on the tensor; what has to be built is built before."""

TRITON = """
import triton, triton.language as tl
@triton.jit
def tripled(p, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(p + i, tl.load(p + i, mask=i < n) * 3, mask=i < n)
"""
INLINE = """
#include <torch/extension.h>
__global__ void inlined(float* p) { p[blockIdx.x * 256 + threadIdx.x] *= 2; }
void run(torch::Tensor x) { inlined<<<x.numel() / 256, 256>>>(x.data_ptr<float>()); }
"""


def in_torch() -> Callable[[torch.Tensor], object]:
    """An operator."""
    return lambda x: x.mul_(2.0)


def in_triton() -> Callable[[torch.Tensor], object]:
    """A kernel that is compiled in the warm-up; Triton reads its source from a file."""
    import importlib.util
    import tempfile

    path = Path(tempfile.mkdtemp()) / "tripled.py"
    path.write_text(TRITON)
    spec = importlib.util.spec_from_file_location("tripled", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda x: module.tripled[(ELEMENTS // 1024,)](x, ELEMENTS, BLOCK=1024)


def in_cupy() -> Callable[[torch.Tensor], object]:
    """A `RawKernel` on torch's memory."""
    import cupy

    source = 'extern "C" __global__ void raw(float* p) { p[blockIdx.x * 256 + threadIdx.x] *= 2; }'
    kernel = cupy.RawKernel(source, "raw")
    return lambda x: kernel((ELEMENTS // 256,), (256,), (cupy.asarray(x),))


def in_extension() -> Callable[[torch.Tensor], object]:
    """What `load_inline` builds."""
    from torch.utils.cpp_extension import load_inline

    built = load_inline(
        "tracers_inlined", cpp_sources="void run(torch::Tensor x);", cuda_sources=INLINE,
        functions=["run"],
    )  # fmt: skip
    return lambda x: built.run(x)


def on_a_side_stream() -> Callable[[torch.Tensor], object]:
    """An operator on another stream, joined."""
    side = torch.cuda.Stream()

    def call(x: torch.Tensor) -> None:
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            x.mul_(2.0)
        torch.cuda.current_stream().wait_stream(side)

    return call


def in_a_thread() -> Callable[[torch.Tensor], object]:
    """An operator that another thread runs."""

    def call(x: torch.Tensor) -> None:
        thread = threading.Thread(target=x.mul_, args=(2.0,))
        thread.start()
        thread.join()

    return call


def in_a_graph() -> Callable[[torch.Tensor], object]:
    """Two operators replayed."""
    held = torch.zeros(ELEMENTS, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        held.mul_(2.0)
        held.add_(1.0)

    def call(x: torch.Tensor) -> torch.Tensor:
        graph.replay()
        return held  # which has to live as long as the graph

    return call


ROUTES: tuple[Route, ...] = (
    in_torch, in_triton, in_cupy, in_extension, on_a_side_stream, in_a_thread, in_a_graph,
)  # fmt: skip


def seen(route: Route, launch: Callable[[int], None]) -> DeviceTrace:
    """The trace of one warm call."""
    call = route()
    x = torch.ones(ELEMENTS, device="cuda")
    call(x)
    torch.cuda.synchronize()
    recorder = Recorder(cupti(), launch, GRIDS)
    recorder.around(call)(x)
    torch.cuda.synchronize()
    return parse(recorder.report(), GRIDS)


LAUNCHED: dict[str, Callable[[torch.Tensor], object]] = {
    "an operator": lambda x: x.mul_(1.0),
    "a kernel of 5 us": lambda x: torch.cuda._sleep(KERNEL_CYCLES),
}


def launch_us(call: Callable[[torch.Tensor], object], x: torch.Tensor) -> float:
    """Host and device together, in a row of launches."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(LAUNCHES):
        call(x)
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / LAUNCHES * 1e6


def launches_us() -> dict[str, list[float]]:
    """Some rows of each kind of launch."""
    x = torch.ones(ELEMENTS, device="cuda")
    return {name: [launch_us(call, x) for _ in range(REPEATS)] for name, call in LAUNCHED.items()}


def costs(plain: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Of launches while everything is recorded, beside those before CUPTI was there.

    CUPTI costs something even where it records nothing, so that it can't be taken in turns.
    """
    recorded = launches_us()
    return {
        name: {
            "plain_us": statistics.median(plain[name]),
            "recorded_us": statistics.median(recorded[name]),
            "ratio": statistics.median(recorded[name]) / statistics.median(plain[name]),
            "lowest": min(recorded[name]) / max(plain[name]),
            "highest": max(recorded[name]) / min(plain[name]),
        }
        for name in LAUNCHED
    }


def summary(trace: DeviceTrace) -> dict[str, Any]:
    """What a reader has to know of it."""
    kernels = [record for record in trace.work(0) if record.kind is Kind.KERNEL]
    return {
        "complete": trace.complete,
        "kernels": [kernel.name for kernel in kernels],
        "streams": sorted({kernel.stream for kernel in kernels}),
        "graphs": sorted({kernel.graph for kernel in kernels}),
        "kinds": sorted({str(record.kind) for record in trace.records}),
    }


def main() -> int:
    """Print what was seen by each route, and the cost; exit 1 where a bar is missed."""
    if not torch.cuda.is_available():
        sys.exit("this needs a CUDA device")
    torch.zeros(1, device="cuda")
    from integrity.worker.canary import Canary

    launch = Canary().launch
    launches_us()
    plain = launches_us()
    routes: dict[str, Any] = {}
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    for route in ROUTES:
        try:
            trace = seen(route, launch)
        except (ImportError, OSError, RuntimeError, Unavailable) as error:
            routes[route.__name__] = {"not tried": f"{type(error).__name__}: {error}"[:200]}
            continue
        routes[route.__name__] = summary(trace)
        if folder:
            text = json.dumps(asdict(trace), indent=1)
            (folder / f"{route.__name__}.json").write_text(f"{text}\n")
    recorded = any("kernels" in found for found in routes.values())
    taken = costs(plain) if recorded else {}  # after the routes, whose records it would crowd out
    print(json.dumps({"routes": routes, "launch": taken}, indent=1))
    missed = [name for name, found in routes.items() if not found.get("kernels")]
    return 1 if missed or not taken or taken["a kernel of 5 us"]["ratio"] > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
