"""All that a detector may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrity.errors import CannotJudge
from integrity.policy import GENERATOR, Policy
from integrity.problem import Task
from integrity.run import Run
from integrity.submission import Submission


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

    claimed_speedup: float | None = None

    def run(self, experiment: str) -> Run:
        """The run of that experiment.

        Raises:
            CannotJudge: it was not run.
        """
        try:
            return self.runs[experiment]
        except KeyError:
            raise CannotJudge(self.unrun or f"experiment {experiment!r} was not run") from None
