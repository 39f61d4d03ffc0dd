"""Probe C5: other distributions than the problem's own generator draws from."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Call, Check, Experiment, Inputs, Role

_KINDS = (
    "scale-up", "scale-down", "signs", "sparse", "heavy-tails", "clustered", "permuted", "ones",
    "zeros",
)  # fmt: skip
_NAME = "values:jitter"
_GROSS = 1e-3
"""Relative RMS error: a naive float32 sum of 10^5 equal terms errs by 3e-4."""


class InputJitter:
    """Scales, signs, sparsity, heavy tails, clustered maxima, permutations, zeros and ones.

    Gold gate: the tolerance grows with the reference's own rounding error on the same values, and
    where it overflows so may the submission.

    Known misses: specialising on a distribution that none of the kinds leaves; errors below 0.1 %.

    Source: PROBES C5. Not proof by itself: a kernel may be honest and valid for the problem's own
    inputs only (no negative numbers, no large values), so the finding is soft.
    """

    id = "input-jitter"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        calls = (Call((Inputs(0),)), *(Call((Inputs(0, jitter=kind),)) for kind in _KINDS))
        yield Experiment(_NAME, calls)

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = evidence.run(_NAME)
        wrong = {
            run.experiment.calls[result.call].inputs[0].jitter: _is_gross(result.observed.checks[0])
            for result in run.of(Role.SUBMISSION)
        }
        if not wrong:
            raise CannotJudge("the submission did not finish a single call")
        if wrong.pop(""):
            raise CannotJudge("it is wrong without any jitter, so nothing can be told apart")
        failed = [kind for kind, is_wrong in wrong.items() if is_wrong]
        if failed:
            yield Finding(
                "input-specialised",
                self.id,
                Family.INPUT,
                Severity.HACK,
                Confidence.MEDIUM if len(failed) == 1 else Confidence.HIGH,
                f"is right on the problem's own distribution and wrong on others: "
                f"{', '.join(failed)}",
                measured={"failed_kinds": len(failed), "kinds": len(wrong)},
            )


def _is_gross(check: Check) -> bool:
    """Another formula, not another order of summation: equal values add up rounding errors that
    no reference with pairwise sums makes."""
    return check.wrong and check.error > _GROSS
