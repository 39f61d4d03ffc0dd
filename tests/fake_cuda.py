"""A CUDA device played on the host: the supervisor's `Driver`, and a worker behind its gate.

What is enqueued runs in order on a thread of its own, so that a wait really waits for somebody
else's word. Memory is a memfd, which the worker maps by its descriptor as it would import a block.
"""

import mmap
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from integrity.supervision.backend import Passage, Subject
from integrity.supervision.buffers import Buffers
from integrity.supervision.cuda.backend import CudaDevice
from integrity.supervision.cuda.gate import CudaGate
from integrity.supervision.memory import Bytes, HostBlock, Tensor
from integrity.tracers.process import ProcessTree, SchedulerTime
from integrity.worker.gate_words import DONE, GATE, PRELUDE, PREPARED

Values = npt.NDArray[np.float32]

GRANULARITY = 1 << 21
VECTOR = Tensor((4096,), "float32")
POOL: Bytes = np.random.default_rng(7).integers(0, 256, 1 << 17, dtype=np.uint8)
_NAP_S = 1e-4
_ENOUGH_S = 10.0


class Lost(Exception):
    """Every call answers with it once the device is lost."""


class Hung(Exception):
    """The stream waits for what nobody writes; the real one would never come back."""


class FakeAllocation(HostBlock):
    """A memfd at an address that means nothing to the host."""

    def __init__(self, address: int, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.address = address


class FakeDriver:
    """See `driver.Driver`."""

    xp: Any = np
    losses: tuple[type[Exception], ...] = (Lost,)
    name = "a fake"
    uuid = "5ac1f3e09b7d4c1e8f2233445566aabb"
    l2_bytes = 1 << 16

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.order: list[str] = []
        """What the stream has done; words by their offset."""

        self.stamps = [0, 0]
        self.hang_s = _ENOUGH_S
        self.at_flush: Callable[[], None] = lambda: None
        """What somebody else does on the device just then: the inputs are there and veiled."""

        self.at_close: Callable[[], None] = lambda: None
        """The same, between the closing stamp and the snapshot."""

        self._clock = clock
        self._lost = self._stopped = False
        self._next = 0x7F00_0000_0000
        self._memory: dict[int, FakeAllocation] = {}
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stream = threading.Thread(target=self._serve, daemon=True)
        self._stream.start()

    def allocate(self, size_bytes: int) -> FakeAllocation:
        self._must_live()
        allocation = FakeAllocation(self._next, size_bytes)
        self._memory[self._next] = allocation
        self._next += (size_bytes // GRANULARITY + 1) * GRANULARITY
        return allocation

    def free_bytes(self) -> int:
        self._must_live()
        return 1 << 30

    def flush(self) -> None:
        self._enqueue("flush", self.at_flush)

    def write(self, address: int, number: int) -> None:
        self._enqueue(f"write {address % GRANULARITY}", lambda: self._put(address, number))

    def wait(self, address: int, number: int) -> None:
        def until_written() -> None:
            while self.word(address) < number and not (self._lost or self._stopped):
                time.sleep(_NAP_S)

        self._enqueue(f"wait {address % GRANULARITY}", until_written)

    def opening(
        self, block: Bytes, places: Any, right: Bytes, gate: int, number: int
    ) -> Callable[[], None]:
        assert (places.dtype, right.dtype, places.size) == (np.int64, np.uint8, right.size)

        def unveil() -> None:
            self.stamps[0] = self._clock()
            block[places] = right
            self._put(gate, number)

        return lambda: self._enqueue("open", unveil)

    def closing(self, block: Bytes, places: Any, seen: Bytes) -> Callable[[], None]:
        assert (places.dtype, seen.dtype, places.size) == (np.int64, np.uint8, seen.size)

        def glimpse() -> None:
            seen[:] = block[places]
            self.stamps[1] = self._clock()
            self.at_close()

        def now() -> None:
            self._enqueue("close", glimpse)
            self.settle()  # the snapshot is on the same stream; NumPy's is at once

        return now

    def elapsed_us(self) -> float:
        self._must_live()
        return (self.stamps[1] - self.stamps[0]) / 1e3

    def overrule(self, address: int, number: int) -> None:
        self._must_live()
        self._put(address, number)

    def settle(self) -> None:
        reached = threading.Event()
        self._enqueue("", reached.set)
        limit = time.monotonic() + self.hang_s
        while not reached.wait(0.005):
            self._must_live()
            if time.monotonic() > limit:
                raise Hung(self.order)
        self._must_live()

    def fail(self) -> None:
        """Take the device away, as a fault of any client's does under MPS."""
        self._lost = True

    def stop(self) -> None:
        """End the stream's thread."""
        self._stopped = True
        self._jobs.put(None)
        self._stream.join(_ENOUGH_S)

    def word(self, address: int) -> int:
        """That word of 32 bits, now."""
        return int(self._at(address)[0])

    def _put(self, address: int, number: int) -> None:
        self._at(address)[0] = number

    def _at(self, address: int) -> npt.NDArray[np.uint32]:
        offset = address % GRANULARITY
        return self._memory[address - offset].bytes[offset : offset + 4].view(np.uint32)

    def _must_live(self) -> None:
        if self._lost:
            raise Lost("CUDA_ERROR_ILLEGAL_ADDRESS")

    def _enqueue(self, name: str, job: Callable[[], None]) -> None:
        self._must_live()

        def run() -> None:
            job()
            self.order += [name] * bool(name)

        self._jobs.put(run)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._lost:
                job()
            del job  # it holds arrays, whose memory could not be given back


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

        self._killed = threading.Event()
        self._maps: list[mmap.mmap] = []
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def attach(
        self, descriptors: Sequence[int], sizes: Sequence[int], slots: Sequence[tuple[Tensor, ...]]
    ) -> None:
        """Map inputs, outputs, words and page. A slot: one input and one output."""
        self._unmap()
        self._maps = [mmap.mmap(*each) for each in zip(descriptors, sizes, strict=True)]
        self._slots = list(slots)

    def start(self, number: int, script: "Script", armed: bool) -> None:
        """Enqueue the call. An armed one's host is frozen from now on."""
        if self._thread is not None:
            self._thread.join(_ENOUGH_S)
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
        raw = np.frombuffer(self._maps[0], dtype=np.uint8)[self._slots[slot][0].place]
        return raw.view(np.float32).copy()

    def write(self, values: Values, slot: int = 0) -> None:
        """The output."""
        raw = np.frombuffer(self._maps[1], dtype=np.uint8)[self._slots[slot][1].place]
        raw[:] = values.view(np.uint8)

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
            if self._killed.wait(_NAP_S):
                raise _End

    def tell(self, offset: int, number: int) -> None:
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
            self._thread.join(_ENOUGH_S)
        self._unmap()
        if self._failure is not None:
            raise self._failure

    def _unmap(self) -> None:
        for each in self._maps:
            each.close()
        self._maps = []


Script = Callable[[FakeWorker, int], None]


def honest(worker: FakeWorker, number: int) -> None:
    """Wait, compute, done."""
    worker.await_gate(number)
    worker.compute()
    worker.say_done(number)


def ready(worker: FakeWorker, number: int) -> None:
    """A null: its output is written behind the prelude."""
    worker.await_word(PRELUDE, number)
    worker.write(np.full(4096, number, dtype=np.float32))
    worker.tell(PREPARED, number)
    honest(worker, number)


def fake_device(driver: FakeDriver) -> CudaDevice:
    """Nobody watches it."""
    device = CudaDevice(driver, mps=False, guard=None, no_guard="a fake")
    device.pool = POOL
    return device


class Lane:
    """One worker, its memory and its gate; and a session's part in a call."""

    def __init__(
        self,
        driver: FakeDriver,
        warms: bool = False,
        slots: int = 1,
        disturbance: Callable[[], str] = lambda: "",
    ) -> None:
        device = fake_device(driver)
        self.driver = driver
        self.gate = CudaGate(driver, warms, disturbance)
        self.inputs, self.outputs = (Buffers(device, [VECTOR], slots) for _ in range(2))
        self.worker = FakeWorker()
        blocks = [self.inputs.block, self.outputs.block, *self.gate.blocks]
        self.worker.attach(
            [block.descriptor for block in blocks],
            [block.size_bytes for block in blocks],
            [(x, y) for [x], [y] in zip(self.inputs.slots, self.outputs.slots, strict=True)],
        )
        self.number = 0
        self.used = range(slots)
        self.xs: list[Values] = []

    def call(
        self, script: Script = honest, armed: bool = True, timeout_s: float = _ENOUGH_S
    ) -> Passage | None:
        """One, on fresh inputs."""
        self.number += 1
        self.worker.start(self.number, script, armed)
        self.fill()
        subject = self.worker.subject(armed)
        return self.gate.call(self.number, subject, self.inputs, self.outputs, timeout_s)

    def fill(self) -> None:
        random = np.random.default_rng(self.number)
        self.xs = [random.standard_normal(4096, dtype=np.float32) for _ in self.used]
        for buffers in (self.inputs, self.outputs):
            buffers.use(self.used)
        self.outputs.poison()
        self.inputs.poison_guards()
        self.inputs.write([[x.view(np.uint8)] for x in self.xs])

    def snapshot(self) -> list[Values]:
        """What each slot's output was at done."""
        return [raw.view(np.float32) for [raw] in self.outputs.outputs()]

    def close(self) -> None:
        self.gate.release_all()
        self.worker.end()
        self.gate.close()
        for buffers in (self.inputs, self.outputs):
            buffers.block.close()
