"""What the driver's management library says of the device. It is only ever asked, never told."""

import contextlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

SLOWED = {
    0x0004: "the power cap slows it",
    0x0008: "the hardware slows it",
    0x0010: "it keeps in step with another device",
    0x0020: "heat slows it (software)",
    0x0040: "heat slows it (hardware)",
    0x0080: "the power brake slows it",
}
"""Bits of `nvmlClocksEventReasons` (nvml.h) that cost time. Idling, and clocks that the owner set,
disturb nobody."""

_TOLERATED = {0x0004}
"""A kernel that draws full power meets the cap by itself: noted, but part of its honest time."""


class NvmlUnavailable(Exception):
    """Nothing can be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The device at one moment."""

    sm_mhz: int
    memory_mhz: int
    temperature_c: int
    power_w: float
    energy_mj: int
    """Since the driver was loaded."""

    reasons: int
    """Why its clocks are what they are, as bits; see `SLOWED`."""

    others: tuple[int, ...]
    """Processes on the device that are not ours and that this machine knows."""


class Guard:
    """One device, watched."""

    def __init__(self, uuid: str, ours: Callable[[], Collection[int]], nvml: Any = None) -> None:
        self._ours = ours
        self.unsupported: set[str] = set()
        try:
            if nvml is None:
                import pynvml as nvml
            self._nvml = nvml
            nvml.nvmlInit()
            self._device = self._find(uuid)
        except ImportError as error:
            raise NvmlUnavailable(f"{error.name} is not installed") from error
        except self._errors() as error:
            raise NvmlUnavailable(str(error)) from error
        self._known: frozenset[int] = frozenset()
        self._foreign: tuple[int, ...] = ()

    def _errors(self) -> tuple[type[Exception], ...]:
        found = getattr(getattr(self, "_nvml", None), "NVMLError", None)
        return (found,) if found else ()

    def _find(self, uuid: str) -> Any:
        """By UUID: its numbers are not CUDA's."""
        for index in range(self._nvml.nvmlDeviceGetCount()):
            device = self._nvml.nvmlDeviceGetHandleByIndex(index)
            if str(self._nvml.nvmlDeviceGetUUID(device)).replace("-", "").endswith(uuid):
                return device
        raise NvmlUnavailable(f"no device has the UUID {uuid}")

    def sample(self) -> Sample:
        """Ask everything once. What the device can't say is 0 and noted as unsupported."""
        nvml, device = self._nvml, self._device
        return Sample(
            sm_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            temperature_c=self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            power_w=self._ask("nvmlDeviceGetPowerUsage") / 1e3,
            energy_mj=self._ask("nvmlDeviceGetTotalEnergyConsumption"),
            reasons=self._reasons(device),
            others=self._others(),
        )

    def disturbance(self) -> str:
        """Why a call that ended just now must not count; empty where it may."""
        reasons = self._reasons(self._device)
        for bit, words in SLOWED.items():
            if reasons & bit and bit not in _TOLERATED:
                return words
        if foreign := self._others():
            return f"process {foreign[0]} uses the device too"
        return ""

    def _reasons(self, device: Any) -> int:
        name = "nvmlDeviceGetCurrentClocksEventReasons"
        if not hasattr(self._nvml, name):  # before driver 535
            name = "nvmlDeviceGetCurrentClocksThrottleReasons"
        return self._ask(name)

    def _others(self) -> tuple[int, ...]:
        """A process that this machine does not know lives behind a wall; it can't be told from an
        own one seen through it, so it is noted, not blamed."""
        running = self._ask("nvmlDeviceGetComputeRunningProcesses") or ()
        pids = frozenset(process.pid for process in running)
        if pids != self._known:
            strange = pids - {os.getpid(), *self._ours()}
            seen = {pid for pid in strange if os.path.exists(f"/proc/{pid}")}
            if strange - seen:
                self.unsupported.add("processes of another namespace")
            self._known, self._foreign = pids, tuple(sorted(seen))
        return self._foreign

    def _ask(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, name)(self._device, *arguments)
        except self._errors():
            self.unsupported.add(name)
            return 0

    def close(self) -> None:
        """Hand the library back."""
        with contextlib.suppress(*self._errors()):
            self._nvml.nvmlShutdown()
