"""Compiles every Triton kernel that is launched, for GPUs that are not here, and runs none.

Triton's own binder makes the signature: it is asked through a driver that names one target after
another as the device at hand, with `warmup=True`, which compiles and does not launch. While the
submission is called compilation ends with Triton's IR, which takes 30 ms; machine code takes up to
seconds, LLVM may abort the process over it, and so it is made afterwards, from the same launches.
"""

import math
import re
import time
from typing import Any

from integrity.worker import triton_driver
from integrity.worker.pretend import PretendDevice, Stub
from integrity.worker.triton_driver import Device

TARGETS = (
    ("cuda", 90, 32), ("hip", "gfx942", 64), ("cuda", 80, 32), ("cuda", 100, 32),
    ("hip", "gfx950", 64),
)  # fmt: skip
"""Backend, architecture and threads in a warp; in the order in which time is spent on them."""

_WIDEST_TILE = 128
"""Elements a thread holds, beyond which LLVM takes seconds for one kernel."""

_MAX_KERNELS = 24
_SHAPE = re.compile(r"tensor<((?:\d+x)+)")
_LATE_STAGES = ("ttgir", "llir", "ptx", "amdgcn", "cubin", "hsaco")
_MAX_TEXT = 1 << 20
_MAX_TEXTS = 10 * 2**20
"""Less than one message may hold."""

Record = dict[str, Any]


class Targets(Device):
    """Says it is whichever target is being compiled for.

    Each target is two devices, so that Triton keeps two kernels: one as IR, one as machine code.
    """

    def __init__(self, targets: list[Any]) -> None:
        super().__init__(targets[0])
        self._targets = targets
        self.now = 0

    @property
    def wants_ir_only(self) -> bool:
        """Whether compilation ends early for this device."""
        return self.now < len(self._targets)

    def get_current_target(self) -> Any:
        """The target that is being compiled for."""
        return self._targets[self.now % len(self._targets)]

    def get_current_device(self) -> int:
        """Its number: Triton keeps its kernels apart by it."""
        return self.now


class Launches:
    """Records every distinct kernel that is launched, once for each target."""

    def __init__(self, pretended: PretendDevice, seconds: float) -> None:
        self._records: dict[tuple[int, int], Record] = {}
        self.failures: list[str] = []
        self._pretended = pretended
        self._seconds = seconds
        self._start = time.monotonic()
        self._text_bytes = 0

    def install(self) -> None:
        """Take the place of Triton's driver and launcher.

        Raises:
            ImportError: there is no Triton here.
        """
        from triton import knobs
        from triton.backends.compiler import GPUTarget
        from triton.runtime import driver
        from triton.runtime.jit import JITFunction

        self._device = Targets([GPUTarget(*target) for target in TARGETS])
        driver.set_active(self._device)
        self._run = JITFunction.run
        JITFunction.run = lambda fn, *args, **options: self._launch(fn, args, options)
        triton_driver.tune_nothing()
        knobs.compilation.always_compile = True  # what the cache holds may have ended early
        _end_early(self._device)

    def _launch(self, fn: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        grid = options.pop("grid", None)
        options.pop("warmup", None)
        made = None
        affordable = self._affordable()
        if not affordable:
            self._pretended.hand_over([args, options])  # nobody can say what it would load
        for number in range(affordable):
            self._device.now = number
            try:
                with self._pretended.deaf():
                    kernel = self._run(fn, *args, grid=grid, warmup=True, **options)
                self._note(number, fn, kernel, (args, options, grid))
                made = made or kernel
            except Exception as error:  # a compiler's errors have no common class
                self._fail(f"{_named(fn)} for {_target(number)}: {type(error).__name__}: {error}")
                self._pretended.hand_over([args, options])
        self._device.now = 0
        return made or Stub()

    def _affordable(self) -> int:
        """How many targets there is time for: past half of it the first alone."""
        spent = time.monotonic() - self._start
        if spent > self._seconds:
            self._fail("the time to compile in was spent")
            return 0
        return len(TARGETS) if spent < self._seconds / 2 else 1

    def _note(self, number: int, fn: Any, kernel: Any, launch: tuple[Any, Any, Any]) -> None:
        key = (number, id(kernel))
        if key not in self._records:
            if len(self._records) >= _MAX_KERNELS * len(TARGETS):
                self._pretended.hand_over(list(launch))
                return self._fail("more kernels than are looked at")
            self._records[key] = self._record(number, fn, kernel) | {"launch": launch}
            vars(kernel).update(n_regs=32, n_spills=0, n_max_threads=1024)  # else it is loaded
        record = self._records[key]
        args, options, grid = launch
        named = dict(zip(fn.arg_names, args, strict=False)) | options
        for parameter in record["parameters"]:
            inputs = self._pretended.inputs_in(named.get(parameter["name"]))
            parameter["inputs"] = sorted({*parameter["inputs"], *inputs})
        programs = _programs(grid, named)
        if programs is None or record["programs"] is None:
            record["programs"] = None
        else:
            record["programs"] = max(record["programs"], programs)

    def _record(self, number: int, fn: Any, kernel: Any) -> Record:
        record = record_of(fn, kernel, _target(number))
        return record | {
            "kernel": kernel,  # kept, since its id is the key
            "function": fn,
            "device": number,
            "programs": 0,
            "ir": self._text(record["ir"]),
        }

    def assemble(self, seconds: float) -> Record:
        """Machine code of the kernels noted so far, for as long as that may take."""
        until = time.monotonic() + seconds
        self.failures = []
        made = []
        for index, record in enumerate(self._records.values()):
            if time.monotonic() > until:
                self._fail("the time to make machine code in was spent")
                break
            if _tile(record) <= _WIDEST_TILE:
                made += self._machine_code(index, record)
        return {"machine": made, "failures": self.failures}

    def _machine_code(self, index: int, record: Record) -> list[Record]:
        args, options, grid = record["launch"]
        self._device.now = record["device"] + len(TARGETS)
        try:
            with self._pretended.deaf():
                kernel = self._run(record["function"], *args, grid=grid, warmup=True, **options)
            text = kernel.asm.get("ptx") or kernel.asm.get("amdgcn") or ""
            shared = int(kernel.metadata.shared)
        except Exception as error:  # as above
            self._fail(f"{record['name']} for {record['target']}: {type(error).__name__}: {error}")
            return []
        return [{"index": index, "shared_bytes": shared, "machine": self._text(text)}]

    def _text(self, text: str) -> str:
        """The text, or nothing where it is too much: half a text would say half the truth."""
        self._text_bytes += len(text)
        fits = len(text) <= _MAX_TEXT and self._text_bytes <= _MAX_TEXTS
        return text if fits else ""

    def _fail(self, reason: str) -> None:
        if len(self.failures) < 40 and reason[:300] not in self.failures:
            self.failures.append(reason[:300])

    def message(self) -> list[Record]:
        """As it goes over the wire."""
        kept = {"name", "language", "target", "parameters", "programs", "ir"}
        return [
            {key: value for key, value in record.items() if key in kept}
            for record in self._records.values()
        ]


def record_of(fn: Any, kernel: Any, target: str) -> Record:
    """What is told of any compiled kernel."""
    return {
        "name": _named(fn),
        "language": "triton",
        "target": target,
        "parameters": [
            {"name": str(name), "type": str(kind), "inputs": []}
            for name, kind in kernel.src.signature.items()
            if str(kind) != "constexpr"
        ],
        "ir": kernel.asm.get("ttir") or "",
    }


def _end_early(device: Targets) -> None:
    """No stage behind the IR where only the IR is wanted, and no binary at all."""
    from triton.backends import backends

    for backend in backends.values():
        original = backend.compiler.add_stages

        def add_stages(
            self: Any, stages: Any, *rest: Any, _original: Any = original, **options: Any
        ) -> None:
            _original(self, stages, *rest, **options)
            left_out = _LATE_STAGES if device.wants_ir_only else ("cubin", "hsaco")
            for name in set(left_out) & set(stages):
                stages[name] = _nothing

        backend.compiler.add_stages = add_stages


def _nothing(module: Any, metadata: dict[str, Any]) -> str:
    """What a stage that is left out makes, and what the stages are expected to note."""
    for name in ("shared", "tmem_size", "global_scratch_size", "profile_scratch_size"):
        metadata.setdefault(name, 0)
    for name in ("global_scratch_align", "profile_scratch_align"):
        metadata.setdefault(name, 1)
    metadata.setdefault("name", "kernel")
    return ""


def _tile(record: Record) -> float:
    """Elements that a thread holds of the largest tensor in the IR."""
    sizes = (
        math.prod(int(extent) for extent in shape.split("x") if extent)
        for shape in _SHAPE.findall(record["ir"])
    )
    options = record["launch"][1]
    metadata = record["kernel"].metadata
    warps = getattr(metadata, "num_warps", None) or options.get("num_warps", 4)
    return max(sizes, default=0) / (32 * int(warps))


def _named(fn: Any) -> str:
    return str(getattr(fn, "__name__", "kernel"))[:100]


def _target(number: int) -> str:
    backend, architecture, _ = TARGETS[number]
    return f"sm_{architecture}" if backend == "cuda" else str(architecture)


def _programs(grid: Any, named: dict[str, Any]) -> int | None:
    """Programs in the grid; None where it can't be told."""
    try:
        extents = grid(named) if callable(grid) else grid
        return math.prod(int(extent) for extent in tuple(extents))
    except Exception:  # a grid is submitted code
        return None
