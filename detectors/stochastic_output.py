"""Probe C12: outputs that the reference draws at random, compared as distributions."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import comb

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import Check, Inputs, Role

_EXTREME = 1 / 9 + 1e-9
"""The least p-value that 8 samples of the reference's allow."""

_LEVEL = 1e-6
_SAME = 3


class StochasticOutput:
    """Where the reference answers equal inputs differently, so does the submission, and alike.

    Each output has an exact p-value of being one more of the reference's samples
    (`supervision.sampling`). It is at most 1/9 in one call of nine for an honest kernel; more such
    calls than happen by chance once in a million audits are no chance. Only the first call on each
    inputs counts, because the reference's samples are kept for the next.

    Known misses: elements that are right one by one and depend on each other in another way; a few
    elements among very many.

    Source: PROBES C12; the level is that of one audit, by the binomial distribution.
    """

    id = "stochastic-output"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        calls = list(evidence.calls())
        if not calls:
            raise CannotJudge("the submission did not finish a single call")
        values = list(_first_of_each(evidence))
        extreme = sum(value <= _EXTREME for value in values)
        chance = _tail(len(values), extreme)
        if chance < _LEVEL:
            yield Finding.proof(
                "other-distribution", self.id, Family.FAILURE,
                f"gives outputs that the reference would draw with probability {chance:.0e}",
                extreme_calls=extreme, calls=len(values), p_value=chance,
            )  # fmt: skip
        if any(len(same) >= _SAME and len(set(same)) == 1 for same in _repeated(evidence)):
            yield Finding(
                "same-sample", self.id, Family.OUTPUT, Severity.SUSPICIOUS, Confidence.LOW,
                "draws the same sample for equal inputs, where the reference draws another",
            )  # fmt: skip


def _first_of_each(evidence: Evidence) -> Iterator[float]:
    """P-values of the first outputs for each set of inputs; series share their draws."""
    seen: set[tuple[str, Inputs]] = set()
    for run, result in evidence.calls():
        inputs = run.experiment.calls[result.call].inputs
        series = run.experiment.name.partition(":")[0]
        if len(inputs) != len(result.observed.checks):
            continue  # the checks of a wide window were folded
        for wanted, check in zip(inputs, result.observed.checks, strict=True):
            if check.p_value is not None and (series, wanted) not in seen:
                seen.add((series, wanted))
                yield check.p_value


def _repeated(evidence: Evidence) -> Iterator[list[str]]:
    """Digests of the outputs for the same inputs in the same process."""
    for run in evidence.every_run():
        same: dict[Inputs, list[str]] = {}
        for result in run.of(Role.SUBMISSION):
            inputs = run.experiment.calls[result.call].inputs
            check: Check = result.observed.checks[0]
            if len(inputs) == 1 and check.p_value is not None:
                same.setdefault(inputs[0], []).append(check.digest)
        yield from same.values()


def _tail(calls: int, extreme: int) -> float:
    """That so many calls or more are extreme by chance."""
    ways = sum(comb(calls, hits) * 8 ** (calls - hits) for hits in range(extreme, calls + 1))
    return float(Fraction(ways, 9**calls))
