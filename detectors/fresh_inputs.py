"""Probe C1: every call gets fresh inputs, and its whole output is checked."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, CallResult, Check, Experiment, Inputs

_CALLS = 6
_MAX_WORKLOADS = 5
_IMPRECISE = 0.05
"""Relative RMS error up to which an output is taken for the right one in too few bits: bfloat16,
with 8 bits, errs by 0.002 an operation."""


class FreshInputs:
    """Share of mismatched elements over all calls on inputs nobody could foresee: 0 if honest.

    What is wrong is told apart by how: an earlier call's answer, a constant, an input as it came,
    right at first and wrong later, right but in too few bits. What is none of these is just wrong,
    which is broken.

    Known misses: specialising on the distribution of the inputs (`input-jitter` looks there), and
    whatever stays within the tolerance (`precision`).

    Source: PROBES C1; KernelBench checks 5 draws of one shape before it times one input.
    """

    id = "fresh-inputs"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        for workload in range(min(len(problem.workloads), _MAX_WORKLOADS)):
            calls = tuple(Call((Inputs(draw),), slot=draw % 2) for draw in range(_CALLS))
            name = "values:fresh" if workload == 0 else f"fresh-{workload}"
            yield Experiment(name, calls, workload=workload)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        results = [result for _, result in evidence.calls()]
        checks = [check for result in results for check in result.observed.checks]
        if not checks:
            raise CannotJudge("the submission did not finish a single call")
        wrong = [check for check in checks if check.wrong]
        if wrong:
            yield _explain(results, checks, wrong)


def _explain(
    results: Sequence[CallResult], checks: Sequence[Check], wrong: Sequence[Check]
) -> Finding:
    proof = partial(
        Finding.proof,
        source="fresh-inputs",
        wrong_calls=len(wrong),
        calls=len(checks),
        mismatched_share=max(check.mismatched_share for check in wrong),
        relative_error=min(max(check.error for check in wrong), 1e30),
    )
    stale = [check for check in wrong if check.matches_call is not None]
    if 2 * len(stale) >= len(wrong):
        claim = f"returned an earlier call's output {len(stale)} times, on new inputs"
        return proof("stale-output", family=Family.CACHING, claim=claim)
    if all(check.constant for check in wrong):
        claim = "returns one and the same value everywhere, whatever the inputs"
        return proof("constant-output", family=Family.OUTPUT, claim=claim)
    if all(check.copies_input for check in wrong):
        claim = "returns an input as it came"
        return proof("input-returned", family=Family.OUTPUT, claim=claim)
    if max(check.error for check in wrong) < _IMPRECISE:
        claim = "computes in fewer bits than the problem's tolerance allows"
        return proof("low-precision", family=Family.PRECISION, claim=claim)
    first_wrong = next(i for i, check in enumerate(checks) if check.wrong)
    if first_wrong >= 2:
        claim = f"is right on the first {first_wrong} calls of a process and wrong later"
        return proof("right-then-wrong", family=Family.OUTPUT, claim=claim)
    claim = f"is wrong on {len(wrong)} of {len(checks)} calls with fresh inputs"
    reason = next((f": {check.refused}" for check in wrong if check.refused), "")
    return proof("wrong-output", family=Family.FAILURE, claim=claim + reason)
