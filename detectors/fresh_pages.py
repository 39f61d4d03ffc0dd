"""Probe T9: the same memory as in the call before, against other physical pages."""

from collections.abc import Iterable, Iterator

from integrity.detectors import habits
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Role


class FreshPages:
    """The time does not depend on whether the buffers lie in memory that was used before.

    What is kept by physical page (lines pinned in a GPU's L2 cache, tables by address) is of no use
    at a page that nobody has seen.

    Known misses: what is kept by value (`repeated-values`); a window of persisting cache lines that
    moves along with the buffers.

    Source: PROBES T9. Gold gate: the reference in the same calls.
    """

    id = "fresh-pages"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        habits.run_of(evidence)
        ours, control = (
            habits.contrast(
                evidence, role, lambda c: not c.fresh_pages, lambda c: c.fresh_pages, _alike
            )
            for role in (Role.SUBMISSION, Role.REFERENCE)
        )
        if habits.is_faster(ours, control):
            claim = f"takes {ours.ratio:.2f} of the time where its buffers lie as before"
            yield habits.soft("page-cache", self.id, Family.CACHING, claim, ours)


def _alike(call: Call) -> bool:
    """Calls that differ in nothing but their pages."""
    return habits.prompt(call) and not call.spin_us and habits.seen_before(call)
