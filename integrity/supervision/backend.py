"""What a device has to offer for the supervised protocol; the CPU's is the first."""

import os
import time
from collections.abc import Callable
from typing import Protocol

from integrity.supervision.memory import Block
from integrity.worker.gate_page import BEAT, DONE, GATE

_SPIN_S = 0.02
_NAP_S = 50e-6


class Gate(Protocol):
    """Holds a worker back until its inputs exist, and sees when it is done."""

    block: Block
    """Shared with the worker."""

    def await_pulse(self, resume: Callable[[], None], timeout_s: float) -> float:
        """Let the frozen worker go on and wait for its pulse; how long that took, in us."""
        ...

    def release(self, number: int, ended: Callable[[], bool], timeout_s: float) -> float | None:
        """Open the gate for that call and wait for done: the elapsed time in us, by the
        supervisor's clock; None where the worker ended or the time-out passed first."""
        ...


class Backend(Protocol):
    """Memory and clock of one kind of device."""

    id: str

    def block(self, size_bytes: int) -> Block:
        """Dedicated memory that travels to a worker as a descriptor."""
        ...

    def gate(self) -> Gate:
        """A closed gate of its own for one worker."""
        ...


class CpuGate:
    """A page of shared memory, polled on both sides.

    Sleeping on a descriptor would cost 90 to 150 us to wake up, with a tail of milliseconds;
    polling costs 6 us (`benchmarks/gate_latency.py`). One core is the supervisor's for that.
    """

    def __init__(self) -> None:
        self.block = Block(4096)

    def await_pulse(self, resume: Callable[[], None], timeout_s: float) -> float:
        words = self.block.words
        before = words[BEAT]
        start = time.perf_counter_ns()
        limit = start + int(timeout_s * 1e9)
        resume()
        while words[BEAT] == before and time.perf_counter_ns() < limit:
            pass
        return (time.perf_counter_ns() - start) / 1e3

    def release(self, number: int, ended: Callable[[], bool], timeout_s: float) -> float | None:
        words = self.block.words
        start = time.perf_counter_ns()
        words[GATE] = number
        spin_until, limit = start + int(_SPIN_S * 1e9), start + int(timeout_s * 1e9)
        while words[DONE] != number:
            now = time.perf_counter_ns()
            if now > limit:
                return None
            if now > spin_until:
                if ended():
                    break
                time.sleep(_NAP_S)
            elif _ONE_CORE:
                os.sched_yield()
        stop = time.perf_counter_ns()
        return (stop - start) / 1e3 if words[DONE] == number else None


_ONE_CORE = (os.cpu_count() or 1) == 1


class CpuBackend:
    """Shared memory files and the monotonic clock."""

    id = "cpu"

    def block(self, size_bytes: int) -> Block:
        return Block(size_bytes)

    def gate(self) -> CpuGate:
        return CpuGate()
