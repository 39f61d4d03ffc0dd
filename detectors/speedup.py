"""The audited speedup: blocks of submission, baseline, null and control in random order."""

from collections.abc import Iterable, Iterator

from integrity.errors import CannotJudge
from integrity.estimate import Estimate, paired_speedup
from integrity.evidence import Evidence
from integrity.finding import Finding
from integrity.problem import Problem
from integrity.run import Call, Experiment, Inputs, Role, Run

LIFETIMES, BLOCKS, _SPARES, _WARMUPS = 3, 10, 10, 4
_WIDTH, _HARNESS_FAULT = 256, 1.15
ELSEWHERE = 1
"""The lifetime that is lived in other surroundings: see `surroundings`."""


class Speedup:
    """Measures the baseline against the submission, and the baseline against itself.

    30 undisturbed blocks over three worker lifetimes; the spares are fixed beforehand, so that the
    submission can't steer how many there are. Reports no
    findings: the verdict takes the estimate. Where the reference against itself (A/A, probe T13)
    differs by more than 15 % with its interval clear of 1, the machine is too noisy to time on.

    Known misses: see docs/threat-model.md, what remains open.

    Source: PROBES, protocol; T13.
    """

    id = "speedup"
    decisive = True

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        roles = (Role.SUBMISSION, Role.REFERENCE, Role.CONTROL, Role.NULL)
        for lifetime in range(LIFETIMES):
            calls = tuple(
                Call(_draws(number), slot=(number + lifetime) % 2)
                for number in range(_WARMUPS + BLOCKS + _SPARES)
            )
            name = f"pairs-{lifetime + 1}"
            yield Experiment(
                name, calls, roles, warmups=_WARMUPS, elastic=True, enough=BLOCKS, timed=True,
                elsewhere=lifetime == ELSEWHERE,
            )  # fmt: skip

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        self.estimate(evidence)
        return ()

    def estimate(self, evidence: Evidence) -> Estimate:
        """Baseline time over submission time.

        Raises:
            CannotJudge: not enough was timed, or the machine is too noisy.
        """
        runs = [evidence.run(f"pairs-{number + 1}") for number in range(LIFETIMES)]
        self._require_quiet(runs)
        return paired_speedup(runs, Role.REFERENCE, Role.SUBMISSION)

    def _require_quiet(self, runs: list[Run]) -> None:
        same = paired_speedup(runs, Role.REFERENCE, Role.CONTROL)
        clear_of_one = same.low > 1 or same.high < 1
        if clear_of_one and not 1 / _HARNESS_FAULT < same.ratio < _HARNESS_FAULT:
            raise CannotJudge(
                f"the reference against itself measures {same.ratio:.2f} "
                f"({same.low:.2f} to {same.high:.2f}): the machine is too noisy to time on"
            )


def _draws(call: int) -> tuple[Inputs, ...]:
    """Fresh ones for every call of every window, however wide the device makes it."""
    return tuple(Inputs(call * _WIDTH + number) for number in range(_WIDTH))
