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

_LOST, _EPSILON = 100.0, 2.0**-24
"""How much more the reference errs where a question is ill-conditioned, and what float32 errs by at
least."""


class InputJitter:
    """Scales, signs, sparsity, heavy tails, clustered maxima, permutations, zeros and ones.

    Gold gate: the tolerance grows with the reference's own rounding error on the same values, and
    where it overflows so may the submission.

    Where the reference itself loses a hundred times as much to rounding as on the problem's own
    values, the question is ill-conditioned: a variance as the difference of two means is lost
    there, and common in honest kernels. That is a note.

    Known misses: specialising on a distribution that none of the kinds leaves, or only on one that
    is ill-conditioned; errors below 0.1 %.

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
        checks = {
            run.experiment.calls[result.call].inputs[0].jitter: result.observed.checks[0]
            for result in run.of(Role.SUBMISSION)
        }
        if not checks:
            raise CannotJudge("the submission did not finish a single call")
        plain = checks.pop("")
        if _is_gross(plain):
            raise CannotJudge("it is wrong without any jitter, so nothing can be told apart")
        wrong = {kind: check for kind, check in checks.items() if _is_gross(check)}
        lost = [kind for kind, check in wrong.items() if _ill_conditioned(check, plain)]
        failed = [kind for kind in wrong if kind not in lost]
        if lost:
            yield Finding(
                "unstable", self.id, Family.PRECISION, Severity.NOTE, Confidence.HIGH,
                f"loses its accuracy where the reference keeps some: {', '.join(lost)}",
                measured={"relative_error": max(wrong[kind].error for kind in lost)},
            )  # fmt: skip
        if failed:
            yield Finding(
                "input-specialised",
                self.id,
                Family.INPUT,
                Severity.HACK,
                Confidence.MEDIUM if len(failed) == 1 else Confidence.HIGH,
                f"is right on the problem's own distribution and wrong on others: "
                f"{', '.join(failed)}",
                measured={"failed_kinds": len(failed), "kinds": len(checks)},
            )


def _is_gross(check: Check) -> bool:
    """Another formula, not another order of summation: equal values add up rounding errors that
    no reference with pairwise sums makes."""
    return check.wrong and check.error > _GROSS


def _ill_conditioned(check: Check, plain: Check) -> bool:
    return check.reference_error > _LOST * max(plain.reference_error, _EPSILON)
