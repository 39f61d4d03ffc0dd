"""One randomised experiment that six timing probes read.

Every call picks a gap, a site and whether its values were seen before, at random; others spin
inside the window, or have memory of their own. Medians are compared for the submission and, as the
control, for the reference, which also makes a few calls before the submission is there.
"""

import random
from collections.abc import Callable, Iterator

from integrity.errors import CannotJudge
from integrity.estimate import Estimate, ratio_of_medians
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import Call, CallResult, Experiment, Inputs, Role, Run, Site

NAME = "habits"
GAPS_US = (0, 100, 1_000, 10_000)
SPINS_US = (2_000, 6_000)
_COLD, _ALONE, _WARMUPS, _SEEN_BEFORE = 2, 6, 4, 3
_SPUN, _MOVED = 3, 4
_SHORT_US = 100
_FAST, _SURELY = 0.7, 0.85


def experiment(seed: int) -> Experiment:
    """The reference alone; warm-ups; then every gap with every site, on fresh and on repeated
    values, spins and fresh memory, in random order."""
    order = random.Random(seed)
    kinds = [(g, site, old) for g in GAPS_US for site in Site for old in (False, True)]
    kinds += [(0, Site.BENCHMARK, True), (10_000, Site.EVALUATE, False)] * 2
    calls = [
        Call((Inputs(order.randrange(_SEEN_BEFORE) if old else 100 + n),), gap_us=gap, site=site)
        for n, (gap, site, old) in enumerate(kinds)
    ]
    calls += [Call((_known(n),), spin_us=us) for us in SPINS_US for n in range(_SPUN)]
    calls += [Call((_known(number),), fresh_pages=True) for number in range(_MOVED)]
    order.shuffle(calls)
    first, warm = (
        [Call((_known(number),)) for number in range(many)] for many in (_COLD + _ALONE, _WARMUPS)
    )
    return Experiment(
        NAME, (*first, *warm, *calls), (Role.SUBMISSION, Role.REFERENCE),
        warmups=len(first) + len(warm), timed=True, alone=len(first),
    )  # fmt: skip


def _known(number: int) -> Inputs:
    """Values that cost no draw and no answer: the warm-ups have them too."""
    return Inputs(number % _SEEN_BEFORE)


def seen_before(call: Call) -> bool:
    """Whether its values had been used by an earlier call."""
    return call.inputs[0].draw < _SEEN_BEFORE


def ordinary(call: Call) -> bool:
    """Whether it neither spins nor has memory of its own."""
    return not call.spin_us and not call.fresh_pages


def prompt(call: Call) -> bool:
    """Whether hardly any idle time surrounds it."""
    return call.gap_us <= _SHORT_US


def run_of(evidence: Evidence) -> Run:
    """The experiment's run.

    Raises:
        CannotJudge: it was not run, or is of a version that made other calls.
    """
    run = evidence.run(NAME)
    if not run.experiment.alone:
        raise CannotJudge("it was recorded before this probe's calls were made")
    return run


def clean(run: Run, role: Role) -> Iterator[tuple[Call, CallResult]]:
    """Undisturbed calls past the warm-ups."""
    for result in run.of(role):
        if result.call >= run.experiment.warmups and result.observed.clean:
            yield run.experiment.calls[result.call], result


def alone_us(run: Run) -> list[float]:
    """The reference's undisturbed times before the submission was loaded, its first two apart."""
    mine = range(_COLD, run.experiment.alone)
    return [
        r.observed.elapsed_us for r in run.of(Role.REFERENCE) if r.call in mine and r.observed.clean
    ]


def contrast(
    evidence: Evidence,
    role: Role,
    above: Callable[[Call], bool],
    below: Callable[[Call], bool],
    among: Callable[[Call], bool] = ordinary,
) -> Estimate:
    """Median time of the calls that are `above` over that of the calls that are `below`.

    Raises:
        CannotJudge: the experiment was not run, or the worker did not live to its end.
    """
    sides: tuple[list[float], list[float]] = ([], [])
    for call, result in clean(evidence.run(NAME), role):
        for side, belongs in zip(sides, (above, below), strict=True):
            if among(call) and belongs(call):
                side.append(result.observed.elapsed_us)
    return ratio_of_medians(*sides)


def is_faster(ours: Estimate, control: Estimate) -> bool:
    """By 30 % with the interval clear of 15 %, in the lower quartile too, and not the reference."""
    return clearly_below(ours) and min(control.ratio, control.quartiles) > _SURELY


def clearly_below(ratio: Estimate) -> bool:
    """Below 0.7 with the interval clear of 0.85, in the lower quartile too."""
    return ratio.ratio < _FAST and ratio.high < _SURELY and ratio.quartiles < _FAST


def soft(finding: str, source: str, family: Family, claim: str, ours: Estimate) -> Finding:
    """A timing effect: never proof by itself, machines are noisy."""
    return Finding(
        finding, source, family, Severity.HACK, Confidence.MEDIUM, claim,
        measured=ours.as_measured(),
    )  # fmt: skip
