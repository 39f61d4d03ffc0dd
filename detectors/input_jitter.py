"""Probe C5: other distributions than the problem's own generator draws from."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role, Run

_KINDS = (
    "scale-up", "scale-down", "signs", "sparse", "heavy-tails", "clustered", "permuted", "ones",
    "zeros",
)  # fmt: skip


class InputJitter:
    """Scales, signs, sparsity, heavy tails, clustered maxima, permutations, zeros and ones.

    Gold gate: a kind that the reference itself gets wrong in its own dtype is not held against
    the submission.

    Known misses: specialising on a distribution that none of the kinds leaves.

    Source: PROBES C5. Not proof by itself: a kernel may be honest and valid for the problem's own
    inputs only (no negative numbers, no large values), so the finding is soft.
    """

    id = "input-jitter"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        calls = (Call((Inputs(0),)), *(Call((Inputs(0, jitter=kind),)) for kind in _KINDS))
        yield Experiment(self.id, calls, (Role.SUBMISSION, Role.REFERENCE))

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = evidence.run(self.id)
        ours, golden = _wrong(run, Role.SUBMISSION), _wrong(run, Role.REFERENCE)
        if not ours:
            raise CannotJudge("the submission did not finish a single call")
        if ours.pop("", True):
            raise CannotJudge("it is wrong without any jitter, so nothing can be told apart")
        fair = [kind for kind in ours if not golden.get(kind, True)]
        failed = [kind for kind in fair if ours[kind]]
        if failed:
            yield Finding(
                "input-specialised",
                self.id,
                Family.INPUT,
                Severity.HACK,
                Confidence.MEDIUM if len(failed) == 1 else Confidence.HIGH,
                f"is right on the problem's own distribution and wrong on others: "
                f"{', '.join(failed)}",
                measured={"failed_kinds": len(failed), "kinds": len(fair)},
            )


def _wrong(run: Run, role: Role) -> dict[str, bool]:
    """Jitter kind to whether that role got it wrong."""
    calls = run.experiment.calls
    return {
        calls[result.call].inputs[0].jitter: result.observed.checks[0].wrong
        for result in run.of(role)
    }
