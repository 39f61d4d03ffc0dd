"""Honest kernels beside their physics floors: the best known ones have to clear them.

For each: the calibrated time, the roofline and what it is made of, the share, the times below which
it would be a finding (by its bytes, by its arithmetic), and whether it was one. 20 problems with
the vendor's kernels on a processor; 66 kernels on a GPU, where `--part 1/3` runs every third.
Exits with 1 if any kernel is below its floor.

    python benchmarks/floors.py --device cpu|cuda [--part K/N] [--json FILE] [workload ...]
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from floor_workloads import Workload, workloads

from integrity.detectors.physics_floor import below_floor, peaks_of
from integrity.errors import CannotJudge
from integrity.estimate import calibrated_time
from integrity.floors import Work, compute_floor, memory_floor, roofline
from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.run import Call, Experiment, Inputs, Role
from integrity.submission import Submission
from integrity.supervision import peaks
from integrity.supervision.backend import Backend, CpuBackend
from integrity.supervision.bench import Bench, Deadline
from integrity.supervision.rehearsal import build
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

_WARMUPS, _CALLS, _SPARES, _WIDTH = 4, 12, 36, 256
_ROLES = (Role.SUBMISSION, Role.REFERENCE, Role.NULL)


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel beside its floors."""

    workload: str
    time_us: float
    roofline_us: float
    bound: str
    share: float
    memory_us: float
    compute_us: float
    finding: str


def bench(zygote: Zygote, backend: Backend, workload: Workload) -> Bench:
    problem = Problem(
        "pair", Convention.ARGUMENTS, {"reference": workload.reference}, "reference", "make_inputs"
    )
    kernel, task = Submission.of(workload.submission), Task("pair", "kernel", problem)
    return Bench(zygote, backend, kernel, task, problem, GENERATOR, os.urandom(32), Deadline(300))


def measured(one: Bench, name: str) -> Row:
    if "triton" in name:
        build(one)
    calls = tuple(
        Call(tuple(Inputs(c * _WIDTH + n) for n in range(_WIDTH)), slot=c % 2)
        for c in range(_WARMUPS + _CALLS + _SPARES)
    )
    pairs = Experiment(
        "pairs", calls, _ROLES, warmups=_WARMUPS, elastic=True, enough=_CALLS, timed=True
    )
    timed = run(one, pairs)
    wrong = sum(check.wrong for r in timed.results for check in r.observed.checks)
    if wrong or timed.deaths:
        raise SystemExit(f"{name}: {wrong} wrong outputs, deaths {timed.deaths}")
    facts = run(one, Experiment("trivial", (Call((Inputs(0),)),), roles=())).facts
    work, top = Work.of_facts(facts), peaks_of(timed, peaks.measured(one, timed.facts))
    if work is None:
        raise SystemExit(f"{name}: its work was not derived")
    time, floor = calibrated_time([timed], Role.SUBMISSION), roofline(work, top)
    found = list(below_floor([timed], work, top, GENERATOR.precision))
    return Row(
        name, time.us, floor.us, floor.bound, floor.us / time.us, memory_floor(work, top).us,
        compute_floor(work, top).us, found[0].claim if found else "",
    )  # fmt: skip


def rows(device: str, names: Sequence[str]) -> list[Row]:
    known, found = workloads(device), []
    print(f"{'kernel':24} {'us':>9} {'roofline':>9} {'bound':>8} share {'bytes':>8} {'flops':>8}")
    with ExitStack() as stack:
        zygote, backend = _opened(device, stack)
        for name in names:
            try:
                row = measured(bench(zygote, backend, known[name]), name)
            except CannotJudge as reason:
                print(f"{name:24} not measured: {reason}", flush=True)
                continue
            found.append(row)
            print(
                f"{name:24} {row.time_us:9.2f} {row.roofline_us:9.2f} {row.bound:>8} "
                f"{row.share:5.0%} {row.memory_us:8.2f} {row.compute_us:8.2f}  {row.finding}",
                flush=True,
            )
    return found


def _opened(device: str, stack: ExitStack) -> tuple[Zygote, Backend]:
    if device == "cpu":
        return stack.enter_context(Zygote("auto")), CpuBackend()
    from integrity.supervision.cuda.backend import CudaBackend
    from integrity.supervision.cuda.platform import cuda_platform

    zygote = stack.enter_context(Zygote("auto", cuda_platform()))
    return zygote, stack.enter_context(CudaBackend(zygote))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th, from the K-th")
    parser.add_argument("--json", type=Path)
    parser.add_argument("workloads", nargs="*")
    arguments = parser.parse_args()
    first, _, step = arguments.part.partition("/")
    names = (arguments.workloads or list(workloads(arguments.device)))[int(first) - 1 :: int(step)]
    found = rows(arguments.device, names)
    below = [row for row in found if row.finding]
    print(f"{len(found)} of {len(names)} kernels measured, {len(below)} below a floor")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in found], indent=1))
    return 1 if below or len(found) < len(names) else 0


if __name__ == "__main__":
    sys.exit(main())
