"""Runs generated Triton in Triton's interpreter, at sizes that no block divides.

A process of its own, because Triton reads TRITON_INTERPRET when it is imported:

    python tests/interpreted_templates.py PROBLEM SCHEDULES

Prints how many kernels were right; raises where one is not.
"""

import os
import random
import sys
import tempfile
from pathlib import Path
from types import ModuleType

os.environ["TRITON_INTERPRET"] = "1"

import torch

from integrity.request import Level
from integrity.search.offline import Offline
from integrity.search.problem import task_of
from integrity.search.proposal import Feedback
from integrity.worker.naive import load_module

PROBLEMS = Path(__file__).parent.parent / "corpora/problems"
SIZES = {
    "softmax": ((5, 37), (3, 300)),
    "layer-norm": ((5, 37), (3, 300)),
    "gelu-bias-residual": ((5, 37), (3, 300)),
    "row-sumsq": ((5, 37), (3, 300)),
    "matmul-bias-relu": ((17, 33, 35), (5, 70, 130)),
}


def loaded(text: str, name: str) -> ModuleType:
    """Triton reads a kernel's source from its file."""
    place = Path(tempfile.mkdtemp()) / f"{name}.py"
    place.write_text(text)
    sys.path.insert(0, str(PROBLEMS / "row-sumsq"))  # a GPU MODE reference imports `task`
    return load_module(name, str(place))


def compare(problem: str, schedules: int) -> int:
    task = task_of(PROBLEMS / problem)
    assert task.problem is not None
    reference = loaded(task.problem.sources["reference"], "reference")
    proposer = Offline(task, Level.GPU)
    for number in range(schedules):
        proposal = proposer.propose(None, Feedback(number), random.Random(number))
        kernel = loaded(proposal.text, f"kernel_{number}")
        for sizes in SIZES[problem]:
            torch.manual_seed(number)
            weights, inputs = sizes[1:], [torch.randn(sizes[:2])]
            if problem == "gelu-bias-residual":
                inputs.append(torch.randn(sizes[:2]))
            if task.harness == "kernelbench":
                weights = () if problem == "softmax" else weights
                theirs, ours = reference.Model(*weights), kernel.ModelNew(*weights)
                ours.load_state_dict(theirs.state_dict())
                expected, found = theirs(*inputs), ours(*inputs)
            else:
                expected, found = reference.ref_kernel(*inputs), kernel.custom_kernel(*inputs)
            torch.testing.assert_close(
                found, expected, rtol=1e-4, atol=1e-4,
                msg=lambda why, at=(proposal.recipe, sizes): f"{at}: {why}",
            )  # fmt: skip
    return schedules


if __name__ == "__main__":
    print(compare(sys.argv[1], int(sys.argv[2])), "kernels are right")
