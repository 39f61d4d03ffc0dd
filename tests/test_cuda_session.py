"""How calls on a CUDA device end other than well, and a session around them."""

import contextlib
import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_cuda import VECTOR, FakeDriver, Lane, Lost, fake_device
from fake_worker import INPUTS, NAP_S, FakeWorker, Script, Values, honest

from integrity.run import Call, Inputs, Role
from integrity.supervision.endings import WorkerDied, WorkerRaised, timed_out
from integrity.supervision.memory import Tensor
from integrity.supervision.session import Ended, Session, Turn


@pytest.fixture
def driver() -> Iterator[FakeDriver]:
    played = FakeDriver()
    yield played
    played.stop()


@pytest.fixture
def lane(driver: FakeDriver) -> Iterator[Lane]:
    opened = Lane(driver)
    yield opened
    opened.close()


def silent(worker: FakeWorker, number: int) -> None:
    """Nothing is enqueued, nothing said."""


@pytest.mark.parametrize("armed", [False, True])
@pytest.mark.parametrize(
    "ending", [WorkerRaised("ValueError: not today", ""), WorkerDied("was killed by SIGSEGV")]
)
def test_how_a_worker_ended_is_passed_on(lane: Lane, ending: Exception, armed: bool) -> None:
    lane.worker.raises = ending
    try:
        lane.call(silent, armed)
    except (WorkerDied, WorkerRaised) as error:
        raised = error.with_traceback(None)
    assert raised is ending
    assert gc.isenabled()


def test_how_a_worker_ended_is_passed_on_past_the_closing_of_its_gate(driver: FakeDriver) -> None:
    """As past a session's, where it was the reference's worker."""
    with pytest.raises(WorkerDied, match="SIGSEGV"), contextlib.ExitStack() as stack:
        lane = Lane(driver)
        lane.worker.raises = WorkerDied("was killed by SIGSEGV")
        stack.callback(lane.close)
        lane.call(silent, armed=False)


def test_whoever_waits_is_let_go_when_the_end_comes(lane: Lane) -> None:
    gone: list[int] = []

    def waits(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        gone.append(number)

    lane.worker.start(7, waits, armed=True)
    time.sleep(0.02)
    assert gone == []
    lane.gate.release_all()
    limit = time.monotonic() + 10
    while not lane.worker.ended() and time.monotonic() < limit:
        time.sleep(NAP_S)
    assert gone == [7]


def test_a_lost_device_is_told_by_the_call_and_by_nothing_after_it(lane: Lane) -> None:
    lane.driver.at_flush = lane.driver.fail
    with pytest.raises(Lost):
        lane.call()
    lane.gate.release_all()


def test_a_closed_gate_leaves_no_descriptor_behind(driver: FakeDriver) -> None:
    gc.collect()  # other tests' memory goes now, not amid this one
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with contextlib.closing(Lane(driver)) as lane:
            assert lane.call() is not None
            assert lane.call(silent, timeout_s=0.05) is None
            assert len(os.listdir("/proc/self/fd")) > before
    assert len(os.listdir("/proc/self/fd")) == before


class Spoken(FakeWorker):
    """The same as a session talks to it."""

    pid = 0

    def __init__(self, script: Script, arms: bool) -> None:
        super().__init__()
        self.script, self.arms = script, arms
        self.unsaid: list[dict[str, Any]] = []
        self.alive = self.lends = True
        self.loading = False

    def ask(
        self, message: dict[str, Any], timeout_s: float, descriptors: Sequence[int] = ()
    ) -> dict[str, Any]:
        if message["do"] == "map":
            slots = [
                (_tensor(each["inputs"]), _tensor(each["outputs"])) for each in message["slots"]
            ]
            self.attach(descriptors, message["sizes"], slots)
            self.lends = True
            return {"mapped": True, "inputs_at": INPUTS}
        return {}

    def tell(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        if message["do"] == "load":
            self.loading = True
            return
        number = message["k"]
        if self.arms:
            self.tell_all()
        self.unsaid = [{"armed": number}, {"done": number, "elapsed_us": 1.5}]
        self.start(number, self.script, armed=False)

    def has_spoken(self, within_s: float = 0.0) -> bool:
        limit = time.monotonic() + within_s
        while not self._speaks() and time.monotonic() < limit:
            time.sleep(NAP_S)
        return self._speaks()

    def _speaks(self) -> bool:
        if not self.unsaid or not self.alive:
            return False
        return self.ended() or (self.arms and len(self.unsaid) == 2)

    def hear_with(self, timeout_s: float) -> tuple[dict[str, Any], list[int]]:
        if self.loading:
            self.loading = False
            return {"loaded": True}, []
        if not self.has_spoken(timeout_s):
            raise timed_out(timeout_s)
        if self.raises is not None:
            raise self.raises
        if self.lends:
            self.lends = False
            return self.lent()
        return self.unsaid.pop(0), []

    def hear(self, timeout_s: float) -> dict[str, Any]:
        return self.hear_with(timeout_s)[0]

    def end(self) -> None:
        self.alive = False
        super().end()


def _tensor(layouts: list[dict[str, Any]]) -> Tensor:
    [layout] = layouts
    return Tensor(tuple(layout["shape"]), layout["dtype"], layout["offset"])


X: Values = np.linspace(-1, 1, 4096, dtype=np.float32)


@contextlib.contextmanager
def session_of(
    driver: FakeDriver, script: Script = honest, arms: bool = True
) -> Iterator[tuple[Session, Spoken]]:
    oracle: Any = SimpleNamespace(spec={}, inputs=(VECTOR,), outputs=(VECTOR,), weights={})
    worker: Any = Spoken(script, arms)
    session = Session(Role.SUBMISSION, worker, fake_device(driver), oracle, 1, read_only=False)
    try:
        session.order({"do": "load"}, ())
        session.load(1.0)
        yield session, worker
    finally:
        session.close()


def turn(session: Session, timeout_s: float = 10.0, fresh_pages: bool = False) -> Turn:
    call = Call((Inputs(0),), fresh_pages=fresh_pages)
    return session.turn(0, call, [[X.copy().view(np.uint8)]], timeout_s)


def output(made: Turn) -> Values:
    [[raw]] = made.outputs
    return raw.view(np.float32)


def test_a_turn_of_an_armed_worker_is_made_behind_a_closed_gate(driver: FakeDriver) -> None:
    with session_of(driver) as (session, worker):
        made = turn(session)
        assert np.array_equal(output(made), 2 * X + 1)
        assert made.observed.late_bytes == made.observed.guard_bytes == 0
        assert made.observed.changed_inputs == ()
        assert not made.observed.open_gate
        assert made.reported.elapsed_us == 1.5
        assert not worker.tree.running.is_set()


def test_a_turn_of_a_worker_that_never_arms_is_marked(driver: FakeDriver) -> None:
    with session_of(driver, arms=False) as (session, worker):
        for _ in range(2):
            made = turn(session)
            assert np.array_equal(output(made), 2 * X + 1)
            assert made.observed.open_gate
            assert not worker.tree.running.is_set()


def test_memory_is_moved_between_turns(driver: FakeDriver) -> None:
    with session_of(driver) as (session, _):
        before = session._inputs.block
        made = turn(session, fresh_pages=True)
        assert session._inputs.block is not before
        assert np.array_equal(output(made), 2 * X + 1)


def test_a_worker_that_raises_in_its_window_is_ended_in_its_words(driver: FakeDriver) -> None:
    with session_of(driver, silent, arms=False) as (session, worker):
        worker.raises = WorkerRaised("ValueError: not today", "")
        assert ending(lambda: turn(session)).death.how == "raised ValueError: not today"
        assert not worker.alive


def test_a_worker_that_never_is_done_timed_out(driver: FakeDriver) -> None:
    def loops(worker: FakeWorker, number: int) -> None:
        worker.await_that(lambda: False)

    with session_of(driver, loops, arms=False) as (session, worker):
        ended = ending(lambda: turn(session, timeout_s=0.2))
        assert ended.death.how == "timed out after 0.2 s"
        assert ended.death.limit_s == 0.2
        assert not worker.alive


def test_a_worker_that_says_done_without_the_word_has_not_timed_out(driver: FakeDriver) -> None:
    """It was given up after half a second; in a small time budget this would be nobody's fault."""
    with session_of(driver, silent, arms=False) as (session, _):
        assert ending(lambda: turn(session)).death.limit_s is None


def test_a_device_lost_in_a_turn_is_told_with_its_worker_ended(driver: FakeDriver) -> None:
    driver.at_flush = driver.fail
    with session_of(driver) as (session, worker):
        ended = ending(lambda: turn(session))
        assert ended.lost
        assert ended.death.how == "faulted on the device: CUDA_ERROR_ILLEGAL_ADDRESS"
        assert not worker.alive


def test_at_no_moment_before_the_gate_opens_are_the_inputs_all_right(driver: FakeDriver) -> None:
    """A kernel that is on the device already may copy them whenever it likes."""
    right = X.tobytes()
    with session_of(driver) as (session, _):
        place, block = session._inputs.slots[0][0].place, session._inputs.block
        exposed: list[bool] = []

        def look() -> None:
            if driver.stamps[0] == 0:
                exposed.append(block.bytes[place].tobytes() == right)

        after_each_write(block, look)
        turn(session)
        assert exposed
        assert not any(exposed)


def after_each_write(block: Any, look: Callable[[], None]) -> None:
    class Watched(np.ndarray[Any, Any]):
        def __setitem__(self, where: Any, value: Any) -> None:
            super().__setitem__(where, value)
            look()

    block.bytes = block.bytes.view(Watched)


def ending(work: Callable[[], object]) -> Ended:
    """Without its trace, whose frames hold memory that is about to be given back."""
    try:
        work()
    except Ended as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    raise AssertionError("it did not end")
