"""All that a detector may look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integrity.compiled import Compilation
from integrity.errors import CannotJudge
from integrity.policy import GENERATOR, Policy
from integrity.problem import Task
from integrity.run import CallResult, Role, Run
from integrity.submission import Submission

if TYPE_CHECKING:
    from integrity.testimony import Testimony  # 2 ms that most audits have no use for

ENVELOPE, SHAPES = "envelope-", "shapes-"
UNDECLARED = (ENVELOPE, SHAPES)
"""Experiments whose names start so use workloads that nobody promised to get right."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A submission and what was recorded when it ran.

    Detectors never run code: whatever needs a worker was run, and frozen here, before the
    first of them is asked.
    """

    submission: Submission
    task: Task
    policy: Policy = GENERATOR
    runs: Mapping[str, Run] = field(default_factory=dict)
    unrun: str = ""
    """Why nothing ran: `--level static`, no reference, a GPU-only kernel."""

    skipped: Mapping[str, str] = field(default_factory=dict)
    """Experiments that could not be run, and why."""

    claimed_speedup: float | None = None

    compilation: Compilation | None = None
    """What its GPU kernels compile to; None where nobody asked."""

    testimony: "Testimony | None" = None
    """What a language model said of it; None where nobody asked."""

    def run(self, experiment: str) -> Run:
        """The run of that experiment.

        Raises:
            CannotJudge: it was not run.
        """
        try:
            return self.runs[experiment]
        except KeyError:
            reason = self.unrun or self.skipped.get(experiment, "its experiment was not run")
            raise CannotJudge(reason) from None

    def every_run(self) -> Iterator[Run]:
        """All runs on workloads that the problem declares.

        Raises:
            CannotJudge: there are none.
        """
        if not self.runs:
            raise CannotJudge(self.unrun or next(iter(self.skipped.values()), "nothing was run"))
        yield from (run for name, run in self.runs.items() if not name.startswith(UNDECLARED))

    def calls(self) -> Iterator[tuple[Run, CallResult]]:
        """Every call of the submission on inputs as the problem draws them, in every run.

        Raises:
            CannotJudge: nothing was run.
        """
        for run in self.every_run():
            for result in run.of(Role.SUBMISSION):
                if run.experiment.calls[result.call].is_plain:
                    yield run, result
