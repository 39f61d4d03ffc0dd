"""Probe T5: a known spin inside the window, before the call."""

import math
from collections.abc import Iterable, Iterator
from statistics import median

from integrity.detectors import habits
from integrity.errors import CannotJudge
from integrity.estimate import Estimate, slope
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Role

_STEEP = 1.25
_STRAIGHT = 1.1
_SHORTEST = 0.5
"""Of a spin, where it is counted in cycles of a device whose rate is not known beforehand."""


class Spin:
    """Every microsecond of a spin in the window is one more by both clocks.

    The worker spins for 2 and for 6 ms by the clock that in-process harnesses read; on a device for
    as many of its cycles as the reference does. A clock that runs fast cuts the spin short; one
    that runs slow, whose start is taken again, or whose answer is made up, shows less of it than
    the supervisor's. That needs no factor of 2 and no 200 us, as `clock-agreement` does. What other
    processes take lengthens both clocks' times alike.

    Known misses: clocks that are only changed where no harness of ours is on the stack; kernels
    whose own time scatters by milliseconds.

    Source: PROBES T5. Gold gate: the reference's clocks agree, and its spins last as long.
    """

    id = "spin"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, control = (_calls(evidence, role) for role in (Role.SUBMISSION, Role.REFERENCE))
        nominal = _length(control).ratio
        if nominal < _SHORTEST or not 1 / _STRAIGHT < _agreement(control).ratio < _STRAIGHT:
            raise CannotJudge("the reference's own time scatters more than the spins are long")
        length, agreement = _length(ours, min(1.0, nominal)), _agreement(ours)
        if length.high < 1 / _STEEP:
            claim = f"makes a spin of 1 us by its own clock last {length.ratio:.2f} us"
            yield habits.soft("clock-rescaled", self.id, Family.TIMING, claim, length)
        elif agreement.high < 1 / _STEEP or agreement.low > _STEEP:
            claim = f"counts {agreement.ratio:.2f} us by its own clock for each that passes"
            yield habits.soft("clock-rescaled", self.id, Family.TIMING, claim, agreement)


_Calls = list[tuple[float, float, float]]
"""For each call the spin and the times by the supervisor's clock and by the worker's own."""


def _calls(evidence: Evidence, role: Role) -> _Calls:
    """Disturbed ones too: a spin goes on while its processor is taken away, and ends on time."""
    run = habits.run_of(evidence)
    found = [
        (float(call.spin_us), r.observed.elapsed_us, r.reported.elapsed_us)
        for r in run.of(role)
        if r.call >= run.experiment.warmups and _alike(call := run.experiment.calls[r.call])
    ]
    return [each for each in found if math.isfinite(each[2])]


def _alike(call: Call) -> bool:
    """Calls that differ in nothing but their spin."""
    return habits.prompt(call) and not call.fresh_pages and habits.seen_before(call)


def _length(calls: _Calls, nominal: float = 1.0) -> Estimate:
    """Of a spin by the supervisor's clock, over `nominal` of what it was told to last."""
    return slope([(spin * nominal, observed) for spin, observed, _ in calls])


def _agreement(calls: _Calls) -> Estimate:
    """Of the two clocks on what a spin adds: the worker's over the supervisor's."""
    without = [observed for spin, observed, _ in calls if not spin]
    level = median(without) if without else 0.0
    return slope([(observed - level if spin else 0.0, own) for spin, observed, own in calls])
