"""Probe T3: 1, 2, 4, 8 and 16 calls in one window, each with its own input and check."""

from collections.abc import Iterable, Iterator
from statistics import median

from integrity.detectors import habits
from integrity.errors import CannotJudge
from integrity.estimate import Estimate, ratio_of_medians
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role, Run

SIZES = (1, 2, 4, 8, 16)
_REPEATS, _FEW = 2, 2
_LEAST_US = 10.0
"""A shorter call drowns in what a window costs by itself, which a large one shares."""


class Batches:
    """The time grows linearly with the number of calls in the window.

    Work that is done once and skipped afterwards, or a capture amortised over the window, makes
    the calls of a large window cheaper than those of a small one.

    Windows of large problems are cut to what their memory is worth, and four calls at least.

    Known misses: honest batching of independent calls looks the same, so the finding is soft.

    Source: PROBES T3. Gold gate: the reference in the same windows.
    """

    id = "batches"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        windows = [SIZES[0], SIZES[0], *(SIZES * _REPEATS)]
        calls = [Call(tuple(Inputs(draw) for draw in range(size))) for size in windows]
        roles = (Role.SUBMISSION, Role.REFERENCE, Role.NULL)
        yield Experiment(self.id, tuple(calls), roles, warmups=2, timed=True)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = evidence.run(self.id)
        if run.death_of(Role.SUBMISSION):
            raise CannotJudge("the submission died in the timing experiment")
        ours, control = (_large_over_small(run, r) for r in (Role.SUBMISSION, Role.REFERENCE))
        if habits.is_faster(ours, control):
            claim = f"takes {ours.ratio:.2f} of the time a call when many share a window"
            yield habits.soft("batch-and-skip", self.id, Family.CACHING, claim, ours)


def _large_over_small(run: Run, role: Role) -> Estimate:
    """Net time a call in the widest windows and those half as wide over that in 1 and 2."""
    windows = [len(call.inputs) for call in run.experiment.calls]
    cost = {r.call: r.observed.elapsed_us for r in run.of(Role.NULL) if r.observed.clean}
    small: list[float] = []
    large: list[float] = []
    for result in run.of(role):
        size = windows[result.call]
        usable = result.observed.clean and result.call in cost
        if result.call < run.experiment.warmups or not usable or _FEW < size < max(windows) / 2:
            continue
        net_us = max(result.observed.elapsed_us - cost[result.call], 1.0) / size
        (small if size <= _FEW else large).append(net_us)
    if role is Role.SUBMISSION and small and median(small) < _LEAST_US:
        raise CannotJudge("one call takes no longer than the clock's noise")
    return ratio_of_medians(large, small)
