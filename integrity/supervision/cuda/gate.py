"""The gate on a CUDA device: words in shared device memory, stamps of the device's own timer."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from integrity.supervision.backend import Passage, Subject
from integrity.supervision.buffers import Buffers
from integrity.supervision.cuda.driver import Driver
from integrity.supervision.cuda.returned import CudaReturned
from integrity.supervision.memory import Block, HostBlock
from integrity.worker.gate_words import DONE, GATE

_FIRST_PATIENCE_S = 0.05
_PATIENCE_S = 0.25
_SHORT_PATIENCE_S = 0.02
_FROZEN_S = 0.5
"""A window that lasts longer than this behind a frozen host may need that host: thaw it."""

_BLIND = "its output lay in memory that was new at done"
_NAP_S = 20e-6
_SPIN_S = 0.01
_LAST = 0x7FFFFFFF


@contextlib.contextmanager
def _no_pauses() -> Iterator[None]:
    """The collector would stop the clock's hand for milliseconds."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


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

    Nothing of ours waits on the device inside the window. Streams are served from two queues, and
    a stream that waits holds up what shares its queue by 2 us a launch, under MPS on an H200; which
    queue a stream is on changes with use. So done is a word in the host's memory, polled here; the
    launch of the closing stamp, about 8 us, is part of the fixed cost.
    """

    def __init__(self, driver: Driver, disturbance: Callable[[], str] = lambda: "") -> None:
        self._driver = driver
        self._disturbance = disturbance
        self._habits = _Habits()
        self._words = driver.allocate(4096)
        self._words.bytes.fill(0)
        self._page = HostBlock(4096)
        self._said = self._page.bytes.view(np.uint32)
        self.blocks: tuple[Block, ...] = (self._words, self._page)
        driver.settle()

    def patience(self, timeout_s: float) -> float:
        habits = self._habits
        if habits.calls == 0:  # the first call compiles, tunes and captures
            return min(_FIRST_PATIENCE_S, timeout_s)
        return min(_SHORT_PATIENCE_S if habits.missed > 2 else _PATIENCE_S, timeout_s)

    def call(
        self,
        number: int,
        subject: Subject,
        inputs: Buffers,
        outputs: CudaReturned,
        timeout_s: float,
    ) -> Passage | None:
        self._habits.calls += 1
        self._habits.missed += not subject.armed
        driver, limit = self._driver, time.monotonic() + timeout_s
        places, right = inputs.veiled
        outputs.look_at(subject.armed)
        driver.flush()
        gate = self._words.address + GATE
        opening = driver.opening(inputs.block.bytes, places, right, gate, number)
        closing = driver.closing(outputs.targets, outputs.seen)
        driver.settle()
        with _no_pauses():
            # Said before the gate opened, it was said for nothing.
            self._said[DONE // 4] = 0
            opening()
            thawed = self._await_done(number, subject, limit)
            if thawed is None:
                return None
            if not subject.armed:
                outputs.follow()
            closing()
        blind = outputs.await_lending(subject.listen, min(_FROZEN_S, timeout_s))
        outputs.first_snapshot()
        disturbance = self._disturbance() or (_BLIND if blind else "")
        driver.settle()
        if not subject.armed or thawed:
            subject.tree.freeze()
        return Passage(driver.elapsed_us(), disturbance=disturbance, thawed=thawed)

    def _await_done(self, number: int, subject: Subject, limit: float) -> bool | None:
        """Whether the host had to be thawed; None where it ended, or the time is up."""
        said, start = self._said, time.monotonic()
        thawed = False
        while said[DONE // 4] != number:
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

    def release_all(self) -> None:
        with contextlib.suppress(*self._driver.losses):  # then nobody waits any more
            self._driver.overrule(self._words.address + GATE, _LAST)

    def close(self) -> None:
        self._words.close()
        del self._said
        with contextlib.suppress(BufferError):  # a traceback may still look at the page
            self._page.close()
