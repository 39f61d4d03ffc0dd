"""What the driver's management library says of the device. It is only ever asked, never told."""

import contextlib
import importlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SLOWED = {
    0x0004: "the power cap slows it",
    0x0008: "the hardware slows it",
    0x0010: "it keeps in step with another device",
    0x0020: "heat slows it (software)",
    0x0040: "heat slows it (hardware)",
    0x0080: "the power brake slows it",
    0x0100: "a display's clocks slow it",
}
"""Bits of `nvmlClocksEventReasons` (nvml.h) that cost time. Idling, and clocks that the owner set,
disturb nobody."""

_HARMLESS = 0x0001 | 0x0002  # idle, and the owner's own setting
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

    used_bytes: int = 0

    @property
    def throttled(self) -> tuple[str, ...]:
        """What slows it, in words, tolerated or not."""
        return tuple(words for bit, words in SLOWED.items() if self.reasons & bit)


def _disturbed(reasons: int, others: tuple[int, ...]) -> str:
    for bit, words in SLOWED.items():
        if reasons & bit and bit not in _TOLERATED:
            return words
    return f"process {others[0]} uses the device too" if others else ""


class Guard:
    """One device, watched. `uuid` is CUDA's, as hexadecimal digits or in NVML's spelling."""

    def __init__(
        self,
        uuid: str,
        ours: Callable[[], Collection[int]],
        nvml: Any = None,
        proc: Path = Path("/proc"),
    ) -> None:
        self._ours, self._proc = ours, proc
        self.unsupported: set[str] = set()
        """What the device can't say, in words: less is known than it seems."""

        try:
            self._nvml = nvml or importlib.import_module("pynvml")
        except ImportError as error:
            raise NvmlUnavailable(f"{error.name} is not installed") from error
        self._errors: type[Exception] = self._nvml.NVMLError
        try:
            self._nvml.nvmlInit()
        except self._errors as error:
            raise NvmlUnavailable(str(error)) from error
        try:
            self._device = self._find(uuid.removeprefix("GPU-").replace("-", ""))
        except self._errors as error:
            self.close()
            raise NvmlUnavailable(str(error)) from error
        self._listed: frozenset[int] | None = None
        self._foreign: tuple[int, ...] = ()

    def _find(self, digits: str) -> Any:
        """By UUID: its numbers are not CUDA's, and CUDA_VISIBLE_DEVICES hides nothing from it."""
        for index in range(self._nvml.nvmlDeviceGetCount()):
            device = self._nvml.nvmlDeviceGetHandleByIndex(index)
            name = str(self._nvml.nvmlDeviceGetUUID(device))
            if name.removeprefix("GPU-").replace("-", "") == digits:
                return device
        self.close()
        raise NvmlUnavailable(f"no device has the UUID {digits}")

    def name_and_driver(self) -> tuple[str, str]:
        """Empty where it can't be said."""
        name = self._ask("nvmlDeviceGetName") or ""
        try:
            return name, self._nvml.nvmlSystemGetDriverVersion()
        except self._errors as error:
            self.unsupported.add(f"nvmlSystemGetDriverVersion: {error}")
            return name, ""

    def sample(self) -> Sample:
        """Ask everything once. What the device can't say is 0 and noted as unsupported."""
        nvml = self._nvml
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        return Sample(
            sm_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            temperature_c=self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            power_w=self._ask("nvmlDeviceGetPowerUsage") / 1e3,
            energy_mj=self._ask("nvmlDeviceGetTotalEnergyConsumption"),
            reasons=self._reasons(),
            others=self._others(),
            used_bytes=memory.used if memory else 0,
        )

    def disturbance(self) -> str:
        """Why a call that ended just now must not count; empty where it may."""
        return _disturbed(self._reasons(), self._others())

    def _reasons(self) -> int:
        name = "nvmlDeviceGetCurrentClocksEventReasons"
        if not hasattr(self._nvml, name):  # before driver 535
            name = "nvmlDeviceGetCurrentClocksThrottleReasons"
        reasons = int(self._ask(name))
        if strange := reasons & ~(sum(SLOWED) | _HARMLESS):
            self.unsupported.add(f"clock reasons {strange:#x}")
        return reasons

    def _others(self) -> tuple[int, ...]:
        """A process that this machine does not know lives behind a wall; it can't be told from an
        own one seen through it, so it is noted, not blamed."""
        running = self._ask("nvmlDeviceGetComputeRunningProcesses") or ()
        listed = frozenset(process.pid for process in running)
        if listed != self._listed:
            ours = {os.getpid(), *self._ours()}
            if not listed & ours:  # so a stranger may be missing as well
                self.unsupported.add("processes of ours are not listed")
            strange = sorted(listed - ours)
            foreign = tuple(pid for pid in strange if self._uses_a_device(pid))
            if len(foreign) < len(strange):
                self.unsupported.add("processes of another namespace")
            self._listed, self._foreign = listed, foreign
        return self._foreign

    def _uses_a_device(self, pid: int) -> bool:
        """Whether the process of that number here can be the one meant.

        In a container the number may be the host's, and somebody else's here: who holds no device
        open is not meant. What may not be looked into exists, and is taken for the one.
        """
        try:
            held = list((self._proc / str(pid) / "fd").iterdir())
        except PermissionError:
            return True
        except OSError:
            return False
        return any(_target(descriptor).startswith("/dev/nvidia") for descriptor in held)

    def _ask(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, name)(self._device, *arguments)
        except self._errors as error:
            self.unsupported.add(f"{name}: {error}")
            return 0

    def close(self) -> None:
        """Hand the library back."""
        with contextlib.suppress(self._errors):
            self._nvml.nvmlShutdown()


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed since
        return ""
