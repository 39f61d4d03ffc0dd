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


class Spin:
    """Every microsecond of a spin in the window is one more by both clocks.

    The worker spins for 2 and for 6 ms by the clock that in-process harnesses read. A clock that
    runs fast cuts the spin short; one that runs slow, whose start is taken again, or whose answer
    is made up, shows less of it than the supervisor's. That needs no factor of 2 and no 200 us, as
    `clock-agreement` does. What other processes take lengthens both clocks' times alike.

    Known misses: clocks that are only changed where no harness of ours is on the stack; kernels
    whose own time scatters by milliseconds.

    Source: PROBES T5. Gold gate: the reference's slopes in the same calls are 1.
    """

    id = "spin"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, control = (_calls(evidence, role) for role in (Role.SUBMISSION, Role.REFERENCE))
        length, agreement = _length(ours), _agreement(ours)
        if _length(control).ratio < 1 / _STRAIGHT or not (
            1 / _STRAIGHT < _agreement(control).ratio < _STRAIGHT
        ):
            raise CannotJudge("the reference's own time scatters more than the spins are long")
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


def _length(calls: _Calls) -> Estimate:
    """Of a spin by the supervisor's clock, over what the worker's says."""
    return slope([(spin, observed) for spin, observed, _ in calls])


def _agreement(calls: _Calls) -> Estimate:
    """Of the two clocks on what a spin adds: the worker's over the supervisor's."""
    without = [observed for spin, observed, _ in calls if not spin]
    level = median(without) if without else 0.0
    return slope([(observed - level if spin else 0.0, own) for spin, observed, own in calls])
