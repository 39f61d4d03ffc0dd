"""What every experiment of one audit shares, and what its workers are told to load."""

import time
from dataclasses import dataclass, field
from typing import Any

from integrity.errors import CannotJudge
from integrity.harness.device import pretends_gpu
from integrity.policy import Policy
from integrity.problem import Problem, Task
from integrity.run import Role
from integrity.submission import Submission
from integrity.supervision.backend import Backend
from integrity.supervision.oracle import Oracle
from integrity.supervision.workers import Zygote

SUBMITTED = "kernel_under_test"
"""The submission's module, whatever its file is called."""

COMPILE_MODES = {Role.COMPILED: "default", Role.GRAPHED: "reduce-overhead"}


class OutOfTime(CannotJudge):
    """The audit's wall-clock budget is spent."""


@dataclass(slots=True)
class Deadline:
    """The audit's wall-clock budget."""

    budget_s: float
    option: str = "--timeout"
    """Where the user said so."""

    _start: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left.

        Raises:
            OutOfTime: none.
        """
        left = self.budget_s - (time.monotonic() - self._start)
        if left <= 0:
            raise OutOfTime(f"the time budget of {self.budget_s:.3g} s was spent ({self.option})")
        return left


@dataclass(frozen=True, slots=True)
class Bench:
    """What every experiment of one audit shares."""

    zygote: Zygote
    backend: Backend
    submission: Submission
    task: Task
    problem: Problem
    policy: Policy
    secret: bytes
    deadline: Deadline
    interpreted: bool = False
    """It runs by Triton's interpreter, or its CUDA C++ on one thread: a thousand times slower than
    its author meant it to."""

    reduced: bool = False
    """Its problem is smaller than the declared one."""

    rival: Submission | None = None
    """What the reference's role runs instead of the reference, by the submission's entry."""

    @property
    def pretends(self) -> bool:
        """Whether the submission or the problem finds a processor that says it is a GPU."""
        sources = self.problem.sources
        shared = [sources[name] for name in self.problem.shared]
        return self.zygote.device == "cpu" and (
            pretends_gpu([self.submission.text, *shared]) or pretends_gpu(sources.values())
        )


def load_message(
    bench: Bench, oracle: Oracle, role: Role, canary: int = 0, submitted: str = SUBMITTED
) -> tuple[dict[str, Any], list[int]]:
    """What a worker of that role is told to load, and the descriptors that go with it.

    `canary`: the size of what is slipped in among the operators, where they are to be watched.
    `submitted`: what the submission's module is called.
    """
    if role is Role.NULL:
        return {"do": "null"}, []
    problem = bench.problem
    kernel = bench.submission if role is Role.SUBMISSION else bench.rival
    if kernel is not None:
        modules = {name: problem.sources[name] for name in problem.shared}
        modules[submitted] = kernel.text
        module, entry = submitted, bench.task.entry
    else:
        modules, module, entry = dict(problem.sources), "reference", problem.reference
    message: dict[str, Any] = {
        "do": "load",
        "compile": COMPILE_MODES.get(role, ""),
        "cast": oracle.cast,
        "canary": canary,
        "modules": modules,
        "module": module,
        "entry": entry,
        "convention": problem.convention,
        "pretends": pretends_gpu(modules.values()),
        "init": oracle.init,
        "init_seed": oracle.init_seed,
        "weights": oracle.weights or None,
    }
    block = oracle.weights_block
    if block is None:
        return message, []
    return message | {"weights_bytes": block.size_bytes}, [block.descriptor]
