"""Supervised, null-calibrated times against an honest in-process measurement.

The bar: within 3 % or 20 us, whichever is larger, on three workloads. The kernel is honest, so its
own process can be asked: timers round nothing but the kernel's call, in the very calls that the
supervisor times from outside. Two processes apart would differ by what the machine drifts between
them, which is more than the bar.
"""

import os
import statistics
import sys

from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.run import Call, Experiment, Inputs, Role
from integrity.submission import Submission
from integrity.supervision.backend import CpuBackend
from integrity.supervision.bench import Bench, Deadline
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

ROUNDS, CALLS, WARMUPS, WIDTH = 4, 30, 5, 8
WORKLOADS = {
    "add 16 KiB": ("x + 1", "torch.randn(4096, generator=g)"),
    "softmax 512 KiB": ("torch.softmax(x, -1)", "torch.randn(128, 1024, generator=g)"),
    "matmul 512": ("x @ x", "torch.randn(512, 512, generator=g)"),
}


def measure(zygote: Zygote, expression: str, inputs: str) -> tuple[float, float]:
    """Median time of a call in us: by the kernel's own process, and across the trust boundary."""
    reference = (
        "import torch\n"
        f"def reference(x): return {expression}\n"
        "def make_inputs(seed):\n    g = torch.Generator().manual_seed(seed)\n"
        f"    return [{inputs}]\n"
    )
    problem = Problem(
        "pair", Convention.ARGUMENTS, {"reference": reference}, "reference", "make_inputs"
    )
    bench = Bench(
        zygote=zygote,
        backend=CpuBackend(),
        submission=Submission.of(f"import torch\ndef kernel(x): return {expression}\n"),
        task=Task("pair", "kernel", problem),
        problem=problem,
        policy=GENERATOR,
        secret=os.urandom(32),
        deadline=Deadline(300),
    )
    calls = tuple(
        Call(tuple(Inputs(WIDTH * number + each) for each in range(WIDTH)))
        for number in range(WARMUPS + 2 * CALLS)
    )
    roles = (Role.SUBMISSION, Role.NULL, Role.REFERENCE)
    finished = run(
        bench, Experiment("clock", calls, roles, warmups=WARMUPS, elastic=True, enough=CALLS)
    )
    calls_in = [len(call.inputs) for call in finished.experiment.calls]
    null, ours = (
        [r for r in finished.of(role) if r.observed.clean and r.call >= WARMUPS]
        for role in (Role.NULL, Role.SUBMISSION)
    )
    overhead = statistics.median(r.observed.elapsed_us / calls_in[r.call] for r in null)
    inside = statistics.median(r.reported.kernel_us / calls_in[r.call] for r in ours)
    window = statistics.median(r.observed.elapsed_us / calls_in[r.call] for r in ours)
    return inside, window - overhead


def main() -> int:
    """Print the table; exit 1 where the bar is missed."""
    missed = 0
    titles = ("in-process us", "supervised us", "differ us", "share")
    print(f"{'workload':18}" + "".join(f"{title:>15}" for title in titles))
    with Zygote("auto") as zygote:
        for name, (expression, inputs) in WORKLOADS.items():
            rounds = [measure(zygote, expression, inputs) for _ in range(ROUNDS)]
            a, b = (statistics.median(side) for side in zip(*rounds, strict=True))
            off = abs(b - a)
            held = off <= max(0.03 * a, 20.0)
            missed += not held
            row = f"{a:15.1f}{b:15.1f}{b - a:15.1f}{off / a:15.1%}"
            print(f"{name:18}{row}  {'held' if held else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
