"""The guard that watches the device, before a library that is played by a class."""

import inspect
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from integrity.supervision.cuda import nvml
from integrity.supervision.cuda.nvml import Guard, NvmlUnavailable, Sample

UUID = "5ac1f3e09b7d4c1e8f2233445566aabb"
SPELLED = "GPU-5ac1f3e0-9b7d-4c1e-8f22-33445566aabb"
OTHER = "GPU-00000000-9b7d-4c1e-8f22-33445566aabb"
OURS, SERVER, FOREIGN, BEHIND = 4_200_001, 4_200_002, 4_200_003, 4_200_004
QUIET = Sample(1980, 2619, 41, 120.5, 9_000_000, 0, ())


class NVMLError(Exception):
    """As pynvml's."""


class Fake:
    """pynvml for a machine of two devices, the second of which is ours."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self) -> None:
        self.reasons = 0
        self.pids: list[int] = [OURS]
        self.energy_mj = 9_000_000
        self.refuses: set[str] = set()
        self.opened = 0

    def nvmlInit(self) -> None:
        self.refuse("nvmlInit")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        self.refuse("nvmlDeviceGetCount")
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return [OTHER, SPELLED][index]

    def nvmlDeviceGetUUID(self, device: str) -> str:
        return device

    def nvmlDeviceGetName(self, device: str) -> str:
        return "NVIDIA H200"

    def nvmlSystemGetDriverVersion(self) -> str:
        self.refuse("nvmlSystemGetDriverVersion")
        return "580.159.04"

    def nvmlDeviceGetClockInfo(self, device: str, kind: int) -> int:
        self.refuse("nvmlDeviceGetClockInfo")
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, device: str, sensor: int) -> int:
        return 41

    def nvmlDeviceGetPowerUsage(self, device: str) -> int:
        self.refuse("nvmlDeviceGetPowerUsage")
        return 120_500

    def nvmlDeviceGetTotalEnergyConsumption(self, device: str) -> int:
        self.refuse("nvmlDeviceGetTotalEnergyConsumption")
        return self.energy_mj

    def nvmlDeviceGetMemoryInfo(self, device: str) -> SimpleNamespace:
        self.refuse("nvmlDeviceGetMemoryInfo")
        return SimpleNamespace(total=150_754_820_096, used=1_234_567)

    def nvmlDeviceGetCurrentClocksEventReasons(self, device: str) -> int:
        self.refuse("nvmlDeviceGetCurrentClocksEventReasons")
        return self.reasons

    def nvmlDeviceGetComputeRunningProcesses(self, device: str) -> list[SimpleNamespace]:
        self.refuse("nvmlDeviceGetComputeRunningProcesses")
        return [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in self.pids]

    def refuse(self, name: str) -> None:
        if name in self.refuses:
            raise NVMLError("Not Supported")


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Where the foreign process holds a device open, and a bystander something else."""
    for pid, held in ((FOREIGN, "/dev/nvidia0"), (SERVER, "/dev/nvidiactl"), (77, "/dev/null")):
        descriptors = tmp_path / str(pid) / "fd"
        descriptors.mkdir(parents=True)
        (descriptors / "0").symlink_to("/dev/null")
        (descriptors / "3").symlink_to(held)
    return tmp_path


def guard(fake: Fake, proc: Path, *ours: int) -> Guard:
    return Guard(UUID, lambda: ours or (OURS,), fake, proc)


def test_a_device_that_nothing_slows_is_quiet(fake: Fake, proc: Path) -> None:
    watched = guard(fake, proc)
    sample = watched.sample()
    assert sample == Sample(1980, 2619, 41, 120.5, 9_000_000, 0, (), 1_234_567)
    assert sample.throttled == ()
    assert watched.disturbance() == ""
    assert watched.unsupported == set()
    assert watched.name_and_driver() == ("NVIDIA H200", "580.159.04")


@pytest.mark.parametrize("spelling", [UUID, SPELLED])
def test_the_device_is_found_by_uuid_among_several(fake: Fake, spelling: str) -> None:
    watched = Guard(spelling, lambda: (OURS,), fake)
    assert watched._device == SPELLED


def test_energy_is_the_difference_of_two_samples(fake: Fake, proc: Path) -> None:
    watched = guard(fake, proc)
    before = watched.sample()
    fake.energy_mj += 2_500
    assert watched.sample().energy_mj - before.energy_mj == 2_500


@pytest.mark.parametrize(
    ("getter", "field"),
    [
        ("nvmlDeviceGetClockInfo", "sm_mhz"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetTotalEnergyConsumption", "energy_mj"),
        ("nvmlDeviceGetMemoryInfo", "used_bytes"),
        ("nvmlDeviceGetCurrentClocksEventReasons", "reasons"),
    ],
)
def test_what_a_device_does_not_support_is_neutral_and_noted(
    fake: Fake, proc: Path, getter: str, field: str
) -> None:
    fake.refuses = {getter}
    watched = guard(fake, proc)
    assert getattr(watched.sample(), field) == 0
    assert watched.disturbance() == ""
    assert watched.unsupported == {f"{getter}: Not Supported"}


def test_without_a_list_of_processes_nobody_is_blamed(fake: Fake, proc: Path) -> None:
    fake.refuses = {"nvmlDeviceGetComputeRunningProcesses"}
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert watched.unsupported == {
        "nvmlDeviceGetComputeRunningProcesses: Not Supported",
        "processes of ours are not listed",
    }


def test_a_driver_whose_version_is_secret_is_noted(fake: Fake, proc: Path) -> None:
    fake.refuses = {"nvmlSystemGetDriverVersion"}
    watched = guard(fake, proc)
    assert watched.name_and_driver() == ("NVIDIA H200", "")
    assert watched.unsupported == {"nvmlSystemGetDriverVersion: Not Supported"}


@pytest.mark.parametrize("reasons", [0x0, 0x1, 0x2, 0x3])
def test_idling_and_clocks_that_the_owner_set_disturb_nobody(
    fake: Fake, proc: Path, reasons: int
) -> None:
    fake.reasons = reasons
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert watched.sample().throttled == ()
    assert watched.unsupported == set()


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (0x08, "the hardware slows it"),
        (0x10, "it keeps in step with another device"),
        (0x20, "heat slows it (software)"),
        (0x40, "heat slows it (hardware)"),
        (0x80, "the power brake slows it"),
        (0x100, "a display's clocks slow it"),
    ],
)
def test_what_slows_the_device_is_said(fake: Fake, proc: Path, reasons: int, words: str) -> None:
    fake.reasons = reasons | 0x2
    watched = guard(fake, proc)
    assert watched.disturbance() == words
    assert watched.sample().throttled == (words,)


def test_the_power_cap_is_noted_but_part_of_honest_time(fake: Fake, proc: Path) -> None:
    fake.reasons = 0x4
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert watched.sample().throttled == ("the power cap slows it",)


def test_a_reason_that_nobody_knows_is_noted_and_not_taken_for_slowness(
    fake: Fake, proc: Path
) -> None:
    fake.reasons = 0x400
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert watched.unsupported == {"clock reasons 0x400"}


def test_the_bits_are_the_librarys_own() -> None:
    pynvml = pytest.importorskip("pynvml")
    names = {
        "SwPowerCap": 0x4,
        "HwSlowdown": 0x8,
        "SyncBoost": 0x10,
        "SwThermalSlowdown": 0x20,
        "HwThermalSlowdown": 0x40,
        "HwPowerBrakeSlowdown": 0x80,
        "DisplayClockSetting": 0x100,
    }
    assert {getattr(pynvml, f"nvmlClocksEventReason{name}") for name in names} == set(nvml.SLOWED)
    assert pynvml.nvmlClocksEventReasonGpuIdle == 0x1
    assert pynvml.nvmlClocksEventReasonApplicationsClocksSetting == 0x2
    for name in (*re.findall(r'"(nvml[A-Z]\w+)"', inspect.getsource(nvml)), "nvmlInit"):
        assert hasattr(pynvml, name), name


def test_own_processes_and_the_mps_server_are_not_foreign(fake: Fake, proc: Path) -> None:
    fake.pids = [OURS, SERVER, os.getpid()]
    watched = guard(fake, proc, OURS, SERVER)
    assert watched.disturbance() == ""
    assert watched.unsupported == set()


def test_a_foreign_process_is_named(fake: Fake, proc: Path) -> None:
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    fake.pids = [OURS, FOREIGN]
    assert watched.sample().others == (FOREIGN,)
    assert watched.disturbance() == f"process {FOREIGN} uses the device too"
    fake.pids = [OURS]
    assert watched.disturbance() == ""
    assert watched.unsupported == set()


@pytest.mark.parametrize("pid", [BEHIND, 77])
def test_a_number_of_another_namespace_is_noted_not_blamed(
    fake: Fake, proc: Path, pid: int
) -> None:
    """Nobody has the number here, or somebody who holds no device open."""
    fake.pids = [OURS, pid]
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert watched.sample().others == ()
    assert watched.unsupported == {"processes of another namespace"}


def test_a_process_that_may_not_be_looked_into_is_foreign(
    fake: Fake, proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(path)

    fake.pids = [OURS, FOREIGN]
    watched = guard(fake, proc)
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert watched.disturbance() == f"process {FOREIGN} uses the device too"


@pytest.mark.parametrize("pids", [[], [BEHIND]])
def test_a_list_that_lacks_ourselves_proves_nobodys_absence(
    fake: Fake, proc: Path, pids: list[int]
) -> None:
    fake.pids = pids
    watched = guard(fake, proc)
    assert watched.disturbance() == ""
    assert "processes of ours are not listed" in watched.unsupported


@pytest.mark.parametrize("refused", ["nvmlInit", "nvmlDeviceGetCount"])
def test_a_library_that_does_not_work_is_unavailable(fake: Fake, proc: Path, refused: str) -> None:
    fake.refuses = {refused}
    with pytest.raises(NvmlUnavailable):
        guard(fake, proc)


def test_nothing_here_changes_a_setting() -> None:
    source = Path(nvml.__file__).read_text()
    assert "nvmlDeviceSet" not in source
    assert "Reset" not in source
