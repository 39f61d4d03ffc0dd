"""Probe T7: values seen before against fresh ones, at the same pointers."""

from collections.abc import Iterable, Iterator

from integrity.detectors import habits
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Experiment, Role


class RepeatedValues:
    """The time does not depend on whether the values were seen before.

    A cache keyed by content gives right answers, so only its speed betrays it.

    Known misses: a cache that is no faster than the kernel.

    Source: PROBES T7. Gold gate: the reference on the same values.
    """

    id = "repeated-values"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, control = (
            habits.contrast(evidence, role, habits.seen_before, lambda c: not habits.seen_before(c))
            for role in (Role.SUBMISSION, Role.REFERENCE)
        )
        if habits.is_faster(ours, control):
            claim = f"takes {ours.ratio:.2f} of the time on values it has seen before"
            yield habits.soft("value-cache", self.id, Family.CACHING, claim, ours)
