"""The gate on a CUDA device, before a driver that is played on the host."""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fake_cuda import VECTOR, FakeDriver, Lane
from fake_worker import INPUTS, OWN, FakeWorker, Values, honest

from integrity.supervision.backend import Passage
from integrity.supervision.memory import HostBlock
from integrity.supervision.whereabouts import Unreadable


@pytest.fixture(autouse=True)
def hands_over_quickly() -> Iterator[None]:
    """The gate polls, and here the worker is a thread of the same interpreter."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


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


def passed(passage: Passage | None) -> Passage:
    assert passage is not None
    return passage


def right(lane: Lane) -> bool:
    return all(np.array_equal(y, 2 * x + 1) for x, y in zip(lane.xs, lane.snapshot(), strict=True))


def test_an_honest_call_is_right_and_leaves_no_trace(lane: Lane) -> None:
    passage = passed(lane.call())
    assert right(lane)
    assert passage.elapsed_us > 0
    assert (passage.disturbance, passage.thawed) == ("", False)
    assert lane.outputs.late_bytes() == 0
    assert lane.inputs.guard_bytes() == 0
    assert lane.inputs.changed_tensors() == ()


def test_the_same_gate_serves_one_call_after_another(lane: Lane) -> None:
    for number in range(1, 6):
        passed(lane.call())
        assert lane.number == number
        assert right(lane)
        assert lane.outputs.late_bytes() == 0


def test_calls_that_share_a_window_each_get_their_own_inputs(driver: FakeDriver) -> None:
    with contextlib.closing(Lane(driver, slots=3)) as wide:
        passed(wide.call())
        assert len({x.tobytes() for x in wide.xs}) == 3
        assert right(wide)


def test_inputs_are_wrong_at_some_places_until_the_gate_opens(lane: Lane) -> None:
    before: list[Values] = []
    lane.driver.at_flush = lambda: before.append(lane.worker.read())
    after: list[Values] = []

    def reads(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        after.append(worker.read())
        worker.say_done(number)

    passed(lane.call(reads))
    [x] = lane.xs
    wrong = (before[0].view(np.uint8) != x.view(np.uint8)).sum()
    assert 100 < wrong <= 2048
    assert np.array_equal(after[0], x)
    assert lane.inputs.changed_tensors() == ()


def test_who_starts_before_the_gate_computes_on_wrong_bytes(lane: Lane) -> None:
    taken: list[Values] = []
    lane.driver.at_flush = lambda: taken.append(lane.worker.read())

    def early(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.write(2 * taken[0] + 1)
        worker.say_done(number)

    passed(lane.call(early))
    assert not right(lane)


def test_other_bytes_are_veiled_in_every_call(lane: Lane) -> None:
    taken: list[Values] = []
    lane.driver.at_flush = lambda: taken.append(lane.worker.read())
    places = []
    for _ in range(3):
        passed(lane.call())
        changed = np.flatnonzero(taken[-1].view(np.uint8) != lane.xs[0].view(np.uint8))
        places.append(changed.tobytes())
    assert len(set(places)) == 3


def test_a_done_before_the_output_is_caught_by_the_glimpse(lane: Lane) -> None:
    """By the time of the snapshot the output is there, and stays."""
    lane.driver.at_close = lane.worker.compute

    def hasty(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.say_done(number)

    passed(lane.call(hasty))
    assert right(lane)
    assert lane.outputs.late_bytes() > 500


def test_an_output_that_changes_after_the_snapshot_is_late(lane: Lane) -> None:
    def hasty(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.say_done(number)

    passed(lane.call(hasty))
    lane.worker.compute()
    assert lane.outputs.late_bytes() > 16_000
    assert not right(lane)


def test_a_done_said_before_the_gate_opened_counts_for_nothing(lane: Lane) -> None:
    lane.driver.at_flush = lambda: lane.worker.say_done(1)
    assert lane.call(lambda worker, number: None, timeout_s=0.1) is None


def test_a_done_of_the_call_before_counts_for_nothing(lane: Lane) -> None:
    passed(lane.call())

    def repeats(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.say_done(number - 1)

    assert lane.call(repeats, timeout_s=0.1) is None


def test_the_time_is_what_lies_between_the_stamps() -> None:
    driver = FakeDriver(clock=iter([1_000_000, 1_250_500]).__next__)
    with contextlib.closing(Lane(driver)) as lane:
        assert passed(lane.call()).elapsed_us == 250.5
    driver.stop()


def test_inputs_and_poison_are_there_before_the_cache_is_flushed(lane: Lane) -> None:
    passed(lane.call())
    assert lane.driver.order == ["flush", "open", "close"]


def test_what_disturbed_the_call_is_passed_on(driver: FakeDriver) -> None:
    with contextlib.closing(Lane(driver, disturbance=lambda: "heat slows it")) as lane:
        assert passed(lane.call()).disturbance == "heat slows it"


def test_the_collector_rests_only_inside_the_window(lane: Lane) -> None:
    inside: list[bool] = []

    def asks(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        inside.append(gc.isenabled())
        honest(worker, number)

    passed(lane.call(asks))
    assert inside == [False]
    assert gc.isenabled()
    assert lane.call(lambda worker, number: None, timeout_s=0.05) is None
    assert gc.isenabled()


def test_an_armed_worker_stays_frozen_through_a_short_window(lane: Lane) -> None:
    def slow(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        time.sleep(0.1)
        honest(worker, number)

    assert not passed(lane.call(slow)).thawed
    assert (lane.worker.tree.thaws, lane.worker.tree.freezes) == (0, 0)


def needs_its_host(worker: FakeWorker, number: int) -> None:
    """A host callback in the stream."""
    worker.await_gate(number)
    worker.await_that(worker.tree.running.is_set)
    honest(worker, number)


def test_an_armed_worker_that_needs_its_host_is_thawed_and_frozen_again(lane: Lane) -> None:
    passage = passed(lane.call(needs_its_host))
    assert passage.thawed
    assert passage.elapsed_us > 400_000
    assert right(lane)
    assert (lane.worker.tree.thaws, lane.worker.tree.freezes) == (1, 1)


def test_who_needed_its_host_several_times_is_thawed_soon(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrity.supervision.cuda.gate._FROZEN_S", 0.3)
    took_us = [passed(lane.call(needs_its_host)).elapsed_us for _ in range(4)]
    assert min(took_us[:3]) > 290_000
    assert took_us[3] < 250_000


def test_a_worker_that_is_not_armed_runs_through_its_window(lane: Lane) -> None:
    passage = passed(lane.call(armed=False))
    assert not passage.thawed
    assert right(lane)
    assert (lane.worker.tree.thaws, lane.worker.tree.freezes) == (0, 1)


def test_a_worker_is_given_less_time_to_arm_once_it_has_missed_it_often(lane: Lane) -> None:
    assert lane.gate.patience(10) == 0.05
    passed(lane.call(armed=False))
    assert lane.gate.patience(10) == 0.25
    for _ in range(2):
        passed(lane.call(armed=False))
    assert lane.gate.patience(10) == 0.02


def test_a_worker_that_arms_keeps_its_time_to_arm(lane: Lane) -> None:
    for _ in range(5):
        passed(lane.call())
    assert lane.gate.patience(10) == 0.25


def test_nobody_is_waited_for_beyond_the_time_out(lane: Lane) -> None:
    assert lane.gate.patience(0.01) == 0.01
    start = time.monotonic()
    assert lane.call(lambda worker, number: None, timeout_s=0.1) is None
    assert 0.1 <= time.monotonic() - start < 2
    assert lane.worker.tree.thaws == 0


def test_a_worker_that_only_says_that_it_is_done_is_given_up_soon(lane: Lane) -> None:
    def talks(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.over = True

    start = time.monotonic()
    assert lane.call(talks, armed=False, timeout_s=60) is None
    assert time.monotonic() - start < 2


def test_a_word_that_comes_right_after_the_message_is_in_time(lane: Lane) -> None:
    def talks_first(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.over = True
        time.sleep(0.1)
        honest(worker, number)

    passed(lane.call(talks_first, armed=False))
    assert right(lane)


def test_an_output_may_be_the_input(lane: Lane) -> None:
    """Kernels that write where they are told return what they were given."""

    def in_place(worker: FakeWorker, number: int) -> None:
        worker.tell_of(0, INPUTS + lane.inputs.slots[0][0].offset)
        worker.await_gate(number)
        worker.say_done(number)

    passed(lane.call(in_place, armed=False))
    assert np.array_equal(lane.snapshot()[0], lane.xs[0])


def test_an_output_is_read_by_its_strides(lane: Lane) -> None:
    def spread(worker: FakeWorker, number: int) -> None:
        worker.await_gate(number)
        worker.own.bytes[64 : 64 + 8 * 4096 : 4] = 0
        worker.own.bytes.view(np.float32)[16 : 16 + 2 * 4096 : 2] = 2 * worker.read() + 1
        worker.tell_of(0, OWN + 64, stride=2)
        worker.say_done(number)

    passed(lane.call(spread, armed=False))
    assert right(lane)
    assert lane.outputs.late_bytes() == 0


@pytest.mark.parametrize(
    ("address", "stride", "why"),
    [
        (OWN + (1 << 18) - 4, 1, "not passed on"),
        (0, 1, "not passed on"),
        (-(1 << 62), 1, "not passed on"),
        (OWN, -1, "negative strides"),
        (OWN, 1 << 40, "spread too far"),
    ],
)
def test_an_output_that_is_nowhere_can_not_be_read(
    lane: Lane, address: int, stride: int, why: str
) -> None:
    def lies(worker: FakeWorker, number: int) -> None:
        worker.tell_of(0, address, stride)
        worker.await_gate(number)
        worker.say_done(number)

    with pytest.raises(Unreadable, match=why):
        lane.call(lies, armed=False, timeout_s=0.2)


def test_what_it_says_after_done_counts_for_nothing(lane: Lane) -> None:
    other = OWN + 64 + VECTOR.size_bytes
    lane.driver.at_close = lambda: lane.worker.tell_of(0, other)
    passed(lane.call(armed=False))
    assert right(lane)


def test_memory_that_is_lent_only_after_done_makes_no_time(driver: FakeDriver) -> None:
    """It could be finished while the memory is mapped, unseen by the glimpse."""
    with contextlib.closing(Lane(driver, lends=False)) as lane:
        listened: list[bool] = []

        def lends_late() -> bool:
            lane.outputs.learn(*lane.worker.lent())
            listened.append(True)
            return True

        lane.worker.listen = lends_late  # type: ignore[method-assign]
        assert passed(lane.call(armed=False)).disturbance == (
            "its output lay in memory that was new at done"
        )
        assert listened and right(lane)
        assert lane.outputs.late_bytes() == 0
        assert passed(lane.call(armed=False)).disturbance == ""


@pytest.mark.parametrize("lent", [["it"], [[OWN]], [[OWN, -1]], [[-1, 4096]], [[OWN, 1 << 40]]])
def test_what_is_lent_has_to_be_memory(lane: Lane, lent: list[Any]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Unreadable, match="lent"):
        lane.outputs.learn({"lent": lent}, [os.dup(lane.worker.own.descriptor)])
    assert len(os.listdir("/proc/self/fd")) == before


def test_inputs_that_are_nowhere_are_nowhere(lane: Lane) -> None:
    for base in (-1, 1 << 70):
        lane.outputs.learn({"inputs_at": base}, [])
    passed(lane.call())
    assert right(lane)


def test_memory_that_is_lent_anew_takes_the_place_of_the_old(lane: Lane) -> None:
    passed(lane.call())
    with contextlib.closing(HostBlock(1 << 18)) as new:
        new.bytes[:] = 7
        lane.outputs.learn({"lent": [[OWN, new.size_bytes]]}, [os.dup(new.descriptor)])
        lane.outputs.first_snapshot()
        assert set(lane.snapshot()[0].view(np.uint8)) == {7}
