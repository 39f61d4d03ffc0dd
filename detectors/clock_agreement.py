"""Probe T2: the clock inside the worker against the supervisor's."""

import math
from collections.abc import Iterable
from statistics import median

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.run import SHARED_CORES, CallResult, Run

_RATIO, _GAP_US, _MOST = 2.0, 200.0, 0.75


class ClockAgreement:
    """In-process timers and the supervisor's clock saw the same call.

    The worker times each call as an in-process harness would. That time never counts; but if the
    submission tampered with the timers, the two disagree. It takes a factor of 2 and 200 us in
    three calls of four, after what other processes took is taken off the supervisor's: a machine
    with more to do than it has cores delays half of the calls and more. Runs whose
    supervisor had no core of its own, as those made side by side, are not asked.

    Known misses: timers that the worker does not use (`timer-patch` reads the source).

    Source: PROBES T2.
    """

    id = "clock-agreement"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        every = list(evidence.calls())
        pairs = [(run, call) for run, call in every if SHARED_CORES not in run.facts]
        calls = [result for _, result in pairs]
        if not every:
            raise CannotJudge("the submission did not finish a single call")
        if not calls:
            raise CannotJudge("supervisor and submission shared their cores")
        if any(not math.isfinite(call.reported.elapsed_us) for call in calls):
            claim = "reports a time that is not a number"
            yield Finding.proof("clock-disagreement", self.id, Family.TIMING, claim, n=len(calls))
            return
        apart = sum(_apart(run, call) for run, call in pairs)
        if apart >= _MOST * len(calls):
            reported = median(call.reported.elapsed_us for call in calls)
            supervised = median(call.observed.elapsed_us for call in calls)
            yield Finding.proof(
                "clock-disagreement",
                self.id,
                Family.TIMING,
                f"reports {reported:.1f} us by its own clock; the supervisor's saw "
                f"{supervised:.0f} us",
                reported_us=reported,
                supervised_us=supervised,
                calls_apart=apart,
                n=len(calls),
            )


def _apart(run: Run, call: CallResult) -> bool:
    """Whether the two clocks can't both be right about this call."""
    reported, most = call.reported.elapsed_us, call.observed.elapsed_us
    fixed_us = float(run.facts.get("fixed_us", 0.0))
    least = most - call.observed.contended_us - fixed_us
    return reported < least / _RATIO - _GAP_US or reported > most * _RATIO + _GAP_US
