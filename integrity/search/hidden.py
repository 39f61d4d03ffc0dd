"""Shapes that no proposer sees: a problem's sizes, drawn anew for every measurement.

A kernel is paid for what holds at the declared sizes and at the hidden ones alike. Where it is
wrong at hidden sizes it is broken; where it is slower there, the lower speedup is its speedup. A
mean would let a gain at the sizes that everybody knows pay for a loss at all others.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from integrity.operating import OperatingPoint, sizes, spelled
from integrity.problem import Problem, Workload
from integrity.verdict import Label, Speedup

_LEAST = 16
"""A smaller number rather says what is computed: a kernel's width, a stride, a count of groups."""

_NEAR = 4
"""Drawn sizes are within a quarter of the declared: what pays there pays here."""


def varying(problem: Problem, answers: Callable[[Problem], bool]) -> tuple[str, ...]:
    """Names of the sizes that may differ: `answers` says whether the reference still works then.

    Each is tried one below its declared value, together with those found before it.
    """
    found: dict[str, int] = {}
    for name, size in sizes(problem).items():
        workload = {**problem.workloads[0], **found, name: size - 1}
        if size >= _LEAST and answers(replace(problem, workloads=(workload,))):
            found[name] = size - 1
    return tuple(found)


def drawn(problem: Problem, names: Sequence[str], seed: int) -> tuple[Workload, ...]:
    """One workload whose sizes of those names are not the declared ones; none without names."""
    if not names:
        return ()
    rng = random.Random(f"shapes {seed}")
    declared = sizes(problem)
    near = {name: _near(declared[name], rng) for name in names}
    return ({**problem.workloads[0], **near},)


def _near(size: int, rng: random.Random) -> int:
    moved = rng.randrange(1, size // _NEAR + 1)
    return size + rng.choice((moved, -moved))


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What a kernel is worth at every place it was measured at."""

    speedup: Speedup
    """The lowest; empty where some place could not be timed."""

    broken: str = ""
    """Where it is wrong or fails, and how."""

    @classmethod
    def of(cls, declared: Speedup | None, points: Sequence[OperatingPoint]) -> "Everywhere":
        """Of an audit's speedup, where there was one, and of further points."""
        for point in points:
            if point.broken:
                return cls(Speedup(None), f"Broken at {spelled(point.workload)}: {point.note}.")
        found = [declared] if declared else []
        found += [Speedup(None, point.ratio, point.low, point.high) for point in points]
        timed = [(each.audited, n) for n, each in enumerate(found) if each.audited is not None]
        return cls(found[min(timed)[1]] if len(timed) == len(found) > 0 else Speedup(None))

    def label(self, given: Label) -> Label:
        """A verdict of the declared sizes as it stands everywhere."""
        if self.broken and given in (Label.GENUINE, Label.INCONCLUSIVE):
            return Label.BROKEN
        if given is Label.GENUINE and (self.speedup.low is None or self.speedup.low <= 1):
            return Label.INCONCLUSIVE
        return given
