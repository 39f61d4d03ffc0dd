"""The Triton kernels that a call really launched, as they were compiled for the device at hand.

It shares a process with the submission, which may launch past it.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from integrity.worker import launches

_MOST = 64
_MOST_TEXT = 4 << 20
"""Characters of code in one report."""


class Launched:
    """Those of the latest call: what an earlier one tried while it tuned itself is forgotten."""

    def __init__(self) -> None:
        self._kernels: dict[int, tuple[Any, Any]] = {}

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """For one call. Triton has to be there before it."""
        self._kernels = {}
        if jit := sys.modules.get("triton.runtime.jit"):
            run = jit.JITFunction.run

            def noted(fn: Any, *args: Any, **options: Any) -> Any:
                kernel = run(fn, *args, **options)
                if len(self._kernels) < _MOST:
                    self._kernels[id(kernel)] = fn, kernel
                return kernel

            jit.JITFunction.run = noted
            try:
                yield
            finally:
                jit.JITFunction.run = run
        else:
            yield

    def report(self) -> list[launches.Record]:
        """Each kernel once, with its code while there is room for it."""
        told, room = [], _MOST_TEXT
        for fn, kernel in self._kernels.values():
            asm = getattr(kernel, "asm", None)
            if asm is None:  # nothing was compiled: an interpreter's, or one that was taken out
                continue
            record = launches.record_of(fn, kernel, _target(kernel))
            record["machine"] = asm.get("ptx") or asm.get("amdgcn") or ""
            record["shared_bytes"] = int(kernel.metadata.shared)
            room -= len(record["ir"]) + len(record["machine"])
            if room < 0:
                break
            told.append(record | {"programs": None})
        return told


def _target(kernel: Any) -> str:
    target = kernel.metadata.target
    return f"sm_{target.arch}" if target.backend == "cuda" else str(target.arch)
