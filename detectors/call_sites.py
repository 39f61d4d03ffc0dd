"""Probe T8: call sites that look like a benchmark's and like a check's."""

from collections.abc import Iterable, Iterator

from integrity.detectors import habits
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Experiment, Role, Site


class CallSites:
    """The time does not depend on which function of the harness makes the call.

    A submission that walks the stack or counts calls behaves when it is being checked and skips
    work when it is being timed. Every call is both here; only the names differ.

    Known misses: phase detection by anything but names and order.

    Source: PROBES T8. Gold gate: the reference at the same sites.
    """

    id = "call-sites"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        for fast, slow in ((Site.BENCHMARK, Site.EVALUATE), (Site.EVALUATE, Site.BENCHMARK)):
            ours, control = (
                habits.contrast(
                    evidence,
                    role,
                    lambda c, site=fast: c.site is site,  # type: ignore[misc]
                    lambda c, site=slow: c.site is site,  # type: ignore[misc]
                )
                for role in (Role.SUBMISSION, Role.REFERENCE)
            )
            if habits.is_faster(ours, control):
                claim = f"takes {ours.ratio:.2f} of the time at call sites named for a {fast}"
                yield habits.soft("phase-detection", self.id, Family.INPUT, claim, ours)
