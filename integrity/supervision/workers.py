"""Starting, asking, freezing and ending sandboxed workers."""

import contextlib
import copy
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from integrity.errors import BadInput, CannotJudge
from integrity.supervision.endings import (
    WorkerDied,
    WorkerRaised,
    how_it_died,
    last_words,
    timed_out,
)
from integrity.supervision.platform import PROCESSOR, Platform, share_out
from integrity.tracers.process import ProcessTree, wait_until_gone
from integrity.worker import wire

ORDERS = {
    "auto": ("namespaces", "landlock"),
    "namespaces": ("namespaces",),
    "landlock": ("landlock",),
    "none": ("none",),
}
"""What each `--isolation` tries, best first. None is never a fallback."""

_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_START_PATIENCE_S = 60.0
_END_PATIENCE_S = 5.0


class Worker:
    """One sandboxed process, on the other end of a socket. Everything it says is untrusted."""

    def __init__(self, zygote: "Zygote", control: socket.socket, status: int, keeper: int) -> None:
        self.zygote = zygote
        self.control = control
        self._status = status
        self.keeper = keeper
        """0 once it is dead."""
        self.tree = ProcessTree(keeper)
        self.greeting: wire.Message = {}
        self.pid = 0
        """Of the process that the submission will be loaded into."""

    def ask(
        self, message: wire.Message, timeout_s: float, descriptors: Sequence[int] = ()
    ) -> wire.Message:
        """Send and wait for the answer.

        Raises:
            WorkerRaised: it answers with an error.
            WorkerDied: it ends, or does not answer in time; it is dead afterwards.
        """
        self.tell(message, descriptors)
        return self.hear(timeout_s)

    def tell(self, message: wire.Message, descriptors: Sequence[int] = ()) -> None:
        """Send without waiting."""
        try:
            self.control.settimeout(_START_PATIENCE_S)
            wire.send(self.control, message, descriptors)
        except (wire.WireError, TimeoutError):
            raise self._died() from None

    def hear(self, timeout_s: float) -> wire.Message:
        """The worker's next message, as `ask`."""
        message, descriptors = self.hear_with(timeout_s)
        for descriptor in descriptors:
            os.close(descriptor)
        return message

    def hear_with(self, timeout_s: float) -> tuple[wire.Message, list[int]]:
        """The same, and what came with it: the caller's to close."""
        try:
            message, descriptors = wire.receive(self.control, timeout_s)
        except TimeoutError:
            self.end()
            raise timed_out(timeout_s) from None
        except wire.WireError:
            raise self._died() from None
        if "error" in message:
            for descriptor in descriptors:
                os.close(descriptor)
            raise WorkerRaised(str(message["error"]), str(message.get("trace", "")))
        return message, descriptors

    def has_spoken(self, within_s: float = 0.0) -> bool:
        """Whether a message, or its end, is waiting to be heard, or will be within that time."""
        return bool(select.select([self.control], [], [], within_s)[0])

    def end(self) -> None:
        """Kill it with everything it started. Harmless when it is dead already."""
        end_together([self])

    def forget(self) -> None:
        """Close the line to it, since it is dead."""
        self.keeper = 0
        self.control.close()
        os.close(self._status)

    def _died(self) -> WorkerDied:
        if not self.keeper:
            return WorkerDied("had already ended")
        said = last_words(self._status)
        self.end()
        if "sandbox_error" in said:
            return WorkerDied(f"could not be sandboxed: {said['sandbox_error']}")
        return how_it_died(said.get("status"))


def end_together(workers: Sequence[Worker]) -> None:
    """End them side by side: each takes its time to give a device back."""
    living = [worker for worker in workers if worker.keeper]
    if living:
        living[0].zygote.kill(*(worker.keeper for worker in living))
    for worker in living:
        worker.forget()


class Zygote:
    """The process that workers are forked from, and the isolation they get."""

    channels: Mapping[str, str] = {}
    """Environment variables of workers from now on, each naming a directory they may use."""

    def __init__(self, isolation: str = "auto", platform: Platform = PROCESSOR) -> None:
        if isolation not in ORDERS:
            raise BadInput(f"no isolation {isolation!r}; there are {', '.join(ORDERS)}")
        self._asked = isolation
        self._platform = platform
        self.allowed = sorted(os.sched_getaffinity(0))
        self._own_core, self._their_cores = share_out(self.allowed)
        self.threads = len(self._their_cores)
        self.isolation = ""
        self.why_not_better = ""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="integrity-"))
        self.folder.chmod(0o755)
        self.renew_cache()
        self._ours, theirs = socket.socketpair()
        os.sched_setaffinity(0, self._own_core)
        try:
            self._process = self._start(theirs)
            theirs.close()
            self._ours.settimeout(_START_PATIENCE_S)
            wire.receive(self._ours)
            self._pid = self._process.pid
            self._choose_isolation()
        except BaseException as error:
            self.__exit__(None, None, None)
            if isinstance(error, (wire.WireError, TimeoutError)):
                raise CannotJudge(
                    "no worker could be started: is torch installed? "
                    "`pip install 'kernel-integrity[run]'`, then `integrity doctor`"
                ) from error
            raise
        return self

    @property
    def device(self) -> str:
        """What workers compute on: `cpu` or `cuda`."""
        return self._platform.device

    @property
    def shares_cores(self) -> bool:
        """Whether workers run where the supervisor does."""
        return not set(self._own_core).isdisjoint(self._their_cores)

    def renew_cache(self) -> None:
        """An empty compile cache for workers from now on: submissions must not share one."""
        self.cache = Path(tempfile.mkdtemp(dir=self.folder, prefix="cache-"))
        self.cache.chmod(0o777)

    def _start(self, theirs: socket.socket) -> "subprocess.Popen[bytes]":
        channel, platform = theirs.fileno(), self._platform
        launch = "from integrity.worker import zygote; zygote.main({}, {!r})"
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", launch.format(channel, platform.device)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[channel],
            cwd="/",
        )

    def _environment(self) -> dict[str, str]:
        """Everything a worker's environment holds: nothing of the user's."""
        own = {
            "PATH": ":".join([str(Path(sys.executable).parent), *_PATH, *self._platform.path]),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": str(self.threads),
            "OPENBLAS_NUM_THREADS": "1",  # its threads would forbid leaving the namespaces
            # Freed memory stays with the process: page faults would be half of a small kernel.
            "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
            "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
            "MAX_JOBS": "2",
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if self._platform.device == "cpu":
            own["TRITON_INTERPRET"] = "1"
        return {**own, **self._platform.environment}

    def _choose_isolation(self) -> None:
        for isolation in ORDERS[self._asked]:
            self.isolation = isolation
            try:
                self.spawn().end()
                return
            except WorkerDied as death:
                self.why_not_better = death.how
        raise BadInput(
            f"isolation {self._asked!r} can't be had here: a worker {self.why_not_better}; "
            "see `integrity doctor`, or accept a capped verdict with --isolation none"
        )

    def spawn(
        self, building: bool = False, elsewhere: bool = False, loopback: bool = False
    ) -> Worker:
        """A fresh worker. A `building` one may write the compile cache that others get a copy of;
        one `elsewhere` has another home than all others, and kernels to compile anew; `loopback`
        lets what runs in its sandbox connect to each other, where it has a network of its own.

        Raises:
            WorkerDied: it did not survive being sandboxed.
        """
        ours, theirs = socket.socketpair()
        status, status_end = os.pipe()
        scratch = "/tmp"
        if self.isolation != "namespaces":
            scratch = tempfile.mkdtemp(dir=self.folder)
            os.chmod(scratch, 0o777)
        request = {
            "isolation": self.isolation,
            "device": self._platform.device,
            "scratch": scratch,
            "cache": str(self.cache),
            "cache_writable": building,
            "elsewhere": elsewhere,
            "loopback": loopback,
            "threads": self.threads,
            "cores": self._their_cores,
            "limits": {"memory_bytes": self._platform.memory_bytes, "cpu_s": 3600},
            "environment": dict(self.channels),
            "extras": {
                "devices": self._platform.nodes,
                "channels": list(self.channels.values()),
                "tools": self._platform.tools,
            },
        }
        wire.send(self._ours, {"spawn": request}, [theirs.fileno(), status_end])
        theirs.close()
        os.close(status_end)
        keeper = int(wire.receive(self._ours)[0]["pid"])
        worker = Worker(self, ours, status, keeper)
        worker.greeting = worker.hear(_START_PATIENCE_S)
        worker.pid = worker.tree.pids()[-1]  # below init, and nobody has started anything yet
        return worker

    @contextlib.contextmanager
    def fork(self) -> Iterator["Zygote"]:
        """Another one with the same cache, for what runs beside other work and is not timed."""
        ours, theirs = socket.socketpair()
        wire.send(self._ours, {"fork": True}, [theirs.fileno()])
        theirs.close()
        other = copy.copy(self)
        other._pid = int(wire.receive(self._ours)[0]["pid"])
        other._ours = ours
        other._own_core = other._their_cores = self.allowed
        ours.settimeout(_START_PATIENCE_S)
        try:
            yield other
        finally:
            ours.close()
            self.kill(other._pid)

    @contextlib.contextmanager
    def unpinned(self) -> Iterator[None]:
        """What is started here may use every core."""
        os.sched_setaffinity(0, self.allowed)
        try:
            yield
        finally:
            os.sched_setaffinity(0, self._own_core)

    def pids(self) -> list[int]:
        """The zygote and everything below it."""
        return [self._process.pid, *ProcessTree(self._process.pid).pids()]

    def kill_all(self) -> None:
        """End every worker there is; for when whoever started them is gone."""
        self.kill(*ProcessTree(self._pid).children())

    def kill(self, *keepers: int) -> None:
        """End these workers' whole trees; returns when they are gone."""
        with contextlib.suppress(wire.WireError, TimeoutError):
            wire.send(self._ours, {"kill": keepers})
            wire.receive(self._ours)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.sched_setaffinity(0, self.allowed)
        self._ours.close()
        process = getattr(self, "_process", None)
        if process is not None:
            tree = ProcessTree(process.pid).pids()
            try:
                process.wait(_END_PATIENCE_S)  # it ends its workers when the socket closes
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            wait_until_gone(tree)
        shutil.rmtree(self.folder, ignore_errors=True)
