"""What an ordinary in-process harness would have paid for a submission: see `worker.naive`.

The numbers are the submission's own word. They are for showing beside audited ones, never for
deciding anything.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from integrity.problem import Problem
from integrity.submission import Submission
from integrity.supervision.bench import SUBMITTED
from integrity.supervision.workers import WorkerDied, WorkerRaised, Zygote

_MOST = 1e6
"""A clock that was stopped claims an infinite speedup; this is as much as is written down."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A naive harness's word on one submission."""

    passed: bool
    time_us: float | None = None
    reference_us: float | None = None
    copy_us: float | None = None
    """A copy of the inputs, timed before the submission was loaded: this machine's memory."""

    error: str = ""

    @property
    def speedup(self) -> float | None:
        """What would have been paid; None where the check failed."""
        if not self.passed or self.time_us is None or self.reference_us is None:
            return None
        return min(self.reference_us / max(self.time_us, self.reference_us / _MOST), _MOST)


def raw_reward(
    zygote: Zygote, problem: Problem, entry: str, submission: Submission, timeout_s: float
) -> Raw:
    """Load, check once and time in one sandboxed process, all of it in the submission's reach."""
    message = {
        "do": "naive",
        "problem": dict(problem.sources),
        "names": {
            "reference": problem.reference,
            "make_inputs": problem.make_inputs,
            "make_init_inputs": problem.make_init_inputs,
        },
        "convention": problem.convention,
        "workload": dict(problem.workloads[0]),
        "modules": {SUBMITTED: submission.text},
        "module": SUBMITTED,
        "entry": entry,
    }
    zygote.channels = {}
    worker = None
    try:
        worker = zygote.spawn()
        return _parsed(worker.ask(message, timeout_s))
    except (WorkerDied, WorkerRaised) as error:
        return Raw(False, error=str(error).partition("\n")[0][:200])
    finally:
        if worker is not None:
            worker.end()


def _parsed(answer: Mapping[str, object]) -> Raw:
    """The answer as far as it makes sense: a hostile process wrote it."""
    times = [_time(answer.get(name)) for name in ("time_us", "reference_us", "copy_us")]
    passed = answer.get("passed") is True and None not in times[:2]
    return Raw(passed, *times)


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(0.0, min(float(value), 1e12))
