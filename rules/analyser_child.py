"""The analyser's child: reads one submission a line, answers with its findings."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from integrity.finding import Finding
from integrity.policy import Dependencies
from integrity.rules.scan import scan

STACK_BYTES = 256 * 2**20
MEMORY_BYTES = 3 * 2**30
BUDGET_S = 2.0
"""Processor time that a scan of up to 1 MB may take; a real kernel takes 20 ms."""

WATCH_S = 0.05
RECURSION_LIMIT = 20_000
"""Deep enough for any code that compiles; with 256 MB of stack it can't overflow."""


def main() -> None:
    """Serve until standard input ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it may be mid-answer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.setrecursionlimit(RECURSION_LIMIT)
    threading.stack_size(STACK_BYTES)
    turn = Turn()
    server = threading.Thread(target=_serve, args=(turn,))
    server.start()
    turn.watch(server)


def _die_with_parent() -> None:
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Turn:
    """The scan at hand: who answers it, and how much processor time it may take."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "wb", buffering=0)
        self._lock = threading.Lock()
        self._deadline_s = float("inf")

    def begin(self, size: int) -> None:
        """A scan of so many bytes begins, on this thread."""
        allowed = BUDGET_S * max(1.0, size / 2**20)
        with self._lock:
            self._deadline_s = time.thread_time() + allowed

    def answer(self, message: dict[str, object] | None) -> None:
        """Send the answer, if the watch has not given one.

        Raises:
            BrokenPipeError: the parent was interrupted; nobody waits for this answer.
        """
        with self._lock:
            self._deadline_s = float("inf")
            line = b"ready" if message is None else json.dumps(message).encode()
            self._answers.write(line + b"\n")

    def watch(self, server: threading.Thread) -> None:
        """Give up a scan whose time is spent, and with it this process."""
        assert server.ident is not None
        clock = time.pthread_getcpuclockid(server.ident)
        while server.is_alive():
            server.join(WATCH_S)
            with self._lock:
                if server.is_alive() and time.clock_gettime(clock) > self._deadline_s:
                    reason = f"the scan takes more than {BUDGET_S:g} s of processor time a MB"
                    with contextlib.suppress(BrokenPipeError):
                        self._answers.write(json.dumps({"reason": reason}).encode() + b"\n")
                    os._exit(1)


def _serve(turn: Turn) -> None:
    gc.disable()  # trees hold no cycles worth a pause; each scan ends with a collection
    with contextlib.suppress(BrokenPipeError):
        turn.answer(None)
    for line in sys.stdin.buffer:
        turn.begin(len(line))
        answer = _answer(json.loads(line))
        try:
            turn.answer(answer)
        except BrokenPipeError:
            return
        gc.collect(0)


def _answer(request: dict[str, Any]) -> dict[str, object]:
    try:
        imports = request["imports"]
        allowed = None if imports is None else tuple(imports)
        allows = Dependencies(allowed, tuple(request["forbidden"]))
        found = scan(request["text"], Path(request["path"]), request["entry"], allows=allows)
    except MemoryError:
        return {"reason": "the scan takes more memory than it may have"}
    except Exception as error:  # the process's edge: a crash is a finding, never silence
        return {"reason": f"the analyser fails on it ({type(error).__name__}: {error})"}
    return {"findings": [_row(finding) for finding in found]}


def _row(finding: Finding) -> dict[str, object]:
    span = finding.span
    assert span is not None
    return {
        "id": finding.id,
        "family": str(finding.family),
        "severity": int(finding.severity),
        "confidence": int(finding.confidence),
        "claim": finding.claim,
        "span": [span.line, span.column, span.end_line, span.end_column],
    }


if __name__ == "__main__":
    main()
