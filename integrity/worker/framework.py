"""Watches a worker from inside: operators, replaced functions, switches, libraries, results.

It shares its process with the submission, which may blind it. An operator of a secret size that is
run with every call shows whether it still sees.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.utils._python_dispatch as dispatch

from integrity.worker import loading, relied_on, tensors, wire
from integrity.worker.launched import Launched
from integrity.worker.origins import Origins
from integrity.worker.results import Results

_CALLS = 4
_LOOKS = ("clone", "contiguous", "isnan")
"""How a harness reads an output, as far as that doesn't wait for a device."""


class Watch(dispatch.TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Started before the submission is loaded."""

    def __init__(self, canary: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._canary = canary
        self._library_answers = 0
        self._origins = Origins()
        self._launched = Launched()
        self._canaries = 0
        self._calls = 0
        self._seen: dict[str, list[int]] = {}
        self._outputs: list[str] = []
        self._changed: list[torch.Tensor] = []
        self._before = relied_on.callables()
        self._switches = _switches()
        self._libraries = _libraries()
        self._results = Results()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        elements = sum(t.numel() for t in _tensors(given))
        if elements == self._canary:
            self._canaries += 1
        elif self._origins.note(func, args, kwargs or {}, _tensors(given)):
            entry = self._seen.setdefault(str(func), [0, 0])
            entry[0] += 1
            entry[1] += elements
        return given

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Saying so costs an import of the whole compiler, a second and more."""
        return False

    def around(self, kernel: loading.Kernel) -> loading.Kernel:
        """The same kernel, watched in its first calls."""

        def watched(inputs: Any) -> Any:
            if self._calls >= _CALLS:
                return kernel(inputs)
            self._calls += 1
            self._origins = Origins()
            with self._launched.noting(), self:
                torch.empty(self._canary)
                returned = kernel(inputs)
                torch.empty(self._canary)
            outputs = _tensors(returned)
            self._changed += [each for o in outputs for each in _changes_when_read(o)]
            self._outputs = [str(each.dtype).removeprefix("torch.") for each in outputs]
            self._library_answers += bool(outputs) and all(map(self._origins.library, outputs))
            return returned

        return watched

    def report(self) -> wire.Message:
        """What was seen, as it goes over the wire."""
        now = _switches()
        switched = [
            f"{name}: {before}, then {now[name]}"
            for name, before in self._switches.items()
            if now[name] != before
        ]
        return {
            "operations": [[name, *counts] for name, counts in sorted(self._seen.items())],
            "replaced": relied_on.replaced(self._before),
            "switched": switched,
            "results": self._results.tampering(),
            "libraries": sorted(_libraries() - self._libraries),
            "library_answers": self._library_answers,
            "deferred": sum(map(bool, self._changed)),
            "canaries": self._canaries,
            "calls": self._calls,
            "kernels": self._launched.report(),
            "outputs": self._outputs,
        }


def _tensors(given: Any) -> list[torch.Tensor]:
    if isinstance(given, torch.Tensor):
        return [given]
    try:
        return tensors.flatten(given)[1]
    except tensors.NotATensor:
        return []


_SWITCHES: dict[str, Callable[[], object]] = {
    "default dtype": torch.get_default_dtype,
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "float32 matmul precision": torch.get_float32_matmul_precision,
    "TF32 in matmul": lambda: torch.backends.cuda.matmul.allow_tf32,
    "TF32 in cuDNN": lambda: torch.backends.cudnn.allow_tf32,
    "reduced precision in fp16 matmul": lambda: (
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction
    ),
    "reduced precision in bf16 matmul": lambda: (
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
    ),
    "cuDNN": lambda: torch.backends.cudnn.enabled,
    "threads": torch.get_num_threads,
    "gradients": torch.is_grad_enabled,
    "bytes of L2 set aside for persisting lines": lambda: _persisting_l2_bytes(),
}


def _persisting_l2_bytes() -> int:
    """Of this process's context; 0 where it has none."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return 0
    from cuda.bindings import driver

    _, size_bytes = driver.cuCtxGetLimit(driver.CUlimit.CU_LIMIT_PERSISTING_L2_CACHE_SIZE)
    return int(size_bytes or 0)


def _changes_when_read(output: torch.Tensor) -> list[torch.Tensor]:
    """Whether its bytes are others once somebody has looked at it; nothing where it has none.

    The answer stays on the device: asking for it here would wait for the gate.
    """
    try:
        with torch._C.DisableTorchFunctionSubclass():
            held = torch.empty(0, dtype=torch.uint8, device=output.device)
            held.set_(output.untyped_storage())
            before = held.clone()
    except RuntimeError:
        return []
    for look in _LOOKS:
        getattr(output, look)()
    return [(held != before).any()]


def _switches() -> dict[str, str]:
    return {name: str(read()).removeprefix("torch.") for name, read in _SWITCHES.items()}


def _libraries() -> set[str]:
    """File names of what is mapped to be executed."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = (line.split(maxsplit=5) for line in lines)
    return {Path(m[5]).name for m in mapped if len(m) == 6 and "x" in m[1] and ".so" in m[5]}
