"""Probe T5: a known spin inside the window, before the call."""

import math
from collections.abc import Callable, Iterable, Iterator

from integrity.detectors import habits
from integrity.errors import CannotJudge
from integrity.estimate import Estimate, slope
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, CallResult, Experiment, Role

_CLOCKS: dict[str, Callable[[CallResult], float]] = {
    "its own clock": lambda result: result.reported.elapsed_us,
    "the supervisor's clock": lambda result: result.observed.elapsed_us,
}
_STEEP = 1.25
_STRAIGHT = 1.1


class Spin:
    """Every microsecond of a spin in the window is one more by every clock.

    The worker spins for 2 and for 6 ms by the clock that in-process harnesses read. A clock that
    runs at another rate makes the supervisor's slope wrong; one whose start is taken again, or
    whose answer is made up, its own. That needs no factor of 2 and no 200 us, as `clock-agreement`
    does.

    Known misses: clocks that are only changed where no harness of ours is on the stack; kernels
    whose own time scatters by milliseconds.

    Source: PROBES T5. Gold gate: the reference's slopes in the same calls are 1.
    """

    id = "spin"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield habits.experiment(seed)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        for name, clock in _CLOCKS.items():
            ours, control = (
                _slope(evidence, role, clock) for role in (Role.SUBMISSION, Role.REFERENCE)
            )
            if not 1 / _STRAIGHT < control.ratio < _STRAIGHT:
                raise CannotJudge("the reference's own time scatters more than the spins are long")
            if ours.high < 1 / _STEEP or ours.low > _STEEP:
                claim = f"makes {ours.ratio:.2f} us of every microsecond that passes, by {name}"
                yield habits.soft("clock-rescaled", self.id, Family.TIMING, claim, ours)
                return


def _slope(evidence: Evidence, role: Role, clock: Callable[[CallResult], float]) -> Estimate:
    """Of the time by that clock over the spin's length."""
    run = habits.run_of(evidence)
    points = []
    for result in run.of(role):
        # Disturbed calls too: a spin goes on while its processor is taken away, and ends on time.
        call, time_us = run.experiment.calls[result.call], clock(result)
        if result.call >= run.experiment.warmups and _alike(call) and math.isfinite(time_us):
            points.append((float(call.spin_us), time_us))
    return slope(points)


def _alike(call: Call) -> bool:
    """Calls that differ in nothing but their spin."""
    return habits.prompt(call) and not call.fresh_pages and habits.seen_before(call)
