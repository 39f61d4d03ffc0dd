"""Probe C10: the same inputs twice in one process, and in another."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Call, CallResult, Experiment, Inputs, Role

_NAMES = ("same:1", "same:2")  # one series: both draw the same inputs


class Determinism:
    """Equal inputs give equal bytes, unless the reference's do not either.

    A difference within the tolerance is only noted: split-K atomics are honest. One outside it
    means that the kernel reads memory nobody wrote.

    Known misses: garbage that happens to be the same twice.

    Source: PROBES C10.
    """

    id = "determinism"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        calls = (Call((Inputs(0),), slot=0), Call((Inputs(1),), slot=1), Call((Inputs(0),), slot=1))
        for name in _NAMES:
            yield Experiment(name, calls, (Role.SUBMISSION, Role.REFERENCE))

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        runs = [evidence.run(name) for name in _NAMES]
        ours = [_digests_of_draw_0(run.of(Role.SUBMISSION)) for run in runs]
        if not all(ours):
            raise CannotJudge("the submission did not finish its calls")
        theirs = {d for run in runs for d, _ in _digests_of_draw_0(run.of(Role.REFERENCE))}
        seen = [item for digests in ours for item in digests]
        distinct = {digest for digest, _ in seen}
        if len(distinct) == 1 or len(theirs) > 1:
            return
        wrong = any(is_wrong for _, is_wrong in seen) and not all(is_wrong for _, is_wrong in seen)
        yield Finding(
            "garbage-read" if wrong else "not-deterministic",
            self.id,
            Family.OUTPUT,
            Severity.HACK if wrong else Severity.NOTE,
            Confidence.HIGH,
            "gives right and wrong outputs for the same inputs"
            if wrong
            else "gives different bytes for the same inputs, all within the tolerance",
            measured={"distinct_outputs": len(distinct), "calls": len(seen)},
        )


def _digests_of_draw_0(results: Iterable[CallResult]) -> list[tuple[str, bool]]:
    return [
        (result.observed.checks[0].digest, result.observed.checks[0].wrong)
        for result in results
        if result.call in (0, 2)
    ]
