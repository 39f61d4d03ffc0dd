"""How a submission came to be timed: what a reader of its speedup has to know."""

from collections import Counter
from collections.abc import Iterable

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import CallResult, Role

_MOSTLY = 0.5


class Conditions:
    """Behind a closed gate nothing but enqueued work can happen in the window.

    A submission that reads its inputs on the host, or synchronises, never gets ready behind it: the
    gate opens while it runs, and its host's time is part of its time. Calls in which the device
    was throttled or not ours alone are dropped. Neither speaks against it, so these are notes.

    Known misses: none; it repeats what the supervisor recorded.

    Source: SUPERVISION, protocol 5; NVML.
    """

    id = "conditions"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        timed = [
            result
            for run in evidence.every_run()
            if run.experiment.timed
            for result in run.results
            if result.call >= run.experiment.warmups
        ]
        if not timed:
            raise CannotJudge("nothing was timed")
        ours = [result for result in timed if result.role is Role.SUBMISSION]
        opened = sum(result.observed.open_gate for result in ours)
        if opened > _MOSTLY * len(ours):
            claim = "needs its host once its inputs exist: host time is part of its time"
            yield self._note("open-gate", claim, opened_calls=opened, calls=len(ours))
        yield from self._disturbances(timed)

    def _disturbances(self, timed: list[CallResult]) -> Iterable[Finding]:
        reasons = Counter(r.observed.disturbance for r in timed if r.observed.disturbance)
        for reason, count in reasons.most_common(1):
            claim = f"was timed on a device that was not itself in some calls: {reason}"
            yield self._note("disturbed-device", claim, dropped_calls=count, calls=len(timed))

    def _note(self, name: str, claim: str, **measured: int) -> Finding:
        return Finding(
            name, self.id, Family.TIMING, Severity.NOTE, Confidence.HIGH, claim,
            measured=dict(measured),
        )  # fmt: skip
