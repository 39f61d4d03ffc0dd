"""Probe T2: the clock inside the worker against the supervisor's."""

import math
from collections.abc import Iterable
from statistics import median

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding

_RATIO, _GAP_US = 2.0, 200.0


class ClockAgreement:
    """In-process timers and the supervisor's clock saw the same call.

    The worker times each call as an in-process harness would. That time never counts; but if the
    submission tampered with the timers, the two disagree. It takes a factor of 2 and 200 us
    between the medians, after what other processes took is taken off the supervisor's.

    Known misses: timers that the worker does not use (`timer-patch` reads the source).

    Source: PROBES T2.
    """

    id = "clock-agreement"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        pairs = list(evidence.calls())
        calls = [result for _, result in pairs]
        if not calls:
            raise CannotJudge("the submission did not finish a single call")
        if any(not math.isfinite(call.reported.elapsed_us) for call in calls):
            claim = "reports a time that is not a number"
            yield Finding.proof("clock-disagreement", self.id, Family.TIMING, claim, n=len(calls))
            return
        reported = median(call.reported.elapsed_us for call in calls)
        most = median(call.observed.elapsed_us for call in calls)
        least = median(
            c.observed.elapsed_us - c.observed.contended_us - float(run.facts.get("fixed_us", 0.0))
            for run, c in pairs
        )
        if reported < least / _RATIO - _GAP_US or reported > most * _RATIO + _GAP_US:
            yield Finding.proof(
                "clock-disagreement",
                self.id,
                Family.TIMING,
                f"reports {reported:.1f} us by its own clock; the supervisor's saw {most:.0f} us",
                reported_us=reported,
                supervised_us=most,
                supervised_at_least_us=least,
                n=len(calls),
            )
