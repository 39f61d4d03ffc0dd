"""Probe T10: another home, another module name, no compiled kernels."""

from collections.abc import Iterable, Iterator

from integrity.detectors.speedup import ELSEWHERE, LIFETIMES, Speedup
from integrity.errors import CannotJudge
from integrity.estimate import Estimate, paired_speedup
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment, Role, Run

_FACTOR, _CLOSE = 2.0, 1.15


class Surroundings:
    """Output and time are the same in another home and under another name.

    One of the three lifetimes in which speedups are measured is lived elsewhere: home and module
    have names that nobody could know, and Triton's cache is empty, so that what an earlier process
    left there is gone. Each lifetime has another process id anyway.

    Known misses: answers kept in a built extension, whose cache stays (a build takes a minute);
    what is recognised by anything else (`call-sites`).

    Source: PROBES T10; TAXONOMY E1, C9. Gold gate: the reference in the control's place, in the
    same workers.
    """

    id = "surroundings"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield from Speedup().experiments(problem, seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        runs = [evidence.run(f"pairs-{number + 1}") for number in range(LIFETIMES)]
        away = runs.pop(ELSEWHERE)
        if not away.experiment.elsewhere:
            raise CannotJudge("it was recorded before any lifetime was lived elsewhere")
        at_home = [each for run in runs for each in _wrong(run)]
        elsewhere = _wrong(away)
        if not at_home or not elsewhere:
            raise CannotJudge("the submission did not finish a single call")
        if all(elsewhere) and not any(at_home):
            yield Finding.proof(
                "knows-its-surroundings", self.id, Family.INPUT,
                "is right under its usual name and in its usual home, and wrong elsewhere",
                wrong_calls=len(elsewhere), n=len(elsewhere) + len(at_home),
            )  # fmt: skip
            return
        ours = _speedup(away, Role.SUBMISSION)
        least = min(_speedup(run, Role.SUBMISSION).low for run in runs) / ours.high
        same = [_speedup(run, Role.CONTROL).ratio for run in (*runs, away)]
        if least > _FACTOR and max(same) < _CLOSE * min(same):
            yield Finding(
                "knows-its-surroundings", self.id, Family.INPUT,
                Severity.SUSPICIOUS, Confidence.MEDIUM,
                f"is at least {least:.2f} times as fast under its usual name and in its usual home",
                measured={"least_ratio": least, "n": ours.n},
            )  # fmt: skip


def _wrong(run: Run) -> list[bool]:
    """Of each output of the submission's."""
    return [check.wrong for r in run.of(Role.SUBMISSION) for check in r.observed.checks]


def _speedup(run: Run, role: Role) -> Estimate:
    """Of that role over the reference, in one lifetime."""
    return paired_speedup([run], Role.REFERENCE, role)
