"""A CUDA device played on the host, at the supervisor's `Driver`; and a lane on it.

What is enqueued runs in order on a thread of its own, so that a wait really waits for somebody
else's word. Memory is a memfd, which the worker maps by its descriptor as it would import a block.
"""

import contextlib
import mmap
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
from fake_worker import ENOUGH_S, INPUTS, FakeWorker, Script, Values, honest

from integrity.supervision.backend import Passage
from integrity.supervision.buffers import Buffers
from integrity.supervision.cuda.backend import CudaDevice
from integrity.supervision.cuda.gate import CudaGate
from integrity.supervision.cuda.returned import CudaReturned
from integrity.supervision.memory import Bytes, HostBlock, Tensor

GRANULARITY = 1 << 21
VECTOR = Tensor((4096,), "float32")
POOL: Bytes = np.random.default_rng(7).integers(0, 256, 1 << 17, dtype=np.uint8)


class Lost(Exception):
    """Every call answers with it once the device is lost."""


class Hung(Exception):
    """The stream waits for what nobody writes; the real one would never come back."""


class FakeAllocation(HostBlock):
    """A memfd at an address that means nothing to the host."""

    def __init__(self, address: int, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.address = address


class FakeLoan:
    """Another's memfd."""

    def __init__(self, address: int, descriptor: int, size_bytes: int) -> None:
        self.address, self.size_bytes, self.descriptor = address, size_bytes, descriptor
        self._map = mmap.mmap(descriptor, size_bytes, prot=mmap.PROT_READ)
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)

    def close(self) -> None:
        del self.bytes
        self._map.close()


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
        self.hang_s = ENOUGH_S
        self.at_flush: Callable[[], None] = lambda: None
        """What somebody else does on the device just then: the inputs are there and veiled."""

        self.at_close: Callable[[], None] = lambda: None
        """The same, between the closing stamp and the snapshot."""

        self._clock = clock
        self._lost = self._stopped = False
        self._next = 0x7F00_0000_0000
        self._memory: dict[int, FakeAllocation | FakeLoan] = {}
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stream = threading.Thread(target=self._serve, daemon=True)
        self._stream.start()

    def allocate(self, size_bytes: int) -> FakeAllocation:
        self._must_live()
        allocation = FakeAllocation(self._next, size_bytes)
        self._memory[self._next] = allocation
        self._next += (size_bytes // GRANULARITY + 1) * GRANULARITY
        return allocation

    def borrow(self, descriptor: int, size_bytes: int) -> "FakeLoan":
        self._must_live()
        if os.fstat(descriptor).st_size < size_bytes:
            raise Lost("CUDA_ERROR_INVALID_VALUE")
        loan = FakeLoan(self._next, descriptor, size_bytes)
        self._memory[self._next] = loan
        self._next += (size_bytes // GRANULARITY + 1) * GRANULARITY
        return loan

    def pinned(self, count: int) -> npt.NDArray[np.int64]:
        return np.zeros(count, dtype=np.int64)

    def free_bytes(self) -> int:
        self._must_live()
        return 1 << 30

    def flush(self) -> None:
        self._enqueue("flush", self.at_flush)

    def write(self, address: int, number: int) -> None:
        self._enqueue(f"write {address % GRANULARITY}", lambda: self._put(address, number))

    def opening(
        self, block: Bytes, places: Any, right: Bytes, gate: int, number: int
    ) -> Callable[[], None]:
        assert places.dtype == np.int64 and places.size == right.size

        def unveil() -> None:
            self.stamps[0] = self._clock()
            block[places] = right
            self._put(gate, number)

        return lambda: self._enqueue("open", unveil)

    def closing(self, targets: Any, seen: Bytes) -> Callable[[], None]:
        assert targets.dtype == np.int64 and targets.size == seen.size

        def glimpse() -> None:
            for index in np.flatnonzero(targets):
                seen[index] = self._byte(int(targets[index]))
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
        self._stream.join(ENOUGH_S)

    def word(self, address: int) -> int:
        """That word of 32 bits, now."""
        return int(self._at(address)[0])

    def _put(self, address: int, number: int) -> None:
        self._at(address)[0] = number

    def _at(self, address: int) -> npt.NDArray[np.uint32]:
        offset = address % GRANULARITY
        return self._memory[address - offset].bytes[offset : offset + 4].view(np.uint32)

    def _byte(self, address: int) -> int:
        base = max(base for base in self._memory if base <= address)
        return int(self._memory[base].bytes[address - base])

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
        slots: int = 1,
        disturbance: Callable[[], str] = lambda: "",
        lends: bool = True,
    ) -> None:
        device = fake_device(driver)
        self.driver = driver
        self.gate = CudaGate(driver, disturbance)
        self.inputs = Buffers(device, [VECTOR], slots)
        self.outputs = CudaReturned(driver, [VECTOR], slots, self.inputs.block)
        self.worker = FakeWorker()
        blocks = [self.inputs.block, self.outputs.block, *self.gate.blocks]
        self.worker.attach(
            [block.descriptor for block in blocks],
            [block.size_bytes for block in blocks],
            [(x, y) for [x], [y] in zip(self.inputs.slots, self.outputs.slots, strict=True)],
        )
        self.outputs.learn({"inputs_at": INPUTS}, [])
        if lends:
            self.outputs.learn(*self.worker.lent())
        self.number = 0
        self.used = range(slots)
        self.xs: list[Values] = []

    def call(
        self, script: Script = honest, armed: bool = True, timeout_s: float = ENOUGH_S
    ) -> Passage | None:
        """One, on fresh inputs."""
        self.number += 1
        if armed:
            self.worker.tell_all()
        self.worker.start(self.number, script, armed)
        self.fill()
        subject = self.worker.subject(armed)
        return self.gate.call(self.number, subject, self.inputs, self.outputs, timeout_s)

    def fill(self) -> None:
        random = np.random.default_rng(self.number)
        self.xs = [random.standard_normal(4096, dtype=np.float32) for _ in self.used]
        for buffers in (self.inputs, self.outputs):
            buffers.use(self.used)
        self.inputs.poison_guards()
        self.inputs.write([[x.view(np.uint8)] for x in self.xs])

    def snapshot(self) -> list[Values]:
        """What each slot's output was at done."""
        return [raw.view(np.float32) for [raw] in self.outputs.outputs()]

    def close(self) -> None:
        self.gate.release_all()
        self.worker.end()
        with contextlib.suppress(Lost):
            self.driver.settle()
        self.gate.close()
        for memory in (self.inputs.block, self.outputs):
            with contextlib.suppress(BufferError):  # as a session's
                memory.close()
        with contextlib.suppress(BufferError):
            self.worker.own.close()
