"""What an adapter knows about one harness format."""

from pathlib import Path
from typing import ClassVar, Protocol

from integrity.harness.outline import Outline
from integrity.harness.reference import Reference
from integrity.problem import Problem
from integrity.submission import Submission


class Harness(Protocol):
    """One format: how to recognise it, and what it makes of a reference."""

    id: ClassVar[str]

    entry: ClassVar[str]
    """The name it calls in a submission."""

    needs: ClassVar[tuple[str, ...]]
    """The names it calls in a reference; the first one is the reference itself."""

    def recognise(self, outline: Outline) -> str:
        """Why a source looks like a submission to this harness; empty if it does not."""
        ...

    def places(self, folder: Path) -> tuple[Path, ...]:
        """Files in which a reference would be found, the likeliest first."""
        ...

    def problem(self, reference: Reference, submission: Submission) -> Problem:
        """The problem that a reference poses.

        Raises:
            BadInput: the reference lacks a name that the harness calls.
            CannotJudge: it has them all, but not what is needed to call them.
        """
        ...
