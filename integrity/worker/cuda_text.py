"""Records CUDA source on its way to a compiler, and has nvcc make PTX of it where there is one."""

import shutil
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from integrity.worker.device_code import device_part, instantiations
from integrity.worker.pretend import PretendDevice, Stub

ARCHITECTURE = "sm_90"
_INCLUDES = "#include <cstdint>\n#include <cfloat>\n#include <cmath>\n"
"""What torch's headers, which are left out, bring with them."""

_MAX_SOURCES = 8
_MAX_TEXT = 1 << 20


class CudaTexts:
    """Every CUDA source that is handed to torch, CuPy or NVRTC's wrapper in torch."""

    def __init__(self, pretended: PretendDevice, seconds: float) -> None:
        self.failures: list[str] = []
        self._pretended = pretended
        self._until = time.monotonic() + seconds
        self._records: dict[str, str] = {}

    def install(self) -> None:
        """Take the compilers' places."""
        import torch.utils.cpp_extension as extension

        extension.load_inline = self._load_inline
        extension.load = self._load
        vars(torch.cuda)["_compile_kernel"] = self._compile_kernel
        sys.modules["cupy"] = self._cupy()

    def message(self) -> list[dict[str, Any]]:
        """As it goes over the wire: one record for each source that compiled."""
        return [
            {
                "name": "", "language": "cuda", "target": ARCHITECTURE, "parameters": [],
                "shared_bytes": 0, "programs": None, "ir": "", "machine": machine,
            }
            for machine in self._records.values()
            if machine
        ]  # fmt: skip

    def _load_inline(
        self, name: str = "", cpp_sources: Any = "", cuda_sources: Any = "", *rest: Any, **more: Any
    ) -> Any:
        for source in [cuda_sources] if isinstance(cuda_sources, str) else cuda_sources or []:
            self._compile(str(source))
        return _Extension(self._function)

    def _load(self, name: str = "", sources: Any = (), *rest: Any, **more: Any) -> Any:
        for source in [sources] if isinstance(sources, str) else sources:
            if str(source).endswith((".cu", ".cuh")):
                self._compile(Path(str(source)).read_text())
        return _Extension(self._function)

    def _compile_kernel(self, source: str, *rest: Any, **more: Any) -> Any:
        self._compile(str(source))
        return self._function

    def _cupy(self) -> types.ModuleType:
        module = types.ModuleType("cupy")
        vars(module)["__getattr__"] = lambda name: Stub()
        vars(module)["RawKernel"] = self._raw
        vars(module)["RawModule"] = self._raw
        return module

    def _raw(self, code: str = "", *rest: Any, **more: Any) -> Any:
        self._compile(str(code))
        return _Extension(self._function)

    def _function(self, *arguments: Any, **options: Any) -> Any:
        """What an extension's function returns: nothing that was computed."""
        self._pretended.hand_over([arguments, options])
        tensors = (each for each in arguments if isinstance(each, torch.Tensor))
        first = next(tensors, None)
        return None if first is None else torch.empty_like(first)

    def _compile(self, source: str) -> None:
        if not source.strip() or source in self._records:
            return
        if len(self._records) >= _MAX_SOURCES or len(source) > _MAX_TEXT:
            return self._fail("more CUDA text than is looked at")
        self._records[source] = ""
        compiler = shutil.which("nvcc")
        if compiler is None:
            return self._fail("no nvcc here")
        kept = _INCLUDES + device_part(source)
        # Templates become code by being named; a name that does not stand alone is given up.
        named = "".join(
            f"\nvoid* keep_{number} = (void*)&{name};"
            for number, name in enumerate(instantiations(source))
        )
        attempts = [kept + named, kept] if named else [kept]
        self._records[source] = self._first(compiler, attempts)

    def _first(self, compiler: str, attempts: Sequence[str]) -> str:
        error = ""
        for text in attempts:
            try:
                return _ptx(compiler, text, self._until - time.monotonic())
            except (OSError, subprocess.SubprocessError) as reason:
                said = getattr(reason, "stderr", None) or str(reason).encode()
                error = error or said.decode(errors="replace")[-250:]
        self._fail(f"nvcc: {error}")
        return ""

    def _fail(self, reason: str) -> None:
        if len(self.failures) < 20:
            self.failures.append(reason[:300])


def _ptx(compiler: str, text: str, seconds: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "kernel.cu"), Path(folder, "kernel.ptx")
        source.write_text(text)
        command = [compiler, "-ptx", f"-arch={ARCHITECTURE}", "-std=c++17", "-w"]
        subprocess.run(
            [*command, "-o", str(made), str(source)],
            check=True,
            timeout=max(seconds, 0.1),
            capture_output=True,
        )
        return made.read_text()[:_MAX_TEXT]


class _Extension(Stub):
    """A built extension, module or kernel: it can be called, and so can every attribute."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._function if name != "get_function" else (lambda *names: self._function)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """A CuPy kernel: `(grid, block, arguments)`."""
        return self._function(*arguments, **options)
