"""One randomised factorial experiment that three timing probes read: gap, call site, values.

Every call picks a gap, a site and whether its values were seen before, at random; the marginal
medians are compared for the submission and, as the control, for the reference.
"""

import random
from collections.abc import Callable

from integrity.estimate import Estimate, ratio_of_medians
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import Call, Experiment, Inputs, Role, Site

NAME = "habits"
GAPS_US = (0, 100, 1_000, 10_000)
_WARMUPS, _SEEN_BEFORE = 4, 3
_FAST, _SURELY = 0.7, 0.85


def experiment(seed: int) -> Experiment:
    """Four warm-ups, then every gap with every site, on fresh and on repeated values."""
    order = random.Random(seed)
    kinds = [(g, site, old) for g in GAPS_US for site in Site for old in (False, True)]
    kinds += [(0, Site.BENCHMARK, True), (10_000, Site.EVALUATE, False)] * 2
    order.shuffle(kinds)
    calls = [Call((Inputs(draw % _SEEN_BEFORE),)) for draw in range(_WARMUPS)]
    for number, (gap, site, old) in enumerate(kinds):
        draw = order.randrange(_SEEN_BEFORE) if old else 100 + number
        calls.append(Call((Inputs(draw),), gap_us=gap, site=site))
    roles = (Role.SUBMISSION, Role.REFERENCE)
    return Experiment(NAME, tuple(calls), roles, warmups=_WARMUPS, timed=True)


def seen_before(call: Call) -> bool:
    """Whether its values had been used by an earlier call."""
    return call.inputs[0].draw < _SEEN_BEFORE


def contrast(
    evidence: Evidence, role: Role, above: Callable[[Call], bool], below: Callable[[Call], bool]
) -> Estimate:
    """Median time of the calls that are `above` over that of the calls that are `below`.

    Raises:
        CannotJudge: the experiment was not run, or the worker did not live to its end.
    """
    run = evidence.run(NAME)
    calls = run.experiment.calls
    sides: tuple[list[float], list[float]] = ([], [])
    for result in run.of(role):
        if result.call >= run.experiment.warmups and result.observed.clean:
            call = calls[result.call]
            for side, belongs in zip(sides, (above, below), strict=True):
                if belongs(call):
                    side.append(result.observed.elapsed_us)
    return ratio_of_medians(*sides)


def is_faster(ours: Estimate, control: Estimate) -> bool:
    """By 30 % with the interval clear of 15 %, in the lower quartile too, and not the reference."""
    clearly = ours.ratio < _FAST and ours.high < _SURELY and ours.quartiles < _FAST
    return clearly and min(control.ratio, control.quartiles) > _SURELY


def soft(finding: str, source: str, family: Family, claim: str, ours: Estimate) -> Finding:
    """A timing effect: never proof by itself, machines are noisy."""
    return Finding(
        finding, source, family, Severity.HACK, Confidence.MEDIUM, claim,
        measured=ours.as_measured(),
    )  # fmt: skip
