"""Beside the claim: other shapes, baselines (`--baseline`) and workloads (`--envelope`)."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from math import isqrt

from integrity.errors import CannotJudge
from integrity.estimate import paired_speedup
from integrity.evidence import ENVELOPE, SHAPES, Evidence
from integrity.problem import CAST, CONSTANT, Problem, Workload
from integrity.request import Level, Request
from integrity.run import Call, Experiment, Inputs, Role, Run

BASELINES = {
    "eager": Role.REFERENCE, "compile": Role.COMPILED, "compile-graphs": Role.GRAPHED,
}  # fmt: skip
_BLOCKS, _SPARES, _WARMUPS, _WIDTH = 10, 5, 6, 256
_MOST_POINTS, _MOST_SIZES = 10, 4
_SHAPE_CALLS = 2
_CASTS = ("bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The speedup over one baseline at one workload, or why there is none."""

    baseline: str
    workload: Workload
    ratio: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Blocks."""

    note: str = ""


def widened(problem: Problem, request: Request) -> Problem:
    """The problem with other shapes, and then the envelope's workloads, behind its own."""
    around = list(_around(problem))[:_MOST_POINTS] if request.envelope else []
    return replace(problem, workloads=(*problem.workloads, *_shapes(problem), *around))


def _shapes(problem: Problem) -> list[Workload]:
    """The first size one smaller, the last one a prime: each costs a second on a GPU."""
    claim, sizes = problem.workloads[0], list(_sizes(problem).items())
    if not sizes:
        return []
    (first, smaller), (last, larger) = sizes[0], sizes[-1]
    return [{**claim, first: smaller - 1}, {**claim, last: _prime_above(larger)}]


def _prime_above(number: int) -> int:
    return next(
        each for each in count(number + 1) if all(each % d for d in range(2, isqrt(each) + 1))
    )


def _around(problem: Problem) -> Iterator[Workload]:
    """Each size halved, doubled and made odd; and the lower precisions."""
    claim = problem.workloads[0]
    for name, size in _sizes(problem).items():
        for other in (size // 2, size * 2, size - 1):
            if other > 0:
                yield {**claim, name: other}
    for dtype in _CASTS:
        yield {**claim, CAST: dtype}


def _sizes(problem: Problem) -> Mapping[str, int]:
    """What the input generator can be asked to vary: its arguments, else its module's constants."""
    tree = ast.parse(problem.sources["reference"])
    claim = {k: v for k, v in problem.workloads[0].items() if type(v) is int and k != "seed"}
    found = claim or _defaults(tree, problem.make_inputs) or _constants(tree)
    return dict(list(found.items())[:_MOST_SIZES])


def _defaults(tree: ast.Module, name: str) -> dict[str, int]:
    """Of the generator's own arguments."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = dict(
                zip((a.arg for a in arguments[::-1]), node.args.defaults[::-1], strict=False)
            )
            return {k: n for k, v in reversed(defaults.items()) if (n := _size(v)) and k != "seed"}
    return {}


def _constants(tree: ast.Module) -> dict[str, int]:
    """`batch_size = 16` at the top level: KernelBench."""
    return {
        CONSTANT + node.targets[0].id: size
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and (size := _size(node.value))
    }


def _size(node: ast.expr) -> int:
    """A number that could be an extent; 0 for anything else."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if type(value) is int and value > 1 else 0


def experiments(declared: Problem, every: Problem, request: Request) -> Iterator[Experiment]:
    """One for each baseline, and one for each workload behind the first."""
    for baseline in request.baselines:
        if baseline is not Role.REFERENCE:
            yield _experiment(f"baseline-{baseline}", 0, baseline)
    first = len(declared.workloads)
    for index in range(1, len(every.workloads)):
        if index >= first + len(_shapes(declared)):
            yield _experiment(f"{ENVELOPE}{index}", index, Role.REFERENCE)
        elif index >= first:
            calls = tuple(Call((Inputs(draw),)) for draw in range(_SHAPE_CALLS))
            yield Experiment(f"{SHAPES}{index}", calls, workload=index)
        elif request.level is Level.GPU or request.envelope:
            yield _experiment(f"workload-{index}", index, Role.REFERENCE)


def _experiment(name: str, workload: int, baseline: Role) -> Experiment:
    calls = tuple(
        Call(tuple(Inputs(number * _WIDTH + each) for each in range(_WIDTH)), slot=number % 2)
        for number in range(_WARMUPS + _BLOCKS + _SPARES)
    )
    return Experiment(
        name, calls, (Role.SUBMISSION, baseline, Role.NULL), workload,
        warmups=_WARMUPS, elastic=True, enough=_BLOCKS, timed=True,
    )  # fmt: skip


def points(evidence: Evidence, every: Problem | None) -> tuple[OperatingPoint, ...]:
    """What came of them."""
    names = {role: name for name, role in BASELINES.items()}
    found = []
    for name, run in evidence.runs.items():
        if name.startswith(("baseline-", "workload-", ENVELOPE)) and every is not None:
            workload = every.workloads[run.experiment.workload]
            baseline = run.experiment.roles[1]
            found.append(_point(run, names[baseline], baseline, workload))
    for name, reason in evidence.skipped.items():
        if name.startswith("baseline-"):
            baseline = Role(name.removeprefix("baseline-"))
            found.append(OperatingPoint(names[baseline], {}, None, note=reason))
        elif name.startswith(("workload-", ENVELOPE)) and every is not None:
            workload = every.workloads[int(name.rpartition("-")[2])]
            found.append(OperatingPoint("eager", workload, None, note=reason))
    return tuple(found)


def _point(run: Run, name: str, baseline: Role, workload: Workload) -> OperatingPoint:
    if death := run.death_of(Role.SUBMISSION):
        return OperatingPoint(name, workload, None, note=death.how.partition("\n")[0][:160])
    checks = [check for result in run.of(Role.SUBMISSION) for check in result.observed.checks]
    if wrong := sum(check.wrong for check in checks):
        return OperatingPoint(name, workload, None, note=f"wrong in {wrong} of {len(checks)} calls")
    try:
        estimate = paired_speedup([run], baseline, Role.SUBMISSION)
    except CannotJudge as reason:
        return OperatingPoint(name, workload, None, note=str(reason))
    return OperatingPoint(name, workload, estimate.ratio, estimate.low, estimate.high, estimate.n)
