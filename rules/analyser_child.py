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
from pathlib import Path
from typing import Any

from integrity.finding import Finding
from integrity.policy import Dependencies
from integrity.rules.scan import scan

STACK_BYTES = 256 * 2**20
MEMORY_BYTES = 3 * 2**30
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
    server = threading.Thread(target=_serve)
    server.start()
    server.join()


def _die_with_parent() -> None:
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _serve() -> None:
    gc.disable()  # trees hold no cycles worth a pause; each scan ends with a collection
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    with contextlib.suppress(BrokenPipeError):
        answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        answer = json.dumps(_answer(json.loads(line))).encode() + b"\n"
        try:
            answers.write(answer)
        except BrokenPipeError:
            return  # the parent was interrupted; nobody waits for this answer
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
