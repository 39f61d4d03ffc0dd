"""Beside the claim: other shapes, baselines (`--baseline`) and workloads (`--envelope`)."""

import ast
from collections.abc import Iterator, Mapping, Sequence
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
_WIDTH = 256
_THOROUGH, _SHORT = (6, 10, 5), (3, 6, 20)
"""Warm-ups, blocks and spares. Hidden workloads are looked at in passing, for many submissions, and
have one run alone: what others disturb is made up for by spares."""

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
    broken: bool = False
    """There is none because the submission is wrong or fails there."""


def widened(problem: Problem, request: Request) -> Problem:
    """The problem with more workloads behind its own: hidden ones, or else other shapes; and the
    envelope's."""
    around = list(_around(problem))[:_MOST_POINTS] if request.envelope else []
    return replace(problem, workloads=(*problem.workloads, *_unseen(problem, request), *around))


def _unseen(problem: Problem, request: Request) -> Sequence[Workload]:
    """Those that a search hides are other shapes too."""
    return request.hidden or _shapes(problem)


def _shapes(problem: Problem) -> list[Workload]:
    """The first size one smaller, the last one a prime: each costs a second on a GPU."""
    claim, found = problem.workloads[0], list(sizes(problem).items())
    if not found:
        return []
    (first, smaller), (last, larger) = found[0], found[-1]
    return [{**claim, first: smaller - 1}, {**claim, last: _prime_above(larger)}]


def _prime_above(number: int) -> int:
    return next(
        each for each in count(number + 1) if all(each % d for d in range(2, isqrt(each) + 1))
    )


def _around(problem: Problem) -> Iterator[Workload]:
    """Each size halved, doubled and made odd; and the lower precisions."""
    claim = problem.workloads[0]
    for name, size in sizes(problem).items():
        for other in (size // 2, size * 2, size - 1):
            if other > 0:
                yield {**claim, name: other}
    for dtype in _CASTS:
        yield {**claim, CAST: dtype}


def sizes(problem: Problem, most: int = _MOST_SIZES) -> Mapping[str, int]:
    """What the input generator can be asked to vary: its arguments, else its module's constants."""
    tree = ast.parse(problem.sources["reference"])
    given = problem.workloads[0].items()
    claim = {k: v for k, v in given if type(v) is int and v > 1 and k != "seed"}
    found = claim or _defaults(tree, problem.make_inputs) or _constants(tree)
    return dict(list(found.items())[:most])


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
    """A number that could be an extent, or a product of some; 0 for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _size(node.left) * _size(node.right)
    value = node.value if isinstance(node, ast.Constant) else None
    return value if type(value) is int and value > 1 else 0


def spelled(workload: Workload) -> str:
    """`rows=500, columns=1101`; `the declared sizes` where nothing differs."""
    shown = (f"{name.removeprefix(CONSTANT)}={value}" for name, value in workload.items())
    return ", ".join(shown) or "the declared sizes"


def experiments(declared: Problem, every: Problem, request: Request) -> Iterator[Experiment]:
    """One for each baseline, and one for each workload behind the first."""
    for baseline in request.baselines:
        if baseline is not Role.REFERENCE:
            yield _experiment(f"baseline-{baseline}", 0, baseline, _THOROUGH)
    first = len(declared.workloads)
    behind = first + len(_unseen(declared, request))
    for index in range(1, len(every.workloads)):
        if index >= behind:
            yield _experiment(f"{ENVELOPE}{index}", index, Role.REFERENCE, _THOROUGH)
        elif index >= first and request.hidden:
            yield _experiment(f"{ENVELOPE}{index}", index, Role.REFERENCE, _SHORT)
        elif index >= first:
            calls = tuple(Call((Inputs(draw),)) for draw in range(_SHAPE_CALLS))
            yield Experiment(f"{SHAPES}{index}", calls, workload=index)
        elif request.level is Level.GPU or request.envelope:
            yield _experiment(f"workload-{index}", index, Role.REFERENCE, _THOROUGH)


def _experiment(
    name: str, workload: int, baseline: Role, length: tuple[int, int, int]
) -> Experiment:
    warmups, blocks, spares = length
    # CUDA graphs return the same memory in every call: in a window of several it would have to be
    # copied, and a baseline that is slowed down flatters.
    width = 1 if baseline is Role.GRAPHED else _WIDTH
    calls = tuple(
        Call(tuple(Inputs(number * _WIDTH + each) for each in range(width)), slot=number % 2)
        for number in range(warmups + blocks + spares)
    )
    return Experiment(
        name, calls, (Role.SUBMISSION, baseline, Role.NULL), workload,
        warmups=warmups, elastic=True, enough=blocks, timed=True,
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
        how = death.how.partition("\n")[0][:160]
        return OperatingPoint(name, workload, None, note=how, broken=True)
    checks = [check for result in run.of(Role.SUBMISSION) for check in result.observed.checks]
    if wrong := sum(check.wrong for check in checks):
        note = f"wrong in {wrong} of {len(checks)} calls"
        return OperatingPoint(name, workload, None, note=note, broken=True)
    try:
        estimate = paired_speedup([run], baseline, Role.SUBMISSION)
    except CannotJudge as reason:
        return OperatingPoint(name, workload, None, note=str(reason))
    return OperatingPoint(name, workload, estimate.ratio, estimate.low, estimate.high, estimate.n)
