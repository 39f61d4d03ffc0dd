"""What a detector is, and what makes one a probe."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from integrity.evidence import Evidence
from integrity.finding import Finding
from integrity.problem import Problem
from integrity.run import Experiment


class Detector(Protocol):
    """Looks at the evidence and reports findings."""

    @property
    def id(self) -> str: ...

    @property
    def decisive(self) -> bool:
        """Whether nothing can be called genuine that it could not look at."""
        ...

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        """Report what the evidence shows.

        Raises:
            CannotJudge: the evidence this detector needs is missing or unusable.
        """
        ...


@runtime_checkable
class Probe(Detector, Protocol):
    """A detector that needs the kernel called in a particular way."""

    def experiments(self, problem: Problem, seed: int) -> Iterable[Experiment]:
        """The calls it wants made; `seed` shuffles their order, nothing else."""
        ...
