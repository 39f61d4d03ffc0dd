"""One bare call of a kernel in a process of its own, for a tool that watches a whole process.

    python -m integrity.worker.bare TASK.json

Started by `worker.wrapped`, inside the sandbox, with the few files of this package that it needs.
The tool looks at one call past the warm-ups. Where a canary is asked for, one wrong access of a
kernel with a secret name comes last: a tool that does not report it saw nothing.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from integrity.worker import loading, oracle

WARM_UPS = 2
"""Kernels compile and tune themselves in these."""


def main(task: Mapping[str, Any]) -> None:
    """Call the kernel, or the reference."""
    device = torch.device(task["device"])
    problem = oracle.Oracle(task, device)
    inputs = problem.draw(task["draw_seed"])
    kernel = _kernel(task, problem, device)
    with torch.no_grad():
        for _ in range(WARM_UPS):
            kernel(inputs)
        _watched(device, kernel, inputs)
    if task["canary"]:
        _misbehave(task["canary"], task["canary_body"])


def _kernel(
    task: Mapping[str, Any], problem: oracle.Oracle, device: torch.device
) -> Callable[[Any], Any]:
    if not task["module"]:
        return lambda given: problem.answer(given, wide=False)
    return loading.kernel_of(
        loading.import_module(task["module"]),
        task["entry"],
        task["convention"],
        problem.init(),
        task["init_seed"],
        problem.weights(),
        loading.Placement(device),
    )


def _watched(device: torch.device, kernel: Callable[[Any], Any], inputs: Any) -> None:
    """The call between the marks by which a profiler knows it."""
    if device.type != "cuda":
        kernel(inputs)
        return
    torch.cuda.synchronize()
    torch.cuda.profiler.start()  # type: ignore[no-untyped-call]
    kernel(inputs)
    torch.cuda.synchronize()
    torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]


def _misbehave(name: str, body: str) -> None:
    """Launch the canary on eight bytes of its own. The tool may end the process for it."""
    from cuda.bindings import driver

    def checked(answer: Any) -> Any:
        if int(answer[0]):
            raise RuntimeError(f"the canary: CUDA error {answer[0]}")
        return answer[1] if len(answer) > 1 else None

    module = checked(driver.cuModuleLoadData(body.encode() + b"\0"))
    kernel = checked(driver.cuModuleGetFunction(module, name.encode()))
    place = checked(driver.cuMemAlloc(8))
    import ctypes

    given = (ctypes.c_uint64(int(place)),), (ctypes.c_uint64,)
    checked(driver.cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, 0, given, 0))
    checked(driver.cuCtxSynchronize())


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
