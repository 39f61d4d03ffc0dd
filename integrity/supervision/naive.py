"""What an ordinary in-process harness would have paid for a submission: see `worker.naive`.

The numbers are the submission's own word. They are for showing beside audited ones, never for
deciding anything.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from integrity.errors import CannotJudge
from integrity.problem import Problem, Task
from integrity.submission import Submission
from integrity.supervision.bench import SUBMITTED
from integrity.supervision.endings import WorkerDied, WorkerRaised
from integrity.supervision.workers import Worker, Zygote

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


def raw_rewards(
    zygote: Zygote, task: Task, submissions: Sequence[Submission], timeout_s: float
) -> list[Raw]:
    """For each: load, check once and time in one sandboxed process, all within its reach.

    Several run side by side, and disturb each other as they would there.
    """
    if task.problem is None:
        raise CannotJudge("there is no reference to measure against")
    zygote.channels = {}
    with ExitStack() as stack:
        asked = [_ask(zygote, task, task.problem, each, stack) for each in submissions]
        return [_heard(each, timeout_s) for each in asked]


def _ask(
    zygote: Zygote, task: Task, problem: Problem, submission: Submission, stack: ExitStack
) -> Worker | WorkerDied:
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
        "entry": task.entry,
    }
    try:
        worker = zygote.spawn()
        stack.callback(worker.end)
        worker.tell(message)
    except WorkerDied as death:
        return death
    return worker


def _heard(asked: Worker | WorkerDied, timeout_s: float) -> Raw:
    try:
        if isinstance(asked, WorkerDied):
            raise asked
        return _parsed(asked.hear(timeout_s))
    except (WorkerDied, WorkerRaised) as error:
        return Raw(False, error=str(error).partition("\n")[0][:200])


def _parsed(answer: Mapping[str, object]) -> Raw:
    """The answer as far as it makes sense: a hostile process wrote it."""
    names = ("time_us", "reference_us", "copy_us")
    time_us, reference_us, copy_us = (_time(answer.get(name)) for name in names)
    return Raw(answer.get("passed") is True, time_us, reference_us, copy_us)


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(0.0, min(float(value), 1e12))
