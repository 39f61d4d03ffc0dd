"""A problem that is too large for this machine's processor, made smaller.

Sizes that a GPU takes a microsecond for cost a processor a minute: without this, an audit at level
cpu would learn nothing of most problems that were written for GPUs. Answers are checked at the
smaller size; times would be those of another problem, and are not taken.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from integrity.errors import CannotJudge
from integrity.operating import sizes, spelled
from integrity.problem import CONSTANT, Problem, Workload
from integrity.request import Progress
from integrity.run import Call, Experiment, Inputs, Role, Run

if TYPE_CHECKING:
    from integrity.supervision.bench import Bench

_MOST_BYTES, _MOST_INTERPRETED_BYTES = 96 * 2**20, 2**20
"""Of one set of inputs and outputs. An audit holds some twenty; an interpreted kernel writes about
a megabyte a second."""

_AT_MOST = 4.0
"""How much too large something may be where there is no other way."""

_CALLS = 100
"""Times that an audit has the reference answer; half the time limit may go there."""

_MOST_SIZES = 12
_LEAST = 8
"""No size but the first becomes smaller: kernels have vectors and tiles."""

_UNKNOWN = 64.0
"""How much too large something is that could not even be tried."""

_MAY_BE_LARGE = 2**11
"""Where the sizes' product is smaller, nothing has to be tried; several extents may be one size."""


def fitted(bench: "Bench", progress: Progress) -> "Bench":
    """The same bench, with a smaller problem where the declared one is too large.

    A submission that does not work at the smaller size, which nobody promised, is audited at the
    declared one where that is not too large by far.

    Raises:
        CannotJudge: it is, and the submission does not work at the smaller one.
    """
    smaller = reduced(bench, progress)
    if smaller is not bench:
        try:
            _try(smaller)
        except CannotJudge:
            if _excess(bench, bench.problem) > _AT_MOST:
                raise
            return bench
    return smaller


def reduced(bench: "Bench", progress: Progress) -> "Bench":
    """The same without trying the submission there.

    Sizes are divided by powers of two, in the order they are declared in, those of weights last.
    """
    declared = bench.problem
    if math.prod(_sizes(declared).values()) < _MAY_BE_LARGE:
        return bench
    progress("trying the declared size")
    excess = _excess(bench, declared)
    if excess <= 1:
        return bench
    progress("looking for a size that this machine can hold")
    smaller = _smaller(bench, declared, excess)
    if smaller is None:
        return bench
    why = f"at its declared size it is too large for a processor: it ran at {_said(smaller)}"
    task = replace(bench.task, problem=smaller, why=(*bench.task.why, why))
    return replace(bench, problem=smaller, task=task, reduced=True)


def _smaller(bench: "Bench", declared: Problem, excess: float) -> Problem | None:
    """One that is not too large, or not by far, where dividing its sizes leads there."""
    workload: Workload = dict(declared.workloads[0])
    for number, (name, size) in enumerate(_sizes(declared).items()):
        needed = excess if math.isfinite(excess) else _UNKNOWN
        least = _LEAST if number else 1
        smaller = max(size // 2 ** math.ceil(math.log2(needed)), min(size, least))
        if smaller == size:
            continue
        tried = _at(declared, {**workload, name: smaller})
        left = _excess(bench, tried)
        if left < excess:
            workload, excess = tried.workloads[0], left
        if excess <= 1:
            return _regrown(bench, _at(declared, workload), name, size)
    return _at(declared, workload) if excess <= _AT_MOST else None


def _regrown(bench: "Bench", problem: Problem, name: str, declared: int) -> Problem:
    """With the size of that name doubled for as long as it fits: more than one extent may hang on
    it."""
    size = int(problem.workloads[0][name])
    while (size := 2 * size) < declared:
        larger = _at(problem, {**problem.workloads[0], name: size})
        if _excess(bench, larger) > 1:
            break
        problem = larger
    return problem


def _sizes(problem: Problem) -> Mapping[str, int]:
    """By name, the order in which they may shrink: a kernel may know the shapes of its weights."""
    found = sizes(problem, _MOST_SIZES)
    tree = ast.parse(problem.sources["reference"])
    maker = problem.make_init_inputs
    of_weights = {
        CONSTANT + node.id
        for made in tree.body
        if isinstance(made, ast.FunctionDef) and made.name == maker
        for node in ast.walk(made)
        if isinstance(node, ast.Name)
    }
    return {name: found[name] for name in sorted(found, key=of_weights.__contains__)}


def _at(problem: Problem, workload: Workload) -> Problem:
    return replace(problem, workloads=(workload,))


def _excess(bench: "Bench", problem: Problem) -> float:
    """How many times too large; infinite where the reference does not answer."""
    from integrity.supervision.rehearsal import try_problem

    most_bytes = _MOST_INTERPRETED_BYTES if bench.interpreted else _MOST_BYTES
    try:
        found = try_problem(bench.zygote, bench.backend, problem, most_bytes)
    except CannotJudge:
        return math.inf
    most_s = bench.deadline.budget_s / 2 / _CALLS
    unanswered = 1 if found.answer_s else 2  # outputs are as large as inputs, mostly
    return max(unanswered * found.size_bytes / most_bytes, found.answer_s / most_s)


def _try(bench: "Bench") -> None:
    from integrity.supervision import runner

    first = Experiment("reduced", (Call((Inputs(draw=0),)),))
    if failed := _failure(runner.run(bench, first)):
        raise CannotJudge(
            f"its declared size is too large for this machine's processor, and at "
            f"{_said(bench.problem)} the submission {failed}; --level gpu runs the declared size"
        )


def _failure(run: Run) -> str:
    """What of it does not work, in any way: nobody promised that it would."""
    if death := run.death_of(Role.SUBMISSION):
        return death.how.partition("\n")[0][:160]
    for result in run.of(Role.SUBMISSION):
        seen = result.observed
        if any(check.wrong for check in seen.checks):
            return "is wrong"
        if seen.guard_bytes or seen.changed_inputs or seen.late_bytes:
            return "writes where it should not"
    return ""


def _said(problem: Problem) -> str:
    return spelled(problem.workloads[0])
