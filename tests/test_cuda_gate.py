"""The gate on a CUDA device, held by threads: what a worker can and can't do round its window."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cuda_fake import FakeDriver, FakeWorker, a_device

from integrity.errors import BadInput, CannotJudge
from integrity.supervision.apart import ChildDied, apart
from integrity.supervision.buffers import Buffers
from integrity.supervision.cuda import gate as gates
from integrity.supervision.cuda.gate import CudaGate
from integrity.supervision.cuda.platform import cuda_platform
from integrity.supervision.memory import Tensor
from integrity.supervision.workers import WorkerDied, WorkerRaised

COUNT = 4096
VALUES = np.random.default_rng(3).standard_normal(COUNT).astype(np.float32)


class Stage:
    """One worker's buffers and gate, filled for a call that doubles its input."""

    def __init__(self, warms: bool = False) -> None:
        self.driver, device = a_device()
        tensor = [Tensor((COUNT,), "float32")]
        self.inputs, self.outputs = (Buffers(device, tensor, 1) for _ in range(2))
        self.gate = device.gate(warms)
        self.fill()

    def fill(self) -> None:
        self.outputs.poison()
        self.inputs.poison_guards()
        self.inputs.write([[VALUES.view(np.uint8)]])

    def seen(self, buffers: Buffers) -> np.ndarray:
        place = buffers.slots[0][0].place
        return buffers.block.bytes[place].view(np.float32)

    def double(self) -> None:
        self.seen(self.outputs)[:] = 2 * self.seen(self.inputs)

    def worker(self, work: Callable[[], None] | None = None, number: int = 1) -> FakeWorker:
        return FakeWorker(self.driver, self.gate, work or self.double, number)

    def answer(self) -> np.ndarray:
        return self.outputs.outputs()[0][0].view(np.float32)


def test_an_honest_call_is_right_and_stays_frozen_through_its_window() -> None:
    stage = Stage()
    worker = stage.worker()
    worker.start()
    passage = stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5)
    assert passage is not None
    assert np.array_equal(stage.answer(), 2 * VALUES)
    assert worker.tree.log == []
    assert (stage.outputs.late_bytes(), stage.outputs.guard_bytes()) == (0, 0)
    assert stage.inputs.changed_tensors() == ()
    assert stage.outputs.untouched_shares() == [0.0]


def test_calls_follow_one_another_through_the_same_gate() -> None:
    stage = Stage()
    for number in range(1, 6):
        stage.fill()
        worker = stage.worker(number=number)
        worker.start()
        passage = stage.gate.call(number, worker.subject(), stage.inputs, stage.outputs, 5)
        assert passage is not None
        assert np.array_equal(stage.answer(), 2 * VALUES)
    assert stage.driver.flushes == 5


def test_work_done_before_the_gate_opens_is_done_on_wrong_bytes() -> None:
    stage = Stage()
    early: list[np.ndarray] = []
    flush = stage.driver.flush

    def just_before() -> None:
        flush()
        early.append(2 * stage.seen(stage.inputs))

    stage.driver.flush = just_before  # type: ignore[method-assign]
    worker = stage.worker(lambda: np.copyto(stage.seen(stage.outputs), early[0]))
    worker.start()
    assert stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5) is not None
    wrong = stage.answer() != 2 * VALUES
    assert 100 < wrong.sum() < COUNT / 2
    assert np.array_equal(stage.seen(stage.inputs), VALUES)


def test_done_before_the_work_leaves_poison_or_late_bytes() -> None:
    stage = Stage()
    worker = stage.worker(lambda: None)
    worker.start()
    assert stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5) is not None
    assert stage.outputs.untouched_shares() == [1.0]
    stage.double()
    assert stage.outputs.late_bytes() > COUNT


def test_done_said_before_the_gate_opened_counts_for_nothing() -> None:
    stage = Stage()
    worker = stage.worker()
    worker.done[0] = 1
    began = time.monotonic()
    worker.tells = False
    worker.start()
    assert stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 0.3) is None
    assert time.monotonic() - began >= 0.3


def test_a_worker_that_needs_its_host_is_thawed_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "_FROZEN_S", 0.05)
    stage = Stage()
    for number in range(1, 5):
        worker = stage.worker(number=number)
        worker.needs_host = True
        worker.start()
        passage = stage.gate.call(number, worker.subject(), stage.inputs, stage.outputs, 5)
        assert passage is not None
        assert passage.thawed
        assert worker.tree.log == ["thaw", "freeze"]
        assert passage.elapsed_us >= 15_000


def test_the_gate_opens_for_a_worker_that_never_says_it_is_ready() -> None:
    stage = Stage()
    worker = stage.worker()
    worker.start()
    subject = worker.subject(armed=False)
    passage = stage.gate.call(1, subject, stage.inputs, stage.outputs, 5)
    assert passage is not None
    assert np.array_equal(stage.answer(), 2 * VALUES)
    assert worker.tree.log == ["freeze"]


def test_patience_is_short_for_whoever_never_gets_ready() -> None:
    stage = Stage()
    first = stage.gate.patience(60)
    for number in range(1, 5):
        worker = stage.worker(number=number)
        worker.start()
        stage.gate.call(number, worker.subject(armed=False), stage.inputs, stage.outputs, 5)
    assert stage.gate.patience(60) < 0.1
    assert first < 1
    assert stage.gate.patience(0.001) == 0.001


def test_a_worker_that_says_done_without_a_word_in_the_page_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "_FROZEN_S", 0.05)
    stage = Stage()
    worker = stage.worker(lambda: None)
    worker.tells = False
    worker.says = [True]
    worker.start()
    began = time.monotonic()
    assert stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 20) is None
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("error", [WorkerRaised("ValueError: no", ""), WorkerDied("was killed")])
def test_what_a_worker_dies_of_inside_its_window_is_passed_on(error: Exception) -> None:
    stage = Stage()
    worker = stage.worker()
    worker.says = [error]
    subject = worker.subject(armed=False)
    with pytest.raises(type(error)):
        stage.gate.call(1, subject, stage.inputs, stage.outputs, 5)


def test_a_nulls_output_is_warmed_before_the_clock_starts() -> None:
    stage = Stage(warms=True)
    worker = stage.worker()
    worker.start()
    import threading

    threading.Thread(target=worker.prelude, daemon=True).start()
    settle, waited = stage.driver.settle, []
    stage.driver.settle = lambda: (waited.append(time.perf_counter()), settle())[1]  # type: ignore[method-assign]
    passage = stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5)
    assert passage is not None
    assert passage.elapsed_us < 15_000
    assert waited


def test_a_lost_device_is_raised_and_closing_survives_it() -> None:
    stage = Stage()
    worker = stage.worker()
    stage.driver.lost = True
    with pytest.raises(stage.driver.losses):
        stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5)
    stage.gate.release_all()


def test_release_lets_a_waiting_worker_go() -> None:
    stage = Stage()
    worker = stage.worker()
    thread = worker.start()
    stage.gate.release_all()
    thread.join(5)
    assert not thread.is_alive()


def test_closing_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    gate = CudaGate(FakeDriver(), warms=False)
    assert len(os.listdir("/proc/self/fd")) > before
    gate.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_disturbed_device_is_written_down() -> None:
    stage = Stage()
    stage.gate = CudaGate(stage.driver, False, lambda: "heat slows it (hardware)")
    worker = stage.worker()
    worker.start()
    passage = stage.gate.call(1, worker.subject(), stage.inputs, stage.outputs, 5)
    assert passage is not None
    assert passage.disturbance == "heat slows it (hardware)"


# -- a process apart -------------------------------------------------------------------------


def test_what_is_done_apart_comes_back() -> None:
    assert apart(lambda: os.urandom(1 << 22)[:0] + b"x" * (1 << 22)) == b"x" * (1 << 22)


@pytest.mark.parametrize("error", [CannotJudge("no memory"), BadInput("no such thing")])
def test_refusals_come_back_as_they_are(error: Exception) -> None:
    def refuse() -> int:
        raise error

    with pytest.raises(type(error), match=str(error)):
        apart(refuse)


def test_a_bug_comes_back_with_its_trace() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        apart(lambda: 1 // 0)


def test_a_child_that_leaves_is_no_result() -> None:
    def leave() -> int:
        os._exit(3)

    with pytest.raises(ChildDied, match="ended with exit status 3"):
        apart(leave)


# -- the machine as workers need it ----------------------------------------------------------


def test_a_machine_without_a_device_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()
    with pytest.raises(BadInput, match="use --level cpu"):
        cuda_platform(tmp_path)


def test_workers_get_the_nodes_they_need_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps", "sda"):
        (tmp_path / name).touch()
    driver, other = tmp_path / "driver", tmp_path / "other"
    for folder in (driver, other):
        folder.mkdir()
    (driver / "libcuda.so.1").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{other}:{driver}")
    monkeypatch.setenv("SECRET", "x")
    platform = cuda_platform(tmp_path)
    names = {Path(node).name for node in platform.nodes}
    assert names == {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"}
    assert platform.environment["LD_LIBRARY_PATH"] == str(driver)
    assert "SECRET" not in platform.environment


def test_compilers_elsewhere_can_be_read_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia0").touch()
    nvcc = tmp_path / "cuda" / "bin" / "nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.touch(0o755)
    monkeypatch.setenv("PATH", f"{nvcc.parent}:/usr/bin")
    platform = cuda_platform(tmp_path)
    assert str(nvcc.parent) in platform.path
    assert str(tmp_path / "cuda") in platform.tools
