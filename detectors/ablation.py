"""Probe C9: the submission's own kernels are taken out of a call."""

from collections.abc import Iterable, Iterator

from integrity.detectors import framework
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import CallResult, Experiment, Role, Run


class Ablation:
    """Without the kernels that it launches, its output is another.

    In one call on fresh inputs, Triton's and CuPy's kernels, functions of its own libraries and of
    extensions do nothing. An output that is right all the same was computed elsewhere: the kernels
    are a decoy.

    Known misses: kernels that are launched in other ways (a compiled Triton kernel by itself); a
    submission that sees that its kernels are gone. It runs in the submission's process, and so can
    incriminate only.

    Source: PROBES C9; TAXONOMY G3, G8. Gold gate: the reference's answer to these inputs is not the
    one before, and its own kernels, if any, are missed too.
    """

    id = "ablation"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield framework.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = evidence.run(framework.EXPERIMENT.name)
        if not run.experiment.calls[-1].ablated:
            raise CannotJudge("no call without its kernels was made")
        if run.death_of(Role.SUBMISSION) or evidence.policy.allow_library_only:
            return
        ours, reference = (_last(run, role) for role in (Role.SUBMISSION, Role.REFERENCE))
        kept = reference.reported.silenced and _right(reference)
        if not ours.reported.silenced or kept or _alike(run):
            return
        if _right(ours):
            yield Finding(
                "decoy-kernel", self.id, Family.AUTHENTICITY, Severity.HACK, Confidence.MEDIUM,
                "is right without the kernels that it launches: they compute nothing that counts",
                measured={"silenced_launches": ours.reported.silenced},
            )  # fmt: skip


def _last(run: Run, role: Role) -> CallResult:
    """The call without kernels."""
    results = [result for result in run.of(role) if run.experiment.calls[result.call].ablated]
    if not results:
        raise CannotJudge("no call without its kernels was finished")
    return results[-1]


def _right(result: CallResult) -> bool:
    return not any(check.wrong for check in result.observed.checks)


def _alike(run: Run) -> bool:
    """Whether the reference has one answer to all inputs, or draws samples."""
    checks = [check for r in run.of(Role.REFERENCE) for check in r.observed.checks]
    drawn = any(check.p_value is not None for check in checks)
    return drawn or len({check.reference_digest for check in checks}) < len(checks)
