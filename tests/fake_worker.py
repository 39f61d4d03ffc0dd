"""A worker on a CUDA device, played by a thread: its side of a call, and what it may do instead."""

import mmap
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from integrity.supervision.backend import Subject
from integrity.supervision.memory import HostBlock, Tensor
from integrity.tracers.process import ProcessTree, SchedulerTime
from integrity.worker.gate_words import DONE, GATE

Values = npt.NDArray[np.float32]

NAP_S = 1e-4
ENOUGH_S = 10.0
OWN = 0x5000_0000_0000
"""Where the worker has its own memory, of which it lends a piece."""

INPUTS = 0x6000_0000_0000
"""Where it has its inputs."""

_BEHIND = 64
"""Bytes in front of its first output."""


class FakeTree(ProcessTree):
    """Counts; `running` is what a host that was frozen waits for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.freezes = self.thaws = 0
        self.running = threading.Event()

    def freeze(self) -> None:
        self.freezes += 1
        self.running.clear()

    def thaw(self) -> None:
        self.thaws += 1
        self.running.set()

    def clock(self) -> SchedulerTime:
        return SchedulerTime(0, 0)


class _End(Exception):
    """The worker was killed."""


class FakeWorker:
    """The worker's side of calls, a thread each; a script says what it does in one."""

    def __init__(self) -> None:
        self.tree = FakeTree()
        self.over = False
        """Its message that the call is over is waiting to be heard."""

        self.raises: Exception | None = None
        """What hearing it raises."""

        self.own = HostBlock(1 << 18)
        """Its outputs lie here, one behind the other."""

        self._killed = threading.Event()
        self._maps: list[mmap.mmap] = []
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def attach(
        self, descriptors: Sequence[int], sizes: Sequence[int], slots: Sequence[tuple[Tensor, ...]]
    ) -> None:
        """Map inputs, table, words and page. A slot: one input and one output."""
        self._unmap()
        self._maps = [mmap.mmap(*each) for each in zip(descriptors, sizes, strict=True)]
        self._slots = list(slots)

    def lent(self) -> tuple[dict[str, Any], list[int]]:
        """The message that lends its memory."""
        return {"lent": [[OWN, self.own.size_bytes]]}, [os.dup(self.own.descriptor)]

    def tell_of(self, slot: int, address: int, stride: int = 1) -> None:
        """Write into the table where a slot's output is."""
        table = np.frombuffer(self._maps[1], dtype=np.int64)
        table[2 * slot : 2 * slot + 2] = address, stride

    def tell_all(self) -> None:
        """As an honest one does once the kernel has returned."""
        for slot in range(len(self._slots)):
            self.tell_of(slot, OWN + self._place(slot).start)

    def _place(self, slot: int) -> slice:
        size = self._slots[slot][1].size_bytes
        return slice(_BEHIND + slot * size, _BEHIND + (slot + 1) * size)

    def start(self, number: int, script: "Script", armed: bool) -> None:
        """Enqueue the call. An armed one's host is frozen from now on."""
        if self._thread is not None:
            self._thread.join(ENOUGH_S)
        self.over = False
        (self.tree.running.clear if armed else self.tree.running.set)()
        self._thread = threading.Thread(target=self._play, args=(number, script), daemon=True)
        self._thread.start()

    def _play(self, number: int, script: "Script") -> None:
        try:
            script(self, number)
        except _End:
            pass
        except BaseException as error:
            self._failure = error

    def subject(self, armed: bool) -> Subject:
        """As a gate gets to know it."""
        return Subject(self.tree, lambda: self.over, self.listen, armed)

    def listen(self) -> bool:
        if self.raises is not None:
            raise self.raises
        return self.over

    def read(self, slot: int = 0) -> Values:
        """The input as it is now."""
        return self._input(slot).view(np.float32).copy()

    def read_back(self, slot: int = 0) -> Values:
        """The output as it is now."""
        return self.own.bytes[self._place(slot)].view(np.float32).copy()

    def write(self, values: Values, slot: int = 0) -> None:
        """The output."""
        self.own.bytes[self._place(slot)] = values.view(np.uint8)

    def _input(self, slot: int) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self._maps[0], dtype=np.uint8)[self._slots[slot][0].place]

    def compute(self) -> None:
        """What the call is for, in every slot."""
        for slot in range(len(self._slots)):
            self.write(2 * self.read(slot) + 1, slot)

    def await_word(self, offset: int, number: int) -> None:
        """Enqueued: wait until that word of the gate is at least this."""
        self.await_that(lambda: self._word(2, offset)[0] >= number)

    def await_gate(self, number: int) -> None:
        self.await_word(GATE, number)

    def await_that(self, holds: Callable[[], Any]) -> None:
        """Whatever it is."""
        while not holds():
            if self._killed.wait(NAP_S):
                raise _End

    def write_word(self, offset: int, number: int) -> None:
        """Enqueued: write that word of the gate."""
        self._word(2, offset)[0] = number

    def say_done(self, number: int) -> None:
        self._word(3, DONE)[0] = number

    def _word(self, block: int, offset: int) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self._maps[block], dtype=np.uint32, count=1, offset=offset)

    def end(self) -> None:
        """Kill it.

        Raises whatever its script raised.
        """
        self._killed.set()
        if self._thread is not None:
            self._thread.join(ENOUGH_S)
        self._unmap()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def ended(self) -> bool:
        """Whether its script came to an end."""
        return self._thread is not None and not self._thread.is_alive()

    def _unmap(self) -> None:
        for each in self._maps:
            each.close()
        self._maps = []


Script = Callable[[FakeWorker, int], None]


def honest(worker: FakeWorker, number: int) -> None:
    """Wait, compute, done."""
    worker.await_gate(number)
    worker.compute()
    worker.tell_all()
    worker.say_done(number)
