"""Measuring one candidate: the naive harness's word, reading, a short screening, an audit."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from integrity.audit import Audit, audit
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Detector
from integrity.detectors.static import Static
from integrity.errors import BadInput, CannotJudge
from integrity.finding import Family
from integrity.operating import OperatingPoint
from integrity.policy import GENERATOR, Policy
from integrity.problem import Problem, Task, Workload
from integrity.replay import frozen
from integrity.request import Isolation, Level, Progress, Request
from integrity.rules.analyser import Analyser
from integrity.search.hidden import Everywhere, drawn, varying
from integrity.submission import Submission
from integrity.supervision.machine import Machine, machine
from integrity.supervision.naive import raw_rewards
from integrity.supervision.rehearsal import try_problem
from integrity.verdict import Label, weigh

Body = dict[str, Any]
_RAW_TIMEOUT_S = 60.0
_RUNS_AGAIN = 2
_SIDE_BY_SIDE = 12
"""Most of a naive run on a GPU is compiling."""


class Evaluator(Protocol):
    """Measures; holds no opinion on what to do with it. Results are plain JSON."""

    @property
    def jobs(self) -> int:
        """Texts that are worth handing to `raws` at once."""
        ...

    @property
    def varying(self) -> tuple[str, ...]:
        """Names of the sizes that are drawn anew for every screening and audit."""
        ...

    def raws(self, texts: Sequence[str]) -> list[Body]:
        """For each: `speedup` or None, `time_us`, `copy_us`, `error`, `seconds`."""
        ...

    def static(self, text: str) -> Body:
        """The verdict from reading alone: `label`, `sentence`, `seconds`."""
        ...

    def screen(self, text: str, seed: int) -> Body:
        """A short supervised look, at hidden sizes where there are any: `label`, `sentence`,
        `audited` and `low`, None where it could not be timed, `points`, `seconds`.
        """
        ...

    def audit(self, text: str, seed: int) -> tuple[Body, str]:
        """The supervised verdict, with inputs and shapes drawn from that seed; its evidence.

        `audited`, `low` and `high` are of the sizes where it is slowest, `points` of the hidden
        ones. `label` is what the loop may act on; `monitor` what every family says together.
        """
        ...


@dataclass(frozen=True, slots=True)
class Supervised:
    """The real evaluator: everything runs in sandboxes forked from one warm process."""

    task: Task
    level: Level
    policy: Policy
    machine: Machine
    detectors: Sequence[Detector]
    held_out: Family | None
    timeout_s: float
    isolation: Isolation
    progress: Progress
    jobs: int
    varying: tuple[str, ...] = ()
    """As `Evaluator`; empty where the problem has none that could be drawn."""

    def raws(self, texts: Sequence[str]) -> list[Body]:
        """As `Evaluator`."""
        start = time.monotonic()
        kernels = [Submission.of(text) for text in texts]
        found = raw_rewards(self.machine.zygote, self.task, kernels, _RAW_TIMEOUT_S)
        seconds = round((time.monotonic() - start) / len(texts), 3)
        return [asdict(raw) | {"speedup": raw.speedup, "seconds": seconds} for raw in found]

    def static(self, text: str) -> Body:
        """As `Evaluator`."""
        start = time.monotonic()
        found = audit(self._request(text, Level.STATIC, 0), detectors=self.detectors)
        return {
            "label": found.verdict.label.value,
            "sentence": found.verdict.sentence,
            "seconds": round(time.monotonic() - start, 3),
        }

    def screen(self, text: str, seed: int) -> Body:
        """As `Evaluator`."""
        start = time.monotonic()
        points = self._in_passing(text, seed)
        everywhere = Everywhere.of(None, points)
        return {
            "label": everywhere.label(Label.INCONCLUSIVE).value,
            "sentence": everywhere.broken or "Right wherever it was screened.",
            "audited": everywhere.speedup.audited,
            "low": everywhere.speedup.low,
            "points": [asdict(point) for point in points],
            "seed": seed,
            "seconds": round(time.monotonic() - start, 3),
        }

    def _in_passing(self, text: str, seed: int) -> tuple[OperatingPoint, ...]:
        """One short run at hidden sizes, or at the declared where there are no others."""
        shapes = self._hidden(seed) or self.problem.workloads
        request = self._request(text, self.level, seed, shapes)
        return audit(request, self.progress, (), warm=self.machine).points

    def audit(self, text: str, seed: int) -> tuple[Body, str]:
        """As `Evaluator`."""
        start = time.monotonic()
        request = self._request(text, self.level, seed, self._hidden(seed))
        found = audit(request, self.progress, self.detectors, warm=self.machine)
        points = self._timed(found, text, seed)
        everywhere = Everywhere.of(found.verdict.speedup, points)
        speedup = everywhere.speedup
        body = {
            "label": everywhere.label(self._loop_label(found)).value,
            "monitor": everywhere.label(found.verdict.label).value,
            "sentence": everywhere.broken or found.verdict.sentence,
            "p_hack": found.verdict.p_hack,
            "audited": speedup.audited,
            "low": speedup.low,
            "high": speedup.high,
            "points": [asdict(point) for point in points],
            "families": sorted({f.family.value for f in found.verdict.findings}),
            "blind": any(each.decisive for each in found.verdict.abstentions),
            "seed": seed,
            "machine": str(found.provenance["machine"]),
            "seconds": round(time.monotonic() - start, 3),
        }
        return body, frozen(found).decode()

    def _timed(self, found: Audit, text: str, seed: int) -> tuple[OperatingPoint, ...]:
        """The hidden sizes of an audit, run again where others disturbed only them: that is a
        tenth of the audit, which would be for nothing. No answer is ever replaced by another.
        """
        points = found.points
        for _ in range(_RUNS_AGAIN):
            broken = any(point.broken for point in points)
            untimed = any(point.ratio is None for point in points)
            if broken or not untimed or found.verdict.speedup.audited is None:
                break
            points = self._in_passing(text, seed)
        return points

    def _loop_label(self, found: Audit) -> Label:
        """The verdict without the family that the loop may not see."""
        verdict = found.verdict
        if self.held_out is None:
            return verdict.label
        seen = [finding for finding in verdict.findings if finding.family is not self.held_out]
        return weigh(seen, verdict.abstentions, verdict.speedup, self.policy, verdict.caps).label

    @property
    def problem(self) -> Problem:
        """At its first workload, which is the one that is searched."""
        assert self.task.problem is not None
        return replace(self.task.problem, workloads=self.task.problem.workloads[:1])

    def _hidden(self, seed: int) -> tuple[Workload, ...]:
        return drawn(self.problem, self.varying, seed)

    def _request(
        self, text: str, level: Level, seed: int, hidden: tuple[Workload, ...] = ()
    ) -> Request:
        task = replace(self.task, problem=self.problem)
        return Request(
            Submission.of(text), task, self.policy, level, seed, self.timeout_s,
            self.isolation, hidden=hidden,
        )  # fmt: skip


@contextmanager
def supervised(
    task: Task,
    level: Level,
    policy: Policy = GENERATOR,
    held_out: Family | None = None,
    timeout_s: float = 120.0,
    isolation: Isolation = Isolation.AUTO,
    progress: Progress = lambda step: None,
) -> Iterator[Supervised]:
    """An evaluator with its machine warm; both are gone when the block is left.

    Raises:
        BadInput: no such device or isolation, or the reference fails by itself.
        CannotJudge: no worker can be started.
    """
    problem = task.problem
    assert problem is not None
    with Analyser() as analyser, machine(level, isolation) as warm:
        try:
            try_problem(warm.zygote, warm.backend, problem)
        except CannotJudge as error:
            raise BadInput(f"this problem can't be searched: {error}; mend it first") from error
        names = varying(problem, lambda other: _works(warm, other))
        detectors = [Static(analyser) if each.id == "static" else each for each in DETECTORS]
        yield Supervised(
            task, level, policy, warm, detectors, held_out, timeout_s, isolation, progress,
            _side_by_side(level, warm), names,
        )  # fmt: skip


def _side_by_side(level: Level, warm: Machine) -> int:
    """Naive runs at a time. On a processor they would take each other's cores."""
    return min(_SIDE_BY_SIDE, len(warm.zygote.allowed)) if level is Level.GPU else 1


def _works(warm: Machine, problem: Problem) -> bool:
    try:
        try_problem(warm.zygote, warm.backend, problem)
    except CannotJudge:
        return False
    return True
