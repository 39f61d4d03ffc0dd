"""Small real runs: a pair problem, a submission as text, real workers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent

from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.run import Call, Experiment, Inputs, Role, Run
from integrity.submission import Submission
from integrity.supervision.backend import CpuBackend
from integrity.supervision.bench import Bench, Deadline
from integrity.supervision.endings import WorkerRaised
from integrity.supervision.runner import run
from integrity.supervision.workers import Worker, Zygote

REFERENCE = """
import torch

def reference(x):  # for the oracle's eyes only
    return 2 * x + 1

def make_inputs(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(64, 128, generator=generator)]
"""


def bench(zygote: Zygote, kernel: str, reference: str = REFERENCE, timeout_s: float = 60) -> Bench:
    """Everything that an experiment needs, for a kernel given as text."""
    sources = {"reference": dedent(reference)}
    problem = Problem("pair", Convention.ARGUMENTS, sources, "reference", "make_inputs")
    return Bench(
        zygote=zygote,
        backend=CpuBackend(),
        submission=Submission.of(dedent(kernel)),
        task=Task("pair", "kernel", problem),
        problem=problem,
        policy=GENERATOR,
        secret=os.urandom(32),
        deadline=Deadline(timeout_s),
    )


def run_calls(
    zygote: Zygote, kernel: str, calls: int = 3, reference: str = REFERENCE, timeout_s: float = 60
) -> Run:
    """That many calls of the kernel on fresh inputs."""
    experiment = Experiment("fresh", tuple(Call((Inputs(draw),)) for draw in range(calls)))
    return run(bench(zygote, kernel, reference, timeout_s), experiment)


def checks(finished: Run) -> list[float]:
    """Mismatched share of every call."""
    return [r.observed.checks[0].mismatched_share for r in finished.of(Role.SUBMISSION)]


@contextmanager
def worker_of(zygote: Zygote) -> Iterator[Worker]:
    """One bare worker."""
    worker = zygote.spawn()
    try:
        yield worker
    finally:
        worker.end()


def told_inside(zygote: Zygote, source: str) -> str:
    """What a submission can find out at import: it raises `AssertionError(what)`."""
    message = {
        "do": "load", "modules": {"spy": dedent(source)}, "module": "spy", "entry": "kernel",
        "convention": "arguments", "init": [], "init_seed": 0, "weights": None,
    }  # fmt: skip
    with worker_of(zygote) as worker:
        try:
            worker.ask(message, 30)
        except WorkerRaised as error:
            return error.error
    return "nothing"
