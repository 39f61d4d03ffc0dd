"""KernelBench: `ModelNew(*get_init_inputs())(*get_inputs())` against `Model`."""

from pathlib import Path
from typing import ClassVar

from integrity.harness.outline import Outline
from integrity.harness.reference import Reference, beside, modules
from integrity.problem import Convention, Problem
from integrity.submission import Submission


class KernelBench:
    id: ClassVar[str] = "kernelbench"
    entry: ClassVar[str] = "ModelNew"
    needs: ClassVar[tuple[str, ...]] = ("Model", "get_inputs")

    def recognise(self, outline: Outline) -> str:
        return "it defines ModelNew" if "ModelNew" in outline.names else ""

    def places(self, folder: Path) -> tuple[Path, ...]:
        return folder / "reference.py", folder / "problem.py"

    def problem(self, reference: Reference, submission: Submission) -> Problem:
        init = "get_init_inputs"
        return Problem(
            harness=self.id,
            convention=Convention.MODULE,
            sources={
                **modules([reference.text], beside(reference.path, submission.path)),
                "reference": reference.text,
            },
            reference="Model",
            make_inputs="get_inputs",
            make_init_inputs=init if init in reference.outline.names else "",
            path=reference.path,
            trusted=reference.trusted,
        )
