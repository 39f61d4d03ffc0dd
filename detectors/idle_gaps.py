"""Probe T4: idle time before the gate opens and after done."""

from collections.abc import Iterable, Iterator

from integrity.detectors import habits
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Experiment, Role


class IdleGaps:
    """The time does not depend on 0, 0.1, 1 or 10 ms of idling round the window.

    A kernel that is faster after a pause used the pause: background threads, deferred work.

    Known misses: background work shorter than the shortest pause.

    Source: PROBES T4. Gold gate: the reference under the same gaps.
    """

    id = "idle-gaps"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, control = (
            habits.contrast(evidence, role, lambda c: c.gap_us >= 10_000, lambda c: c.gap_us <= 100)
            for role in (Role.SUBMISSION, Role.REFERENCE)
        )
        if habits.is_faster(ours, control):
            claim = f"takes {ours.ratio:.2f} of the time after 10 ms of idling"
            yield habits.soft("works-while-idle", self.id, Family.TIMING, claim, ours)
