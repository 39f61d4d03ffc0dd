"""What the kernel's books say of a process tree, read from outside it."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STOP_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class SchedulerTime:
    """Time on a processor, and how often it was taken away."""

    ran_ns: int
    preemptions: int

    def lost_us(self, before: "SchedulerTime", elapsed_us: float) -> float:
        """What of the elapsed time since `before` other processes took; 0 where nobody did.

        Not the waiting time: recent kernels leave a thread that went to sleep on the queue for a
        while and book that as waiting too.
        """
        if self.preemptions <= before.preemptions:
            return 0.0
        return max(0.0, elapsed_us - (self.ran_ns - before.ran_ns) / 1e3)


class ProcessTree:
    """A worker and everything it started, as the supervisor sees them."""

    def __init__(self, root: int) -> None:
        self.root = root
        """The keeper; it and init below it never run submitted code."""

        self._known: tuple[int, ...] = ()
        self._frozen: tuple[int, ...] = ()

    def pids(self) -> list[int]:
        """Every process below the root."""
        found: list[int] = []
        queue = [self.root]
        while queue:
            children = _children(queue.pop())
            found += children
            queue += children
        return found

    def children(self) -> list[int]:
        """The processes right below the root."""
        return _children(self.root)

    def clock(self) -> "SchedulerTime":
        """What the tree's living threads have run and waited so far."""
        pids = self._frozen or self.pids()
        threads = [thread_clock(pid, task) for pid in pids for task in _tasks(pid)]
        return SchedulerTime(
            sum(thread.ran_ns for thread in threads),
            sum(thread.preemptions for thread in threads),
        )

    def census(self) -> tuple[int, int]:
        """How many processes there are below the root, and how many threads they have."""
        pids = self._frozen or self.pids()
        return len(pids), sum(len(_tasks(pid)) for pid in pids)

    def freeze(self) -> None:
        """Stop every thread below the root, and wait until they have stopped.

        A frozen worker can neither start early on inputs that are being written nor finish late
        on an output that is being read.
        """
        for pid in self._known:  # at once; looking for newcomers takes longer
            _signal(pid, signal.SIGSTOP)
        deadline = time.monotonic() + _STOP_PATIENCE_S
        seen: set[int] = set()
        while time.monotonic() < deadline:
            running = [pid for pid in self.pids() if pid not in seen]
            if not running:
                self._known = self._frozen = tuple(seen)
                return
            for pid in running:
                _signal(pid, signal.SIGSTOP)
            for pid in running:
                while not _stopped(pid) and time.monotonic() < deadline:
                    pass
            seen.update(running)

    def thaw(self) -> None:
        """Let it go on."""
        frozen, self._frozen = self._frozen or tuple(self.pids()), ()
        for pid in frozen:
            _signal(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            children += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return children


def _tasks(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(f"/proc/{pid}/task")
    return []


def thread_clock(pid: int | str, task: int | str) -> SchedulerTime:
    """One thread's times; zero once it has ended."""
    with contextlib.suppress(OSError, ValueError):
        ran = Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]
        status = Path(f"/proc/{pid}/task/{task}/status").read_text()
        preemptions = status.rpartition("nonvoluntary_ctxt_switches:")[2]
        return SchedulerTime(int(ran), int(preemptions))
    return SchedulerTime(0, 0)


def own_clock() -> SchedulerTime:
    """The calling thread's times."""
    return thread_clock("self", threading.get_native_id())


def _stopped(pid: int) -> bool:
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/task/{task}/stat").read_text().rpartition(")")[2].split()[0]
            if state not in "TtZX":
                return False
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until_gone(pids: Sequence[int]) -> None:
    """Children die with their parent, but a moment after it. Waits five seconds at most."""
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in pids):
        time.sleep(0.002)
