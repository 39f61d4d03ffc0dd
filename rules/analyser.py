"""Runs scans in a child process, because a hostile file can crash or stall a parser.

A file that kills the child, or takes too long, costs that child and a finding that says so;
the next file gets a fresh one. Messages are one JSON object a line.
"""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self, cast

from integrity.finding import Confidence, Family, Finding, Severity, Span
from integrity.policy import Dependencies
from integrity.rules.unanalysable import Unanalysable
from integrity.submission import Submission

BUDGET_S = 10.0
"""Time a scan may take on the wall, whatever else the machine does; on the processor it is 2 s."""

START_S = 20.0
"""Time a child may take to start, on a machine with other work."""

WHOLE = Span(1, 1, 1, 2)
ANY = Dependencies()


@dataclass(frozen=True, slots=True)
class Death:
    """A child that ended in the middle of a scan."""

    how: str


class Analyser:
    """A warm child process that scans one submission after another."""

    def __init__(self, budget_s: float = BUDGET_S) -> None:
        self.budget_s = budget_s
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child is not None else None

    def close(self) -> None:
        """End the child. Scanning again starts another."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _close(pipe)

    def scan(
        self, submission: Submission, entry: str = "", allows: Dependencies = ANY
    ) -> list[Finding]:
        """Findings of every rule; `unanalysable` when the child did not live to tell."""
        if submission.unreadable:
            return [_unanalysable(f"the file {submission.unreadable}")]
        request = {
            "text": submission.text,
            "path": str(submission.path),
            "entry": entry,
            "imports": allows.imports,
            "forbidden": allows.forbidden,
        }
        line = json.dumps(request).encode() + b"\n"
        try:
            answer = self._asked(line)
            if isinstance(answer, Death):  # it may have died of something else, between files
                answer = self._asked(line)
        except BaseException:
            self.close()  # on Ctrl-C the answer of this file must not be read as the next one's
            raise
        if isinstance(answer, Death):
            return [_unanalysable(f"it kills the parser ({answer.how})")]
        if answer is None:
            return [_unanalysable(f"the scan takes longer than {self.budget_s:g} s")]
        if "reason" in answer:
            return [_unanalysable(str(answer["reason"]))]
        return [_finding(row) for row in cast(list[dict[str, object]], answer["findings"])]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        command = [sys.executable, "-I", "-m", "integrity.rules.analyser_child"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._child = child
        ready = _line(child, time.monotonic() + START_S)
        if ready is None:
            self.close()
            raise RuntimeError("the analyser's process does not start")
        return child

    def _asked(self, request: bytes) -> dict[str, object] | Death | None:
        """The child's answer, or how it died; None when its time is up."""
        child = self._started()
        try:
            cast(IO[bytes], child.stdin).write(request)
            cast(IO[bytes], child.stdin).flush()
            line = _line(child, time.monotonic() + self.budget_s)
        except BrokenPipeError:
            line = b""
        if line is None:
            self.close()
            return None
        if not line.endswith(b"\n"):
            code = child.wait()
            self.close()
            return Death(_signal_name(code))
        return cast(dict[str, object], json.loads(line))


def _line(child: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """One line from the child; None when time is up, a broken one when it died."""
    import os

    descriptor = cast(IO[bytes], child.stdout).fileno()
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            part = os.read(descriptor, 1 << 16)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)
    return None


def _signal_name(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _unanalysable(reason: str) -> Finding:
    return Unanalysable().finding(WHOLE, f"can't be analysed: {reason}")


def _finding(row: dict[str, object]) -> Finding:
    span = cast(list[int], row["span"])
    return Finding(
        id=str(row["id"]),
        source="static",
        family=Family(str(row["family"])),
        severity=Severity(cast(int, row["severity"])),
        confidence=Confidence(cast(int, row["confidence"])),
        claim=str(row["claim"]),
        span=Span(*span),
    )
