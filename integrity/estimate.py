"""Effect sizes with intervals: medians, ratios and the bootstrap."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from integrity.errors import CannotJudge
from integrity.run import Role, Run

_RESAMPLES = 2000
_LEAST_BLOCKS = 5
_LEAST_US = 1.0
"""Calibrated times are not taken to be shorter than this: below it they are the clock's noise."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio with its 95 % interval and how many samples it rests on."""

    ratio: float
    low: float
    high: float
    n: int

    quartiles: float = 1.0
    """The same ratio of the lower quartiles: disturbances only ever make a call slower, so a real
    effect shows there too."""

    def as_measured(self) -> dict[str, float | int | str]:
        """As a finding's numbers."""
        return {"ratio": self.ratio, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True, slots=True)
class Time:
    """How long one call takes, with its 95 % interval and how many windows it rests on."""

    us: float
    low_us: float
    high_us: float
    n: int

    width: int
    """Calls in a window, at least."""


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Median of the one over median of the other, resampled independently.

    Raises:
        CannotJudge: fewer than three samples on a side.
    """
    if min(len(above), len(below)) < 3:
        raise CannotJudge(f"{min(len(above), len(below))} timed calls are too few")
    a, b = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    ratios = _medians(a) / _medians(b)
    low, high = np.percentile(ratios, [2.5, 97.5])
    ratio = float(np.median(a) / np.median(b))
    quartiles = float(np.percentile(a, 25) / np.percentile(b, 25))
    return Estimate(ratio, float(low), float(high), len(a) + len(b), quartiles)


def slope(points: Sequence[tuple[float, float]]) -> Estimate:
    """Of y over x, where some x are 0: the median slope from the median at 0 to each other point.

    Raises:
        CannotJudge: fewer than three points at 0, or elsewhere.
    """
    level = np.asarray([y for x, y in points if x == 0], dtype=float)
    raised = np.asarray([(x, y) for x, y in points if x], dtype=float)
    if min(len(level), len(raised)) < 3:
        raise CannotJudge(f"{min(len(level), len(raised))} timed calls are too few")
    random = np.random.default_rng(0)
    picks = random.integers(0, len(raised), (_RESAMPLES, len(raised)))
    rises = raised[picks, 1] - _medians(level)[:, None]
    low, high = np.percentile(np.median(rises / raised[picks, 0], axis=1), [2.5, 97.5])
    found = float(np.median((raised[:, 1] - np.median(level)) / raised[:, 0]))
    return Estimate(found, float(low), float(high), len(points), found)


def _medians(values: Floats) -> Floats:
    random = np.random.default_rng(0)  # the verdict on the same record is always the same
    picks = random.integers(0, len(values), (_RESAMPLES, len(values)))
    return np.asarray(np.median(values[picks], axis=1))


def elapsed(run: Run, role: Role) -> dict[int, float]:
    """Call index to time in us: warm-ups and disturbed calls left out, early starts charged.

    A worker could use the moment between being thawed and giving its first sign of life to start
    early. What it takes there beyond the null's 95th percentile is added to its time.
    """
    idle = [r.observed.resume_us for r in run.of(Role.NULL)]
    allowed = float(np.percentile(idle, 95)) if idle else float("inf")
    return {
        r.call: r.observed.elapsed_us + max(0.0, r.observed.resume_us - allowed)
        for r in run.of(role)
        if r.call >= run.experiment.warmups and r.observed.clean
    }


def paired_speedup(runs: Sequence[Run], above: Role, below: Role) -> Estimate:
    """Median of the paired, null-calibrated time ratios `above / below` over all blocks.

    A block is one call made by every role on the same inputs. The bootstrap resamples runs, and in
    each of them blocks, and with them the nulls that calibrate: a run is one lifetime of its
    workers, and where their memory came to lie moves all of its blocks together (by 1 % and more
    on an H200).

    Raises:
        CannotJudge: too few complete blocks.
    """
    blocks = [_blocks(run, above, below, Role.NULL) for run in runs]
    return Estimate(*_bootstrap(blocks, _log_ratio))


def calibrated_time(runs: Sequence[Run], role: Role) -> Time:
    """Of one call, after what the null takes was taken off.

    Raises:
        CannotJudge: too few complete blocks.
    """
    blocks = [_blocks(run, role, Role.NULL) for run in runs]
    nets = [each[:, :1] - np.median(each[:, 1]) if len(each) else each for each in blocks]
    return _time(runs, nets)


def window_time(runs: Sequence[Run], role: Role) -> Time:
    """Of one call, as its share of a whole window from the gate to done: nothing is taken off.

    Raises:
        CannotJudge: too few windows.
    """
    return _time(runs, [_blocks(run, role) for run in runs])


def _time(runs: Sequence[Run], windows: Sequence[Floats]) -> Time:
    """Of the calls that share them; the reference decides how many, for each run anew."""
    widths = [len(run.experiment.calls[-1].inputs) for run in runs]
    calls = [
        np.maximum(each, _LEAST_US) / width for each, width in zip(windows, widths, strict=True)
    ]
    return Time(*_bootstrap(calls, _log_median), min(widths))


def _blocks(run: Run, *roles: Role) -> Floats:
    """A row of times, one of each role, for each call that all made cleanly."""
    times = [elapsed(run, role) for role in roles]
    calls = sorted(set.intersection(*map(set, times)))
    return np.asarray([[each[call] for each in times] for call in calls], dtype=float)


def _bootstrap(
    blocks: Sequence[Floats], statistic: Callable[[Floats], Floats]
) -> tuple[float, float, float, int]:
    """The statistic, which is a logarithm, of all blocks; its interval; and how many there are.

    Each resample draws as many lifetimes as there are, and in each its number of blocks.

    Lifetimes may have lost different numbers of blocks; what a resample takes of each is the same
    number, so that they can be laid side by side. The interval is widened by sqrt(n / (n - 1)) for
    n lifetimes: few of them show less than their spread (Davison and Hinkley, Bootstrap Methods and
    their Application, 3.8).
    """
    lifetimes = [each for each in blocks if len(each)]
    count = sum(map(len, lifetimes))
    if count < _LEAST_BLOCKS:
        raise CannotJudge(f"{count} timed blocks are too few: other processes disturbed the rest")
    random = np.random.default_rng(0)
    most, columns = max(map(len, lifetimes)), lifetimes[0].shape[1]
    chosen = random.integers(0, len(lifetimes), (_RESAMPLES, len(lifetimes)))
    sizes = np.array([len(each) for each in lifetimes])[chosen]
    within = (random.random((*chosen.shape, most)) * sizes[:, :, None]).astype(int)
    padded = np.stack([np.resize(each, (most, columns)) for each in lifetimes])
    picked = padded[chosen[:, :, None], within].reshape(_RESAMPLES, -1, columns)
    every = np.concatenate(lifetimes)
    centre = float(statistic(every[None])[0])
    wider = math.sqrt(len(lifetimes) / max(len(lifetimes) - 1, 1))
    off = (np.percentile(statistic(picked), [2.5, 97.5]) - centre) * wider
    low, high = np.exp(centre + off)
    found = math.exp(centre)
    return found, min(float(low), found), max(float(high), found), len(every)


def _log_ratio(blocks: Floats) -> Floats:
    """Median over blocks (axis 1) of log((above - null) / (below - null))."""
    null = np.median(blocks[:, :, 2], axis=1)[:, None]
    net = np.maximum(blocks[:, :, :2] - null[:, :, None], _LEAST_US)
    return np.asarray(np.median(np.log(net[:, :, 0] / net[:, :, 1]), axis=1))


def _log_median(blocks: Floats) -> Floats:
    return np.asarray(np.log(np.median(blocks[:, :, 0], axis=1)))
