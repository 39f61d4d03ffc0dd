"""The gate on a CUDA device: words in shared device memory, stamps of the device's own timer."""

import contextlib
import time
from dataclasses import dataclass

from integrity.supervision.backend import Passage, Subject
from integrity.supervision.buffers import Buffers
from integrity.supervision.cuda.driver import Allocation, Driver
from integrity.supervision.workers import Worker, WorkerDied, WorkerRaised
from integrity.worker.gate_words import DONE, GATE, PING, PONG, PRELUDE, PREPARED

_FIRST_PATIENCE_S = 0.05
_PATIENCE_S = 0.25
_SHORT_PATIENCE_S = 0.02
_FROZEN_S = 0.5
"""A window that lasts longer than this behind a frozen host may need that host: thaw it."""

_NAP_S = 20e-6
_SPIN_S = 0.01
_LAST = 0x7FFFFFFF
_PINGS, _MEET_S = 5, 30.0


@dataclass(slots=True)
class _Habits:
    """What this worker was seen to need: it decides how long arming it is waited for."""

    calls: int = 0
    missed: int = 0
    thawed: int = 0


class CudaGate:
    """One worker's gate.

    Closed: the worker has enqueued everything and its host is frozen before the inputs exist, so
    nothing but what is enqueued can happen in the window. A worker that has to see its inputs on
    the host never gets that far; then the gate opens while it runs, and its host's time counts.
    """

    def __init__(self, driver: Driver, warms: bool) -> None:
        self._driver = driver
        self._warms = warms
        self._habits = _Habits()
        self.block: Allocation = driver.allocate(4096)
        self.block.bytes.fill(0)
        driver.settle()
        self._lane = 0

    def meet(self, worker: Worker) -> None:
        """Find the stream of ours that is out of this worker's way, while it holds nothing foreign.

        A worker's streams stay on their queue, so this is settled once.
        """
        message = {"do": "gate", "bytes": self.block.size_bytes}
        worker.ask(message, _MEET_S, [self.block.descriptor])
        number = 0
        shortest: list[float] = []
        for lane in range(self._driver.lanes):
            self._driver.take(lane)
            times = []
            for _ in range(_PINGS):
                number += 1
                times.append(self._ping(worker, number))
            shortest.append(min(times[1:]))
        self._lane = shortest.index(min(shortest))

    def _ping(self, worker: Worker, number: int) -> float:
        """What the way there and back takes, in us."""
        worker.ask({"do": "ping", "k": number}, _MEET_S)
        driver, words, nothing = self._driver, self.block, self.block.bytes[:0]
        places = nothing.astype("i8")
        driver.hold()
        driver.unveil(words.bytes, places, nothing, words.address + PING, number)
        driver.wait(words.address + PONG, number)
        driver.glimpse(words.bytes, places, nothing)
        while not driver.reached_hold():
            pass
        driver.go()
        driver.settle()
        worker.hear(_MEET_S)
        return driver.elapsed_us()

    def patience(self, timeout_s: float) -> float:
        habits = self._habits
        if habits.calls == 0:  # the first call compiles, tunes and captures
            return min(_FIRST_PATIENCE_S, timeout_s)
        return min(_SHORT_PATIENCE_S if habits.missed > 2 else _PATIENCE_S, timeout_s)

    def call(
        self, number: int, subject: Subject, inputs: Buffers, outputs: Buffers, timeout_s: float
    ) -> Passage | None:
        self._habits.calls += 1
        self._habits.missed += not subject.armed
        self._driver.take(self._lane)
        self._enqueue(number, inputs, outputs)
        try:
            thawed = self._open(subject, time.monotonic() + timeout_s)
        except (WorkerDied, WorkerRaised):
            self._give_up()
            raise
        if thawed is None:
            self._give_up()
            return None
        if not subject.armed or thawed:
            subject.tree.freeze()
        return Passage(self._driver.elapsed_us(), thawed=thawed)

    def _open(self, subject: Subject, limit: float) -> bool | None:
        while not self._driver.reached_hold():
            if time.monotonic() > limit:
                return None
        self._driver.go()
        return self._await_done(subject, limit)

    def _enqueue(self, number: int, inputs: Buffers, outputs: Buffers) -> None:
        """The whole window, so that no host of ours has a part in it."""
        driver, words = self._driver, self.block.address
        places, right = inputs.veil()
        looked_at, seen = outputs.look_at()
        driver.flush()
        if self._warms:
            driver.write(words + PRELUDE, number)
            driver.wait(words + PREPARED, number)
        driver.hold()
        driver.unveil(inputs.block.bytes, places, right, words + GATE, number)
        driver.wait(words + DONE, number)
        driver.glimpse(outputs.block.bytes, looked_at, seen)
        outputs.first_snapshot()

    def _await_done(self, subject: Subject, limit: float) -> bool | None:
        """Whether the host had to be thawed; None where it ended, or the time is up."""
        start = time.monotonic()
        thawed = False
        while not self._driver.idle():
            now = time.monotonic()
            if now < start + _SPIN_S:
                continue
            time.sleep(_NAP_S)
            if subject.armed and not thawed and now > start + self._frozen_s():
                subject.tree.thaw()
                thawed = True
                self._habits.thawed += 1
            if (thawed or not subject.armed) and subject.listen():
                limit = min(limit, now + _FROZEN_S)  # it says that it is done: then it is soon
            if now > limit:
                return None
        return thawed

    def _frozen_s(self) -> float:
        return _SHORT_PATIENCE_S if self._habits.thawed > 2 else _FROZEN_S

    def _give_up(self) -> None:
        """Take our own stream out of the wait."""
        self.release_all()
        until = time.monotonic() + 2.0
        while not self._driver.idle() and time.monotonic() < until:
            time.sleep(_NAP_S)

    def release_all(self) -> None:
        with contextlib.suppress(*self._driver.losses):  # then nobody waits any more
            self._driver.go()
            for word in (GATE, DONE, PRELUDE, PREPARED, PING, PONG):
                self._driver.overrule(self.block.address + word, _LAST)

    def close(self) -> None:
        self.block.close()
