"""Work in a child process: what comes back, how it can end, and that nothing is left."""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from integrity.errors import BadInput, CannotJudge
from integrity.run import Experiment, Run
from integrity.supervision.apart import ChildDied, apart
from integrity.supervision.bench import OutOfTime


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """Neither descriptors nor children, however the test ends."""
    before = set(os.listdir("/proc/self/fd"))
    children = children_now()
    yield
    assert set(os.listdir("/proc/self/fd")) <= before
    assert children_now() == children


def children_now() -> set[str]:
    """Zombies too."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work


def test_a_result_comes_back_from_another_process() -> None:
    pid, number = apart(lambda: (os.getpid(), 7))
    assert pid != os.getpid()
    assert number == 7


@pytest.mark.parametrize("result", [None, 0, b"", Run(Experiment("fresh", ()), ())])
def test_any_result_is_told_from_none_at_all(result: object) -> None:
    assert apart(lambda: result) == result


def test_a_large_result_comes_back_whole() -> None:
    size = 50 * 2**20
    assert apart(lambda: b"x" * size) == b"x" * size


def test_what_is_changed_there_is_not_changed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    kept: list[int] = []

    def changes() -> None:
        kept.append(1)
        os.environ["CUDA_MPS_PIPE_DIRECTORY"] = "/tmp/x"

    apart(changes)
    assert kept == []
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ


def test_what_is_at_hand_here_is_at_hand_there() -> None:
    here = ["a list", "that nobody pickles", lambda: 0]
    assert apart(lambda: len(here)) == 3


@pytest.mark.parametrize(
    "error",
    [
        CannotJudge("no reference"),
        BadInput("name a kernel"),
        OutOfTime("3 s were spent"),
        ChildDied("a child's child"),
    ],
)
def test_errors_that_are_no_bugs_come_back_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        apart(raises(error))
    assert type(raised.value) is type(error)
    assert raised.value.args == error.args


def test_the_reason_for_giving_up_survives_a_cause_that_nobody_could_pickle() -> None:
    def work() -> NoReturn:
        try:
            raise OSError(threading.Lock())
        except OSError as error:
            raise CannotJudge("the device was lost") from error

    with pytest.raises(CannotJudge, match="the device was lost"):
        apart(work)


def test_any_other_error_comes_back_with_its_trace() -> None:
    def broken() -> float:
        return 1 / 0

    with pytest.raises(RuntimeError, match=r"(?s)in broken.*ZeroDivisionError: division by zero"):
        apart(broken)


def test_a_result_that_nobody_could_pickle_is_an_error_with_its_trace() -> None:
    with pytest.raises(RuntimeError, match=r"cannot pickle .*lock"):
        apart(threading.Lock)


def test_an_error_that_nobody_could_pickle_comes_back_with_its_trace() -> None:
    class OwnError(Exception):
        def __init__(self, one: object, two: object) -> None:
            super().__init__("said so")

    with pytest.raises(RuntimeError, match="OwnError: said so"):
        apart(raises(OwnError(threading.Lock(), 2)))


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (lambda: os._exit(3), "the supervising process ended with exit status 3"),
        (lambda: os._exit(0), "the supervising process ended with exit status 0"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was killed by signal 9"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "was killed by signal 15"),
        (lambda: sys.exit(0), "ended with exit status 70"),
    ],
    ids=["exits", "exits well", "killed", "terminated", "sys.exit"],
)
def test_a_child_that_ends_without_a_result_died_and_it_says_how(
    end: Callable[[], object], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ChildDied, match=how):
        apart(end)


def test_a_child_that_died_is_evidence_missing_and_no_bug() -> None:
    with pytest.raises(CannotJudge):
        apart(lambda: os._exit(1))


def test_a_child_killed_amid_its_answer_died(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kernel, say, which looks for whoever takes the most memory."""
    open_there = os.fdopen

    class Cut:
        def __init__(self, descriptor: int) -> None:
            self.descriptor = descriptor

        def __enter__(self) -> "Cut":
            return self

        def __exit__(self, *reason: object) -> None: ...

        def write(self, raw: bytes) -> NoReturn:
            os.write(self.descriptor, raw[: len(raw) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

    def cut(descriptor: int, mode: str) -> Any:
        return Cut(descriptor) if mode == "wb" else open_there(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", cut)
    with pytest.raises(ChildDied, match="was killed by signal 9"):
        apart(lambda: list(range(1000)))


def test_the_parents_last_acts_are_not_done_twice(tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    def act() -> None:
        marks.write_text("done")

    atexit.register(act)
    try:
        apart(lambda: None)
    finally:
        atexit.unregister(act)
    assert not marks.exists()


def test_children_follow_one_another_and_nest() -> None:
    pids = [apart(os.getpid) for _ in range(3)]
    assert len(set(pids)) == 3
    assert apart(lambda: apart(lambda: 7)) == 7


def interrupted(after_s: float, work: Callable[[], object]) -> float:
    """Interrupt the parent alone while it waits; how long it took to hear of it."""

    def interrupt() -> None:
        time.sleep(after_s)
        os.kill(os.getpid(), signal.SIGINT)

    start = time.monotonic()
    helper = threading.Thread(target=interrupt)
    helper.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            apart(work)
        return time.monotonic() - start
    finally:
        helper.join()


def test_an_interrupt_leaves_no_child_behind() -> None:
    interrupted(0.1, lambda: time.sleep(0.3))


def test_an_interrupt_leaves_no_child_behind_that_still_has_an_answer() -> None:
    """Nobody reads it: the pipe is broken."""

    def answers() -> bytes:
        time.sleep(0.3)
        return b"x" * 2**20

    interrupted(0.1, answers)


def test_an_interrupt_does_not_wait_for_the_work_to_be_done() -> None:
    """From a keyboard it reaches the child too; `kill -INT` does not."""
    assert interrupted(0.1, lambda: time.sleep(1)) < 0.7


def test_a_child_is_killed_by_the_signal_that_its_parent_unwinds_at() -> None:
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    try:
        with pytest.raises(ChildDied, match="was killed by signal 15"):
            apart(lambda: os.kill(os.getpid(), signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
