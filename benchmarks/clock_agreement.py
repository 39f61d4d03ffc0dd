"""Supervised, null-calibrated times against an honest in-process measurement.

The bar: within 3 % or 20 us, whichever is larger, on three workloads. Both sides are medians of
the same number of calls on fresh inputs, with the same number of threads, in alternating rounds.
"""

import json
import os
import statistics
import subprocess
import sys

import numpy as np

from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.run import Call, Experiment, Inputs, Role
from integrity.submission import Submission
from integrity.supervision.backend import CpuBackend
from integrity.supervision.runner import Bench, Deadline, run
from integrity.supervision.workers import Zygote

ROUNDS, CALLS, WARMUPS = 5, 40, 5
WORKLOADS = {
    "add 16 KiB": ("x + 1", "torch.randn(4096, generator=g)"),
    "softmax 512 KiB": ("torch.softmax(x, -1)", "torch.randn(128, 1024, generator=g)"),
    "matmul 512": ("x @ x", "torch.randn(512, 512, generator=g)"),
}

IN_PROCESS = """
import json, time, torch
torch.set_num_threads({threads})
g = torch.Generator().manual_seed({seed})
def kernel(x): return {expression}
times = []
with torch.no_grad():
    for _ in range({calls}):
        x = {inputs}
        start = time.perf_counter()
        y = kernel(x)
        times.append((time.perf_counter() - start) * 1e6)
print(json.dumps(times[{warmups}:]))
"""


def in_process(expression: str, inputs: str, threads: int, seed: int) -> list[float]:
    """Times in us, as a careful person would take them in one process."""
    source = IN_PROCESS.format(
        threads=threads, seed=seed, expression=expression, inputs=inputs,
        calls=CALLS + WARMUPS, warmups=WARMUPS,
    )  # fmt: skip
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, env=environment
    )
    times: list[float] = json.loads(done.stdout)
    return times


def supervised(zygote: Zygote, expression: str, inputs: str) -> list[float]:
    """Times in us across the trust boundary, the null's median taken off."""
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
    calls = tuple(Call((Inputs(draw),)) for draw in range(WARMUPS + 2 * CALLS))
    roles = (Role.SUBMISSION, Role.NULL)
    finished = run(bench, Experiment("clock", calls, roles, warmups=WARMUPS, enough=CALLS))
    null = statistics.median(
        r.observed.elapsed_us for r in finished.of(Role.NULL) if r.observed.clean
    )
    return [
        r.observed.elapsed_us - null
        for r in finished.of(Role.SUBMISSION)
        if r.observed.clean and r.call >= WARMUPS
    ]


def main() -> int:
    """Print the table; exit 1 where the bar is missed."""
    missed = 0
    titles = ("in-process us", "supervised us", "differ us", "share")
    print(f"{'workload':18}" + "".join(f"{title:>15}" for title in titles))
    with Zygote("auto") as zygote:
        for name, (expression, inputs) in WORKLOADS.items():
            inside, outside = [], []
            for number in range(ROUNDS):
                inside += in_process(expression, inputs, zygote.threads, number)
                outside += supervised(zygote, expression, inputs)
            a, b = np.median(inside), np.median(outside)
            off = abs(b - a)
            held = off <= max(0.03 * a, 20.0)
            missed += not held
            row = f"{a:15.1f}{b:15.1f}{b - a:15.1f}{off / a:15.1%}"
            print(f"{name:18}{row}  {'held' if held else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
