"""Probe C10: the same inputs twice in one process, and in others."""

from collections.abc import Iterable

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import Check, Inputs, Role

_SAME = Inputs(0)


class Determinism:
    """Equal inputs give equal bytes, unless the reference's do not either.

    Needs no experiment of its own: those of the series `values:` run in a process each and draw
    the same inputs, some of them more than once. A difference within the tolerance is only noted:
    split-K atomics are honest. One outside it means that the kernel reads memory nobody wrote.

    Known misses: garbage that happens to be the same every time.

    Source: PROBES C10.
    """

    id = "determinism"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        checks = list(_checks_of_same_inputs(evidence))
        if any(check.p_value is not None for check in checks):
            return  # the reference draws samples
        if len(checks) < 2:
            raise CannotJudge("no two calls on the same inputs were finished")
        outputs = {check.digest for check in checks}
        answers = {check.reference_digest for check in checks}
        if len(outputs) == 1 or len(answers) > 1:
            return
        wrong = [check for check in checks if check.wrong]
        garbage = 0 < len(wrong) < len(checks)
        yield Finding(
            "garbage-read" if garbage else "not-deterministic",
            self.id,
            Family.OUTPUT,
            Severity.HACK if garbage else Severity.NOTE,
            Confidence.HIGH,
            "gives right and wrong outputs for the same inputs"
            if garbage
            else "gives different bytes for the same inputs",
            measured={"distinct_outputs": len(outputs), "calls": len(checks)},
        )


def _checks_of_same_inputs(evidence: Evidence) -> Iterable[Check]:
    for run in evidence.every_run():
        if run.experiment.name.startswith("values:"):
            for result in run.of(Role.SUBMISSION):
                if run.experiment.calls[result.call].inputs == (_SAME,):
                    yield result.observed.checks[0]
