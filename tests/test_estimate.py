"""Intervals that hold: blocks of one worker lifetime have more in common than blocks of two."""

import numpy as np
import pytest

from integrity.errors import CannotJudge
from integrity.estimate import paired_speedup
from integrity.run import Call, CallResult, Experiment, Inputs, Observed, Reported, Role, Run

ROLES = (Role.REFERENCE, Role.SUBMISSION, Role.NULL)


def a_run(times: np.ndarray) -> Run:
    """One lifetime; a row for each call, a column for each role."""
    results = [
        CallResult(call, role, Observed(float(us), 0.0, ()), Reported(0.0))
        for call, row in enumerate(times)
        for role, us in zip(ROLES, row, strict=True)
    ]
    calls = tuple(Call((Inputs(n),)) for n in range(len(times)))
    return Run(Experiment("pairs", calls, ROLES), tuple(results))


def lifetimes(
    random: np.random.Generator, spread: float, noise: float, count: int = 3
) -> list[Run]:
    """The same kernel twice; where memory lies moves a whole lifetime by `spread`."""
    found = []
    for _ in range(count):
        moved = random.normal(0, spread)
        us = 100 * np.exp(random.normal(0, noise, (10, 3)))
        us[:, 0] *= np.exp(moved)
        us[:, 2] = 20
        found.append(a_run(us + np.array([20, 20, 0])))
    return found


@pytest.mark.parametrize(("spread", "noise", "least"), [(0.012, 0.005, 0.8), (0.0, 0.01, 0.93)])
def test_the_interval_of_equal_kernels_covers_one(
    spread: float, noise: float, least: float
) -> None:
    random = np.random.default_rng(7)
    found = [
        paired_speedup(lifetimes(random, spread, noise), Role.REFERENCE, Role.SUBMISSION)
        for _ in range(60)
    ]
    assert np.mean([each.low <= 1 <= each.high for each in found]) >= least


def test_a_lifetime_that_lost_blocks_counts_with_what_it_has() -> None:
    random = np.random.default_rng(7)
    first, *others = lifetimes(random, 0.0, 0.001)
    short = Run(first.experiment, tuple(r for r in first.results if r.call < 2))
    estimate = paired_speedup([short, *others], Role.REFERENCE, Role.SUBMISSION)
    assert estimate.n == 22
    assert estimate.ratio == pytest.approx(1, abs=0.01)


def test_too_few_blocks_are_no_estimate() -> None:
    random = np.random.default_rng(7)
    first = lifetimes(random, 0.0, 0.001, count=1)[0]
    short = Run(first.experiment, tuple(r for r in first.results if r.call < 2))
    with pytest.raises(CannotJudge, match="2 timed blocks are too few"):
        paired_speedup([short], Role.REFERENCE, Role.SUBMISSION)
