"""Watches torch from inside the worker: operators, replaced functions, switches, libraries.

It shares its process with the submission, which may blind it. An operator of a secret size that is
run with every call shows whether it still sees.
"""

import builtins
import gc
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.utils._python_dispatch as dispatch

from integrity.worker import loading, tensors, wire
from integrity.worker.origins import Origins

_RELIED_ON: dict[str, tuple[Any, str]] = {
    "time": (time, "perf_counter perf_counter_ns time time_ns monotonic monotonic_ns process_time"),
    "builtins": (builtins, "print open len abs min max sum any all isinstance getattr __import__"),
    "os": (os, "_exit write read fork"),
    "sys": (sys, "exit _getframe"),
    "gc": (gc, "collect get_objects"),
    "json": (json, "dump dumps load loads"),
    "random": (random, "random randint seed shuffle"),
    "statistics": (statistics, "mean median stdev"),
    "torch": (
        torch,
        "allclose isclose equal randn rand randint empty empty_like zeros ones manual_seed "
        "matmul mm softmax _scaled_mm compile",
    ),
    "torch.Tensor": (
        torch.Tensor,
        "__eq__ allclose equal copy_ clone to cpu contiguous data_ptr sum max abs item isnan "
        "unsqueeze __torch_function__",
    ),
    "torch.nn.Module": (torch.nn.Module, "__call__ load_state_dict state_dict to eval"),
    "torch.testing": (torch.testing, "assert_close"),
    "torch.cuda": (torch.cuda, "synchronize Event Stream current_stream"),
    "torch.cuda.Event": (torch.cuda.Event, "record elapsed_time synchronize wait query"),
}
"""Where harnesses keep clock, checker and inputs."""

_CALLS = 4


class Watch(dispatch.TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Started before the submission is loaded."""

    def __init__(self, canary: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._canary = canary
        self._library_answers = 0
        self._origins = Origins()
        self._canaries = 0
        self._calls = 0
        self._seen: dict[str, list[int]] = {}
        self._before = dict(_relied_on())
        self._switches = _switches()
        self._libraries = _libraries()

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
            with self:
                torch.empty(self._canary)
                returned = kernel(inputs)
                torch.empty(self._canary)
            outputs = _tensors(returned)
            self._library_answers += bool(outputs) and all(map(self._origins.library, outputs))
            return returned

        return watched

    def report(self) -> wire.Message:
        """What was seen, as it goes over the wire."""
        replaced = [
            name for name, now in _relied_on() if any(map(_differ, now, self._before[name]))
        ]
        now = _switches()
        switched = [
            f"{name}: {before}, then {now[name]}"
            for name, before in self._switches.items()
            if now[name] != before
        ]
        return {
            "operations": [[name, *counts] for name, counts in sorted(self._seen.items())],
            "replaced": replaced,
            "switched": switched,
            "libraries": sorted(_libraries() - self._libraries),
            "library_answers": self._library_answers,
            "canaries": self._canaries,
            "calls": self._calls,
        }


def _differ(one: object, other: object) -> bool:
    return one is not other


def _tensors(given: Any) -> list[torch.Tensor]:
    if isinstance(given, torch.Tensor):
        return [given]
    try:
        return tensors.flatten(given)[1]
    except tensors.NotATensor:
        return []


def _relied_on() -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each function with what makes it what it is."""
    for place, (owner, names) in _RELIED_ON.items():
        for name in names.split():
            found = vars(owner).get(name, getattr(owner, name, None))
            function = getattr(found, "__func__", found)
            parts = (getattr(function, part, None) for part in ("__code__", "__defaults__"))
            yield f"{place}.{name}", (found, *parts)


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
}


def _switches() -> dict[str, str]:
    return {name: str(read()).removeprefix("torch.") for name, read in _SWITCHES.items()}


def _libraries() -> set[str]:
    """File names of what is mapped to be executed."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = (line.split(maxsplit=5) for line in lines)
    return {Path(m[5]).name for m in mapped if len(m) == 6 and "x" in m[1] and ".so" in m[5]}
