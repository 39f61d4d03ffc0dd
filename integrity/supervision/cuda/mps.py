"""An MPS daemon of our own: several processes then share the device without switching contexts.

It changes no setting of the device, and daemons that somebody else started are only looked at.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from integrity.tracers.process import ProcessTree
from integrity.worker import sandbox

_COMMAND = "nvidia-cuda-mps-control"
_PROCESS = "nvidia-cuda-mps"  # the kernel keeps 15 characters
_DEFAULT_PIPE = "/tmp/nvidia-mps"
_PID_FILE = "nvidia-cuda-mps-control.pid"
_START_PATIENCE_S = 10.0
_QUIT_PATIENCE_S = 5.0
_KILL_PATIENCE_S = 5.0
_LONGEST_SOCKET = 107  # sun_path, less its last byte
_KEPT_LINES, _KEPT_CHARACTERS = 3, 300


class MpsUnavailable(Exception):
    """No daemon could be started; the message says why."""


def available(command: str = _COMMAND) -> str:
    """Empty, or why no daemon of ours can serve here."""
    if shutil.which(command) is None:
        return f"{command} is not installed"
    return _foreign(Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or _DEFAULT_PIPE))


def _foreign(pipe: Path) -> str:
    """Whose daemon serves that directory already, in words; empty for nobody's."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((pipe / _PID_FILE).read_text())
        if Path(f"/proc/{pid}/comm").read_text().startswith(_PROCESS):
            return f"another MPS daemon, process {pid}, serves {pipe}"
    return ""


class Mps:
    """Started and stopped by us, as the invoking user, in a directory of its own.

    `multi_user`: the server takes clients of several users, for which it has to be root's. None is
    for where we are root, whose workers run as somebody else: without it the daemon would keep the
    second user waiting until the first has gone. Nobody asks the daemon whether it knows the
    option; one that doesn't ends at once and says so.
    """

    def __init__(
        self, folder: Path, command: str = _COMMAND, multi_user: bool | None = None
    ) -> None:
        self._command = command
        self._folder, self._pipe, self._log = folder, folder / "pipe", folder / "log"
        several = os.getuid() == 0 if multi_user is None else multi_user
        self._options = ["-multiuser-server"] if several else []
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client needs; it also has to be able to write to that directory's sockets."""
        return {"CUDA_MPS_PIPE_DIRECTORY": str(self._pipe)}

    def pids(self) -> tuple[int, ...]:
        """The daemon and its servers, now."""
        return tuple(ProcessTree(self._keeper.pid).pids()) if self._keeper else ()

    def __enter__(self) -> Self:
        if why_not := available(self._command) or _foreign(self._pipe) or self._too_long():
            raise MpsUnavailable(why_not)
        for folder in (self._folder, self._pipe, self._log):
            if not folder.is_dir():
                folder.mkdir(parents=True)
                folder.chmod(0o755)  # workers of another user connect
        try:
            self._keeper = self._start()
            self._wait_for_an_answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _too_long(self) -> str:
        longest = str(self._pipe / "control_privileged")
        return f"{longest}: no socket can have such a name" * (len(longest) > _LONGEST_SOCKET)

    def _start(self) -> "subprocess.Popen[bytes]":
        order = [str(shutil.which(self._command)), "-f", *self._options]
        launch = "from integrity.supervision.cuda import mps; mps.keep({!r}, {!r})"
        with (self._log / "output.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", launch.format(order, _QUIT_PATIENCE_S)],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                umask=0o022,
                start_new_session=True,  # an interrupt from the keyboard is ours to handle
            )

    def _environment(self) -> dict[str, str]:
        own = {"CUDA_MPS_PIPE_DIRECTORY": str(self._pipe), "CUDA_MPS_LOG_DIRECTORY": str(self._log)}
        kept = {name: os.environ.get(name, "") for name in ("PATH", "LD_LIBRARY_PATH")}
        kept["CUDA_VISIBLE_DEVICES"] = _visible(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        return {name: value for name, value in kept.items() if value} | own

    def _wait_for_an_answer(self) -> None:
        assert self._keeper is not None
        deadline = time.monotonic() + _START_PATIENCE_S
        while self._keeper.poll() is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise MpsUnavailable(f"{self._command} does not answer: {self._last_words()}")
            if _tell(self._command, "get_server_list", left_s, self._environment()):
                return
            time.sleep(0.02)
        raise MpsUnavailable(f"{self._command} ended at once: {self._last_words()}")

    def _last_words(self) -> str:
        said: list[str] = []
        for name in ("control.log", "output.log"):
            with contextlib.suppress(OSError):
                said += (self._log / name).read_text(errors="replace").split("\n")
        kept = [line.strip() for line in said if line.strip()][-_KEPT_LINES:]
        return "; ".join(kept)[-_KEPT_CHARACTERS:] or "it left no log"

    def __exit__(self, *reason: object) -> None:
        if self._keeper is None:
            return
        try:
            # A byte, because a child that we forked may hold the pipe open.
            self._keeper.communicate(b"\n", 2 * _QUIT_PATIENCE_S + 2 * _KILL_PATIENCE_S)
        except subprocess.TimeoutExpired:
            for pid in (*self.pids(), self._keeper.pid):
                _kill(pid)
            self._keeper.wait()
        self._keeper = None


def _visible(devices: str) -> str:
    """What a daemon may be told of CUDA_VISIBLE_DEVICES.

    Its server counts the devices that it sees anew and clients apply the variable to what is left,
    so that only names, and indexes that stay what they are, mean the same to both.
    """
    names = devices.split(",")
    stays = names == [str(index) for index in range(len(names))]
    return devices if stays or all(name.startswith(("GPU-", "MIG-")) for name in names) else ""


def _tell(command: str, order: str, patience_s: float, environment: Mapping[str, str]) -> bool:
    """Whether the daemon took the order; its front end exits with 0 where one answers."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run(
            [command], input=f"{order}\n".encode(), env=environment,
            capture_output=True, timeout=patience_s, check=False,
        )  # fmt: skip
        return told.returncode == 0
    return False


def keep(order: Sequence[str], patience_s: float) -> None:
    """Start the daemon and stop it when told to on stdin, or when whoever started us is gone.

    Runs as a process of its own: a supervisor that is killed can't clean up. It inherits orphans,
    so descent alone says which servers are ours. The daemon's pid file does not: any client
    may write to it, and what it names would be killed by a supervisor that may be root.
    """
    sandbox.become_subreaper()
    supervisor = os.pidfd_open(os.getppid())
    daemon = subprocess.Popen(order, stdin=subprocess.DEVNULL, preexec_fn=sandbox.die_with_parent)
    select.select([0, supervisor, os.pidfd_open(daemon.pid)], [], [])
    if daemon.poll() is None:
        _tell(order[0], "quit", patience_s, os.environ)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(patience_s)
    _end_all_below()


def _end_all_below() -> None:
    deadline = time.monotonic() + _KILL_PATIENCE_S
    while (left := ProcessTree(os.getpid()).pids()) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
