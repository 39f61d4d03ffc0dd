"""What a device has to offer for the supervised protocol; the CPU's is the first."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from integrity.errors import CannotJudge
from integrity.run import Run
from integrity.supervision.buffers import Buffers, Outputs
from integrity.supervision.memory import Block, HostBlock, Tensor
from integrity.supervision.returned import Returned
from integrity.supervision.workers import Zygote
from integrity.tracers.process import ProcessTree, SchedulerTime, own_clock
from integrity.worker.gate_page import BEAT, DONE, GATE

_SPIN_S = 0.02
_NAP_S = 50e-6
_WINDOW_US = 2_000.0


@dataclass(frozen=True, slots=True)
class Subject:
    """The worker that a gate holds back, as far as a gate has to know it."""

    tree: ProcessTree
    has_spoken: Callable[[], bool]
    """Whether a message, or its end, is waiting to be heard."""

    listen: Callable[[], bool]
    """Hear what is waiting to be heard; whether it says that the call is over. Raises
    `WorkerRaised` or `WorkerDied`."""

    armed: bool
    """It said that everything is ready behind the gate, and is frozen since."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One call's way through the gate. The worker is frozen again, the output snapshot taken."""

    elapsed_us: float
    """From opening the gate to done, by the supervisor's clock."""

    resume_us: float = 0.0
    cpu_us: float = 0.0
    contended_us: float = 0.0
    disturbance: str = ""
    thawed: bool = False
    """It needed its host inside the window, though it had said that all was enqueued."""


class Gate(Protocol):
    """Holds a worker back until its inputs exist, and sees when it is done."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Shared with the worker."""
        ...

    def patience(self, timeout_s: float) -> float:
        """How long to wait for the worker to say that it is armed before opening all the same."""
        ...

    def call(
        self, number: int, subject: Subject, inputs: Buffers, outputs: Any, timeout_s: float
    ) -> Passage | None:
        """Unveil the inputs, open the gate, wait for done, take the first snapshot.

        None where the worker ended or the time-out passed first.
        """
        ...

    def release_all(self) -> None:
        """Let whatever still waits behind it go: its worker is about to be ended."""
        ...

    def close(self) -> None:
        """Give its memory back."""
        ...


class Device(Protocol):
    """One device in use: its memory, its arrays and its clock."""

    @property
    def id(self) -> str: ...

    @property
    def xp(self) -> Any:
        """The array library its memory is seen through: NumPy, or what looks like it."""
        ...

    @property
    def pool(self) -> Any:
        """Random bytes that poison is cut from."""
        ...

    @property
    def widest(self) -> int:
        """The most calls that may share a window."""
        ...

    @property
    def elastic_bytes(self) -> int:
        """How much memory their inputs and outputs are worth, for each worker."""
        ...

    @property
    def losses(self) -> tuple[type[Exception], ...]:
        """What is raised once a fault, perhaps another process's, has taken the device away."""
        ...

    def block(self, size_bytes: int) -> Block:
        """Dedicated memory that travels to a worker as a descriptor."""
        ...

    def outputs(self, pid: int, tensors: Sequence[Tensor], slots: int, inputs: Any) -> Outputs:
        """Where the outputs of the worker with that process id will be found; `inputs` is the block
        of its inputs."""
        ...

    def gate(self) -> Gate:
        """A closed gate of its own for one worker."""
        ...

    def width(self, net_us: float, fixed_us: float) -> int:
        """How many calls should share a window, when one takes that long and the window costs that
        much by itself."""
        ...

    def available_bytes(self) -> int:
        """Memory that can be taken."""
        ...

    def reserve(self, size_bytes: int) -> None:
        """Hold so much for this process's own arrays: a submission may take all that is left."""
        ...

    def settle(self) -> None:
        """Return when all that was written here can be read by another process."""
        ...

    def facts(self) -> dict[str, float | str]:
        """What a run should note about it."""
        ...


class Backend(Protocol):
    """One kind of device, and the process that an experiment on it runs in."""

    id: str

    def on(self, zygote: Zygote) -> "Backend":
        """The same device for another zygote's workers, which nobody times."""
        ...

    def run(self, work: Callable[[Device], Run], timed: bool) -> Run:
        """Do the work with the device at hand."""
        ...


class CpuGate:
    """A page of shared memory, polled on both sides.

    Sleeping on a descriptor would cost 90 to 150 us to wake up, with a tail of milliseconds;
    polling costs 6 us (`benchmarks/gate_latency.py`). One core is the supervisor's for that.
    """

    def __init__(self) -> None:
        self.block = HostBlock(4096)
        self.blocks = (self.block,)

    def patience(self, timeout_s: float) -> float:
        return timeout_s

    def call(
        self, number: int, subject: Subject, inputs: Buffers, outputs: Returned, timeout_s: float
    ) -> Passage | None:
        tree = subject.tree
        outputs.look_at()
        places, right = inputs.veiled

        def unveil() -> None:
            inputs.block.bytes[places] = right

        before = tree.clock()
        resume_us = self.await_pulse(tree.thaw, timeout_s)
        own = own_clock()
        elapsed_us = self.release(number, subject.has_spoken, timeout_s, unveil)
        if elapsed_us is None:
            return None
        outputs.glimpse()
        own_lost_us = own_clock().lost_us(own, elapsed_us)
        tree.freeze()
        done = tree.clock()
        outputs.first_snapshot()
        return Passage(
            elapsed_us, resume_us, _ran_us(before, done),
            # One waits while the other is kept waiting: the two add up.
            contended_us=own_lost_us + done.lost_us(before, elapsed_us),
        )  # fmt: skip

    def await_pulse(self, resume: Callable[[], None], timeout_s: float) -> float:
        """Let the frozen worker go on and wait for its pulse; how long that took, in us."""
        words = self.block.words
        before = words[BEAT]
        start = time.perf_counter_ns()
        limit = start + int(timeout_s * 1e9)
        resume()
        while words[BEAT] == before and time.perf_counter_ns() < limit:
            pass
        return (time.perf_counter_ns() - start) / 1e3

    def release(
        self,
        number: int,
        ended: Callable[[], bool],
        timeout_s: float,
        unveil: Callable[[], None] = lambda: None,
    ) -> float | None:
        """Put the inputs right, open the gate for that call and wait for done: the elapsed time in
        us; None where the worker ended or the time-out passed first."""
        words = self.block.words
        start = time.perf_counter_ns()
        unveil()
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

    def release_all(self) -> None: ...

    def close(self) -> None:
        self.block.close()


_ONE_CORE = (os.cpu_count() or 1) == 1


def _ran_us(before: SchedulerTime, after: SchedulerTime) -> float:
    return max(0, after.ran_ns - before.ran_ns) / 1e3


class CpuBackend:
    """Shared memory files and the monotonic clock."""

    id = "cpu"
    xp = np
    losses = ()
    widest = 8
    elastic_bytes = 64 * 2**20
    pool = np.random.default_rng().integers(0, 256, 1 << 21, dtype=np.uint8)

    def on(self, zygote: Zygote) -> "CpuBackend":
        return self

    def run(self, work: Callable[[Device], Run], timed: bool) -> Run:
        return work(self)

    def block(self, size_bytes: int) -> HostBlock:
        return HostBlock(size_bytes)

    def outputs(self, pid: int, tensors: Sequence[Tensor], slots: int, inputs: Block) -> Returned:
        return Returned(pid, tensors, slots)

    def gate(self) -> CpuGate:
        return CpuGate()

    def width(self, net_us: float, fixed_us: float) -> int:
        """As many as make about 2 ms: what a window costs by itself is mostly cold caches."""
        return math.ceil(_WINDOW_US / net_us)

    def available_bytes(self) -> int:
        """Without swapping."""
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")

    def reserve(self, size_bytes: int) -> None: ...

    def settle(self) -> None: ...

    def facts(self) -> dict[str, float | str]:
        return {}


def must_fit(device: Device, size_bytes: int, what: str, share: float = 0.5) -> None:
    """Refuse what does not fit into that share of the free memory.

    Raises:
        CannotJudge: with the numbers.
    """
    available = device.available_bytes()
    if size_bytes > available * share:
        raise CannotJudge(
            f"{what} {size_bytes / 2**30:.1f} GiB of memory; the {device.id} has "
            f"{available / 2**30:.1f} GiB free and {share:.0%} of it may be used"
        )
