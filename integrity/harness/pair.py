"""A plain pair: `kernel(*inputs)` against `reference(*inputs)`."""

from pathlib import Path
from typing import ClassVar

from integrity.errors import BadInput
from integrity.harness.outline import Outline
from integrity.harness.reference import Reference, beside, modules
from integrity.harness.slice import cut_out
from integrity.problem import Convention, Problem
from integrity.submission import Submission


class Pair:
    id: ClassVar[str] = "pair"
    entry: ClassVar[str] = "kernel"
    needs: ClassVar[tuple[str, ...]] = ("reference",)

    def recognise(self, outline: Outline) -> str:
        return "it defines kernel" if "kernel" in outline.names else ""

    def places(self, folder: Path) -> tuple[Path, ...]:
        return folder / "reference.py", folder / "problem.py"

    def problem(self, reference: Reference, submission: Submission) -> Problem:
        sources = modules([reference.text], beside(reference.path, submission.path))
        sources["reference"] = reference.text
        borrowed = "make_inputs" not in reference.outline.names
        if borrowed:
            sources |= _borrowed_inputs(reference, submission)
        return Problem(
            harness=self.id,
            convention=Convention.ARGUMENTS,
            sources=sources,
            reference="reference",
            make_inputs="make_inputs",
            path=reference.path,
            trusted=reference.trusted and not borrowed,
        )


def _borrowed_inputs(reference: Reference, submission: Submission) -> dict[str, str]:
    """`make_inputs` cut out of the submission, in a module of its own so that no name clashes."""
    outline = Outline.of(submission.text)
    if "make_inputs" not in outline.names or outline.unreadable:
        raise BadInput(
            f"reference {reference.path} does not define make_inputs(seed); add it, "
            "it returns the tuple of inputs for one call"
        )
    return {
        "submitted_inputs": cut_out(outline, ["make_inputs"], without=["kernel"]),
        "reference": f"{reference.text}\nfrom submitted_inputs import make_inputs\n",
    }
