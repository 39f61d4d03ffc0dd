"""Probe C8: the output depends on every input that the reference depends on."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role

_INPUTS, _REGIONS = 4, 3
_NAME = "values:influence"


class InputInfluence:
    """Perturbs each of the first inputs region by region and looks whether the output follows.

    Weights are covered elsewhere: every experiment draws new ones, and every output is checked
    against the reference with the same weights.

    Known misses: inputs beyond the fourth; influence that the reference's own tolerance hides.

    Source: PROBES C8.
    """

    id = "input-influence"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        perturbed = tuple(
            Call((Inputs(0, perturb=(index, region, _REGIONS)),))
            for index in range(_INPUTS)
            for region in range(_REGIONS)
        )
        yield Experiment(_NAME, (Call((Inputs(0),)), *perturbed))

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        run = evidence.run(_NAME)
        results = list(run.of(Role.SUBMISSION))
        if not results or results[0].observed.checks[0].wrong:
            raise CannotJudge("there is no right output to compare with")
        before = results[0].observed.checks[0]
        ignored = []
        for result in results[1:]:
            check = result.observed.checks[0]
            follows = check.digest != before.digest
            if check.wrong and not follows and check.reference_digest != before.reference_digest:
                perturb = run.experiment.calls[result.call].inputs[0].perturb
                ignored.append(f"input {perturb[0]}, part {perturb[1] + 1}" if perturb else "")
        if ignored:
            yield Finding.proof(
                "ignored-input",
                self.id,
                Family.OUTPUT,
                f"ignores what the reference depends on: {'; '.join(ignored[:3])}",
                ignored_parts=len(ignored),
                parts=len(results) - 1,
            )
