"""How a worker can end, and in which words that is told."""

import contextlib
import json
import os
import select
import signal

from integrity.worker import wire

_STATUS_BYTES = 4096


class WorkerDied(Exception):
    """A worker ended, timed out or talked nonsense. `how` says which, in words."""

    def __init__(
        self, how: str, exit_code: int | None = None, limit_s: float | None = None
    ) -> None:
        super().__init__(how)
        self.how = how
        self.exit_code = exit_code
        self.limit_s = limit_s


class WorkerRaised(Exception):
    """The worker lives, but what it was asked to do raised."""

    def __init__(self, error: str, trace: str) -> None:
        super().__init__(error)
        self.error = error
        self.trace = trace


def timed_out(limit_s: float) -> WorkerDied:
    """It did not answer in time."""
    return WorkerDied(f"timed out after {limit_s:.3g} s", limit_s=limit_s)


def last_words(status: int) -> wire.Message:
    """What the keeper's end of the pipe says of it."""
    readable, _, _ = select.select([status], [], [], 5.0)
    raw = os.read(status, _STATUS_BYTES) if readable else b""
    with contextlib.suppress(ValueError):
        words = json.loads(raw.splitlines()[0]) if raw else {}
        return words if isinstance(words, dict) else {}
    return {}


def how_it_died(status: object) -> WorkerDied:
    """In words, from what wait(2) said."""
    if not isinstance(status, int):
        return WorkerDied("ended without a trace")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return WorkerDied(f"was killed by {name}")
    code = os.WEXITSTATUS(status)
    return WorkerDied(f"left the process with exit status {code}", exit_code=code)
