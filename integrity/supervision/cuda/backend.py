"""One CUDA device: each experiment in a process of its own, timed ones under MPS."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from integrity.errors import CannotJudge
from integrity.run import Run
from integrity.supervision.apart import apart
from integrity.supervision.backend import Device
from integrity.supervision.cuda.driver import Allocation, Driver, open_driver
from integrity.supervision.cuda.gate import CudaGate
from integrity.supervision.cuda.mps import Mps, MpsUnavailable
from integrity.supervision.cuda.nvml import Guard, NvmlUnavailable
from integrity.supervision.cuda.returned import CudaReturned
from integrity.supervision.memory import Tensor
from integrity.supervision.workers import Zygote

_POOL_BYTES = 1 << 26
_FIXED_SHARE = 0.02


class CudaDevice:
    """A device in use: see `backend.Device`."""

    id = "GPU"
    widest = 256
    elastic_bytes = 512 * 2**20

    def __init__(
        self, driver: Driver, mps: bool, guard: Guard | None, no_guard: str, no_mps: str = ""
    ) -> None:
        self._driver = driver
        self._mps = mps
        self._no_mps = no_mps
        self._guard = guard
        self._no_guard = no_guard
        self._start = guard.sample() if guard else None
        self.xp = driver.xp
        self.losses = driver.losses

    @cached_property
    def pool(self) -> Any:
        """Poison is cut from it."""
        random = self.xp.random.RandomState(int.from_bytes(os.urandom(4)))
        return random.randint(0, 256, _POOL_BYTES, dtype=np.uint8)

    def block(self, size_bytes: int) -> Allocation:
        return self._driver.allocate(size_bytes)

    def outputs(
        self, pid: int, tensors: Sequence[Tensor], slots: int, inputs: Allocation
    ) -> CudaReturned:
        return CudaReturned(self._driver, tensors, slots, inputs)

    def gate(self) -> CudaGate:
        if self._guard is None:
            return CudaGate(self._driver)
        return CudaGate(self._driver, self._guard.disturbance)

    def width(self, net_us: float, fixed_us: float) -> int:
        """So many that what the window costs by itself is 2 % of it."""
        return math.ceil(fixed_us / (_FIXED_SHARE * net_us))

    def available_bytes(self) -> int:
        return self._driver.free_bytes()

    def reserve(self, size_bytes: int) -> None:
        """The pool keeps what was freed, and cuts smaller pieces from it."""
        self.xp.empty(size_bytes, dtype=np.uint8)

    def settle(self) -> None:
        self._driver.settle()

    def facts(self) -> dict[str, float | str]:
        """`fixed_us`: at most what a window costs beyond what is in it."""
        why = f" ({self._no_mps})" if self._no_mps else ""
        return {
            "device": self._driver.name,
            "clock": "%globaltimer, " + ("under MPS" if self._mps else f"two contexts{why}"),
            "fixed_us": 100.0 if self._mps else 400.0,
            **self._watched(),
        }

    def _watched(self) -> dict[str, float | str]:
        if self._guard is None or self._start is None:
            return {"unwatched": self._no_guard}
        now = self._guard.sample()
        return {
            "sm_mhz": float(now.sm_mhz),
            "memory_mhz": float(now.memory_mhz),
            "temperature_c": float(now.temperature_c),
            "driver": self._guard.name_and_driver()[1],
            "used_gib": now.used_bytes / 2**30,
            "energy_j": (now.energy_mj - self._start.energy_mj) / 1e3,
            "unsupported": ", ".join(sorted(self._guard.unsupported)),
        }


class CudaBackend:
    """The device with that index, for workers of that zygote.

    Starts an MPS daemon of its own for timed work where it can: without one, every window has a
    switch between two contexts in it, of about 285 us.
    """

    id = "cuda"

    def __init__(self, zygote: Zygote, mps: bool = True, index: int = 0) -> None:
        self._zygote = zygote
        self._index = index
        self._wants_mps = mps
        self._mps: Mps | None = None
        self.why_no_mps = "" if mps else "it was not asked for"

    def __enter__(self) -> Self:
        return self

    def on(self, zygote: Zygote) -> "CudaBackend":
        return CudaBackend(zygote, mps=False, index=self._index)

    def run(self, work: Callable[[Device], Run], timed: bool) -> Run:
        """In a child of ours, which a fault on the device may take away.

        Untimed work runs without MPS, where a fault stays with the process that made it.
        """
        channels = self._channels() if timed else {}
        self._zygote.channels = channels

        def with_device() -> Run:
            os.environ.pop("CUDA_MPS_PIPE_DIRECTORY", None)  # the user's own daemon is not ours
            os.environ.update(channels)
            device = self._open(bool(channels))
            try:
                return work(device)
            except device.losses as loss:
                raise CannotJudge(f"the device was lost: {str(loss)[:200]}") from loss
            except MemoryError as full:
                raise CannotJudge(f"the device is full: {str(full)[:200]}") from full

        whole = False
        try:
            finished = apart(with_device)
            whole = not finished.deaths
            return finished
        finally:
            self._zygote.kill_all()
            if not whole:  # a client that ended amid its work may leave the server in any state
                self.__exit__()

    def _open(self, mps: bool) -> CudaDevice:
        driver = open_driver(self._index)
        try:
            return CudaDevice(driver, mps, Guard(driver.uuid, self._pids), "", self.why_no_mps)
        except NvmlUnavailable as reason:
            return CudaDevice(driver, mps, None, str(reason), self.why_no_mps)

    def _pids(self) -> set[int]:
        """Ours: the workers, and the daemon's servers."""
        return {*self._zygote.pids(), *(self._mps.pids() if self._mps else ())}

    def _channels(self) -> Mapping[str, str]:
        if self._wants_mps and self._mps is None and not self.why_no_mps:
            try:
                with self._zygote.unpinned():
                    self._mps = Mps(self._zygote.folder / "mps").__enter__()
            except MpsUnavailable as reason:
                self.why_no_mps = str(reason)
        return dict(self._mps.environment) if self._mps else {}

    def __exit__(self, *reason: object) -> None:
        if self._mps is not None:
            self._mps.__exit__(None, None, None)
            self._mps = None
