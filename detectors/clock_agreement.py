"""Probe T2: the clock inside the worker against the supervisor's."""

import math
from collections.abc import Iterable
from statistics import median

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding

_RATIO, _GAP_US, _LEAST = 2.0, 200.0, 3


class ClockAgreement:
    """In-process timers and the supervisor's clock saw the same call.

    The worker times each call as an in-process harness would. That time never counts; but if the
    submission tampered with the timers, the two disagree. It takes a factor of 2 and 200 us in
    the median call: scheduling noise is inside both.

    Known misses: timers that the worker does not use (`timer-patch` reads the source).

    Source: PROBES T2.
    """

    id = "clock-agreement"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        pairs = [
            (r.reported.elapsed_us, r.observed.elapsed_us)
            for _, r in evidence.calls()
            if r.observed.clean
        ]
        if len(pairs) < _LEAST:
            raise CannotJudge(f"{len(pairs)} undisturbed calls are too few to compare clocks")
        if any(not math.isfinite(reported) for reported, _ in pairs):
            claim = "reports a time that is not a number"
            yield Finding.proof("clock-disagreement", self.id, Family.TIMING, claim, n=len(pairs))
            return
        reported, seen = (median(side) for side in zip(*pairs, strict=True))
        low, high = sorted((max(reported, 0.001), seen))
        if high / low > _RATIO and high - low > _GAP_US:
            yield Finding.proof(
                "clock-disagreement",
                self.id,
                Family.TIMING,
                f"reports {reported:.1f} us by its own clock; the supervisor's saw {seen:.0f} us",
                reported_us=reported,
                supervised_us=seen,
                n=len(pairs),
            )
