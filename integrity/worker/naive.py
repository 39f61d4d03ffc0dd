"""An ordinary in-process harness: check once, then time in a loop on the same inputs.

It has the shape that public harnesses have, holes included: it is the proof that an exploit is no
straw man, and what the search calls the raw reward. What wins here has to lose in the supervised
runner. Its numbers come from the submission's own process: they may be anything. Nothing of the
project is used.

    python integrity/worker/naive.py PROBLEM.py KERNEL.py --device cpu --arguments '{"n": 65536}'
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch

Function = Callable[..., Any]

SEED = 42
WARM_UPS = 5
FLUSH_BYTES = 1 << 28

expected: Any = None
output: Any = None


def load_module(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def check_correctness(output: Any, expected: Any, tolerance: float = 1e-2) -> bool:
    pairs = zip(as_tuple(output), as_tuple(expected), strict=True)
    return all(
        ours.shape == theirs.shape
        and torch.allclose(ours.float(), theirs.float(), rtol=tolerance, atol=tolerance)
        for ours, theirs in pairs
    )


def benchmark_kernel(function: Function, inputs: Sequence[Any], calls: int) -> float:
    """Median time of a call in microseconds."""
    for _ in range(WARM_UPS):
        function(*inputs)
    times = []
    once = time_on_device if torch.cuda.is_initialized() else time_on_host  # type: ignore[no-untyped-call]
    for _ in range(calls):
        times.append(once(function, inputs))
    return statistics.median(times) * 1e6


def time_on_host(function: Function, inputs: Sequence[Any]) -> float:
    start = time.perf_counter()
    function(*inputs)
    return time.perf_counter() - start


def time_on_device(function: Function, inputs: Sequence[Any]) -> float:
    torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda").zero_()
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    function(*inputs)
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def measure(
    reference: Function, kernel: Function, inputs: Sequence[Any], calls: int = 30
) -> dict[str, Any]:
    """Whether one call was right, and the median times of both in microseconds."""
    global expected, output
    with torch.no_grad():
        expected = reference(*inputs)
        output = kernel(*inputs)
        passed = check_correctness(output, expected)
        time_us = benchmark_kernel(kernel, inputs, calls)
        reference_us = benchmark_kernel(reference, inputs, calls)
    return {"passed": passed, "time_us": time_us, "reference_us": reference_us}


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    problem = load_module("problem", options.problem)
    submission = load_module("submission", options.kernel)
    torch.manual_seed(SEED)
    with torch.device(options.device):
        inputs = problem.make_inputs(SEED, **options.arguments)
    return measure(problem.reference, submission.kernel, inputs, options.calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("problem")
    parser.add_argument("kernel")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--arguments", type=json.loads, default={})
    parser.add_argument("--calls", type=int, default=30)
    options = parser.parse_args()
    try:
        result = {**evaluate(options), "error": ""}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        result = {"passed": False, "time_us": None, "reference_us": None, "error": text}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
