"""A CUDA device played by threads and shared memory, at the interface of `cuda.driver.Driver`."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from integrity.supervision.backend import Subject
from integrity.supervision.cuda.backend import CudaDevice
from integrity.supervision.cuda.gate import CudaGate
from integrity.supervision.memory import HostBlock
from integrity.worker.gate_words import DONE, GATE, PRELUDE, PREPARED


class FakeLoss(Exception):
    """What a driver answers once a fault has taken the device away."""


class FakeAllocation(HostBlock):
    """Host memory at an address of the fake's."""

    def __init__(self, size_bytes: int, address: int) -> None:
        super().__init__(size_bytes)
        self.address = address


class FakeDriver:
    """Everything that is enqueued is done at once, but for waiting, which waits."""

    xp = np
    losses: tuple[type[Exception], ...] = (FakeLoss,)
    name, uuid, l2_bytes = "fake", "00", 1 << 16

    def __init__(self) -> None:
        self._next = 1 << 20
        self._allocations: list[FakeAllocation] = []
        self._stamps = [0, 0]
        self.lost = False
        self.flushes = 0

    def allocate(self, size_bytes: int) -> FakeAllocation:
        allocation = FakeAllocation(size_bytes, self._next)
        self._next += 1 << 24
        self._allocations.append(allocation)
        return allocation

    def word(self, address: int) -> Any:
        """The 32 bits at that address."""
        for each in self._allocations:
            if each.address <= address < each.address + each.size_bytes:
                return each.bytes[address - each.address :][:4].view(np.uint32)
        raise AssertionError(f"nothing lies at {address}")

    def _alive(self) -> None:
        if self.lost:
            raise FakeLoss("an illegal memory access was encountered")

    def free_bytes(self) -> int:
        return 1 << 30

    def flush(self) -> None:
        self._alive()
        self.flushes += 1

    def write(self, address: int, number: int) -> None:
        self._alive()
        self.word(address)[0] = number

    def wait(self, address: int, number: int) -> None:
        until = time.monotonic() + 5
        while self.word(address)[0] < number and time.monotonic() < until:
            time.sleep(1e-4)

    def opening(
        self, block: Any, places: Any, right: Any, gate: int, number: int
    ) -> Callable[[], None]:
        def now() -> None:
            self._alive()
            self._stamps[0] = time.perf_counter_ns()
            block[places] = right
            self.write(gate, number)

        return now

    def closing(self, block: Any, places: Any, seen: Any) -> Callable[[], None]:
        def now() -> None:
            self._alive()
            seen[:] = block[places]
            self._stamps[1] = time.perf_counter_ns()

        return now

    def elapsed_us(self) -> float:
        return (self._stamps[1] - self._stamps[0]) / 1e3

    def overrule(self, address: int, number: int) -> None:
        self.write(address, number)

    def settle(self) -> None:
        self._alive()


class FakeTree:
    """A process tree that only counts."""

    def __init__(self) -> None:
        self.thawed = threading.Event()
        self.log: list[str] = []

    def thaw(self) -> None:
        self.log.append("thaw")
        self.thawed.set()

    def freeze(self) -> None:
        self.log.append("freeze")


def a_device() -> tuple[FakeDriver, CudaDevice]:
    """A fake in use, without a guard."""
    driver = FakeDriver()
    return driver, CudaDevice(driver, mps=False, guard=None, no_guard="a fake")


class FakeWorker:
    """The worker's side of one call: waits for the gate, works, says done."""

    def __init__(
        self, driver: FakeDriver, gate: CudaGate, work: Callable[[], None], number: int = 1
    ) -> None:
        words, page = gate.blocks
        assert isinstance(words, FakeAllocation)
        assert isinstance(page, HostBlock)
        self._driver, self._address, self._number = driver, words.address, number
        self.done = np.frombuffer(page.bytes, dtype=np.uint32, count=1, offset=DONE)
        self._work = work
        self.tree = FakeTree()
        self.says: list[Exception | bool] = []
        """What `listen` comes to, one after another."""

        self.needs_host = False
        self.tells = True

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        return thread

    def prelude(self) -> None:
        """A null's: wait to be asked, warm up, say so."""
        self._driver.wait(self._address + PRELUDE, self._number)
        time.sleep(0.02)
        self._driver.write(self._address + PREPARED, self._number)

    def _run(self) -> None:
        self._driver.wait(self._address + GATE, self._number)
        if self.needs_host:
            self.tree.thawed.wait(5)
        self._work()
        if self.tells:
            self.done[0] = self._number

    def subject(self, armed: bool = True) -> Subject:
        """As a session hands it to the gate."""
        return Subject(self.tree, lambda: bool(self.says), self._listen, armed)  # type: ignore[arg-type]

    def _listen(self) -> bool:
        if not self.says:
            return False
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said
