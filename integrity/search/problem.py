"""The problem that a search is about, and the header that its archive is known by."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from integrity.errors import BadInput
from integrity.harness import HARNESSES, load_task
from integrity.harness.outline import Outline
from integrity.harness.reference import read_source
from integrity.problem import CONSTANT, Convention, Problem, Task, Workload
from integrity.submission import Submission


def task_of(path: Path, harness: str = "auto", sizes: Mapping[str, int] | None = None) -> Task:
    """The task that a reference poses; `sizes` replaces its constants or arguments.

    Raises:
        BadInput: it is not there, or no harness reads it.
    """
    if path.is_dir():
        path = next((f for name in ("task.yml", "reference.py") if (f := path / name).is_file()),
                    path / "reference.py")  # fmt: skip
    if path.suffix == ".py":
        outline = Outline.of(read_source(path))
        if all(outline.missing(each.needs) for each in HARNESSES.values()):
            wanted = "; or ".join(f"{n}: {', '.join(h.needs)}" for n, h in HARNESSES.items())
            raise BadInput(f"{path} poses no problem: it has to define, for {wanted}")
    nobody = Submission.of("\n", path.parent / "no-kernel-yet.py")
    task = load_task(nobody, path, harness)
    if task.problem is None:
        raise BadInput(f"{path} poses no problem: {'; '.join(task.why)}")
    return replace(task, problem=_sized(task.problem, sizes or {}))


def _sized(problem: Problem, sizes: Mapping[str, int]) -> Problem:
    if not sizes:
        return problem
    constants = problem.convention is Convention.MODULE
    given: Workload = {(CONSTANT if constants else "") + name: n for name, n in sizes.items()}
    return replace(problem, workloads=({**problem.workloads[0], **given},))


def digest_of_problem(task: Task) -> str:
    """SHA-256 of everything that poses it."""
    assert task.problem is not None
    parts = [f"{name}\0{text}" for name, text in sorted(task.problem.sources.items())]
    parts += [task.harness, task.entry, repr(task.problem.workloads)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
