"""An MPS daemon of our own: several processes then share the device without switching contexts."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_COMMAND = "nvidia-cuda-mps-control"
_PATIENCE_S = 10.0


class MpsUnavailable(Exception):
    """No daemon could be started; the message says why."""


class Mps:
    """Started and stopped by us, as the invoking user, in a directory of its own.

    It changes no setting of the device. Workers run as another user where the supervisor is root,
    so the server accepts several.
    """

    def __init__(self, folder: Path, command: str = _COMMAND) -> None:
        self._command = command
        self._pipe, self._log = folder / "pipe", folder / "log"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client needs."""
        return {"CUDA_MPS_PIPE_DIRECTORY": str(self._pipe)}

    def __enter__(self) -> Self:
        for folder in (self._pipe, self._log):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        options = ["-multiuser-server"] if os.getuid() == 0 else []
        try:
            subprocess.run(
                [self._command, "-d", *options], env=self._environment(), check=True,
                capture_output=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            self.__exit__()
            raise MpsUnavailable(f"{self._command} did not start: {error}") from error
        if not self._answers():
            self.__exit__()
            raise MpsUnavailable(f"{self._command} does not answer: {self._last_words()}")
        return self

    def _environment(self) -> dict[str, str]:
        own = {"CUDA_MPS_PIPE_DIRECTORY": str(self._pipe), "CUDA_MPS_LOG_DIRECTORY": str(self._log)}
        kept = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
        return {name: os.environ[name] for name in kept if name in os.environ} | own

    def _answers(self) -> bool:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if self._say("get_server_list"):
                return True
            time.sleep(0.05)
        return False

    def _say(self, order: str) -> bool:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run(
                [self._command], input=order.encode() + b"\n", env=self._environment(),
                capture_output=True, timeout=_PATIENCE_S, check=False,
            )  # fmt: skip
            return told.returncode == 0
        return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return (self._log / "control.log").read_text()[-300:]
        return "it left no log"

    def pids(self) -> tuple[int, ...]:
        """The daemon and its servers, now."""
        wanted = f"CUDA_MPS_PIPE_DIRECTORY={self._pipe}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                program = (entry / "comm").read_text()
                mine = program.startswith("nvidia-cuda-mps")
                if mine and wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return tuple(found)

    def __exit__(self, *reason: object) -> None:
        if not self.pids():
            return
        self._say("quit")
        deadline = time.monotonic() + _PATIENCE_S / 2
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
