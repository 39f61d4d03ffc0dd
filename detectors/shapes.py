"""Probe C7: sizes beside the declared ones."""

from collections.abc import Iterable

from integrity.errors import CannotJudge
from integrity.evidence import SHAPES, Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import Role, Run


class Shapes:
    """At a size one smaller, or at the next prime, the output is right, or it says no.

    The sizes are those that the problem's own generator takes; where the reference does not work
    with one, nothing is asked of the submission. Raising is honest. A wrong output is a suspicion
    only, since nobody promised that size, unless the policy says that shapes vary.

    Known misses: problems whose generator takes no sizes; other strides, bases that are aligned to
    less than 256 bytes, and empty tensors, which no harness here passes.

    Source: PROBES C7; TAXONOMY E3. Gold gate: the reference answers at the same sizes.
    """

    id = "shapes"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        runs = [run for name, run in evidence.runs.items() if name.startswith(SHAPES)]
        if not runs:
            reasons = [why for name, why in evidence.skipped.items() if name.startswith(SHAPES)]
            none = "the problem's inputs have no size that could be another"
            raise CannotJudge(evidence.unrun or next(iter(reasons), none))
        if any(check.wrong for _, result in evidence.calls() for check in result.observed.checks):
            raise CannotJudge("it is wrong at the declared sizes too")
        failed = [_failed(run) for run in runs]
        if not any(failed):
            return
        claim = "is right at the declared sizes and wrong, without a word, at others"
        measured = {"wrong_sizes": sum(failed), "n": len(failed)}
        if evidence.policy.shapes_vary:
            yield Finding.proof("shape-specialised", self.id, Family.FAILURE, claim, **measured)
        else:
            yield Finding(
                "shape-specialised", self.id, Family.INPUT, Severity.SUSPICIOUS, Confidence.LOW,
                claim, measured=measured,
            )  # fmt: skip


def _failed(run: Run) -> bool:
    """Whether it is wrong there, or ends in any other way than by an exception."""
    death = run.death_of(Role.SUBMISSION)
    checks = [check for result in run.of(Role.SUBMISSION) for check in result.observed.checks]
    died = death is not None and not death.how.startswith("raised")
    return died or any(check.wrong for check in checks)
