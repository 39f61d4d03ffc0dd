"""Proposals without a model: schedules of the reference's formula, edits of any Triton kernel."""

import random
from typing import ClassVar

from integrity.errors import BadInput
from integrity.problem import Task
from integrity.request import Level
from integrity.search import schedules
from integrity.search.c_code import c_kernel
from integrity.search.edits import edited
from integrity.search.formula import Formula, Product, formula_of, nodes
from integrity.search.proposal import Earlier, Feedback, Proposal
from integrity.search.schedules import Schedule, Space
from integrity.search.triton_code import triton_kernel


class Offline:
    """Writes C for a processor and Triton for a GPU; deterministic for a given generator state.

    A kernel that was not written here is edited as a tree: launch parameters, constants, hints.
    """

    id: ClassVar[str] = "offline"

    def __init__(self, task: Task, level: Level, start: str = "") -> None:
        """Raises `BadInput` where there is neither a readable formula nor a start."""
        if task.problem is None:
            raise BadInput("the offline proposer needs a problem's reference")
        self._entry = task.entry
        self._start = start
        self._on_gpu = level is Level.GPU
        self._formula: Formula | None = None
        try:
            self._formula = formula_of(task.problem)
        except BadInput:
            if not start:
                raise

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: random.Random) -> Proposal:
        """A step from the parent; without one, the plain kernel first and then any schedule."""
        if feedback.number == 0 and self._start:
            return Proposal(self._start, "start")
        if parent is not None and (parent.recipe is None or self._formula is None):
            return self._edit(parent, rng)
        if self._formula is None:
            return self._edit(Earlier("", self._start, "", None), rng)
        space = self._space(self._formula)
        if parent is not None and parent.recipe is not None:
            schedule, operator = schedules.stepped(space, parent.recipe, rng)
            return self._written(schedule, operator, parent.id)
        if feedback.number == 0:
            return self._written(schedules.first(space), "first")
        return self._written(schedules.drawn(space, rng), "draw")

    def _written(self, schedule: Schedule, operator: str, parent: str = "") -> Proposal:
        assert self._formula is not None
        write = triton_kernel if self._on_gpu else c_kernel
        text = write(self._formula, schedule, self._entry)
        return Proposal(text, operator, parent, schedule)

    def _space(self, formula: Formula) -> Space:
        product = any(isinstance(node, Product) for node in nodes(formula.root))
        if self._on_gpu:
            return schedules.TRITON_PRODUCT if product else schedules.TRITON_ROWS
        return schedules.C_PRODUCT if product else schedules.C_ROWS

    def _edit(self, parent: Earlier, rng: random.Random) -> Proposal:
        text, operator = edited(parent.text, rng)
        failure = "" if text else "no operator applies to its parent"
        return Proposal(text, operator, parent.id, failure=failure)
