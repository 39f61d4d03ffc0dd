"""Audit after audit of a mixed set: nothing may stay behind.

    python benchmarks/leaks.py [--experiments N] [--seconds S] [--level cpu|gpu] [--side-by-side]

Counts processes, descriptors, shared-memory files, temporary folders and, on a GPU, used memory
before and after. A zygote serves all of them, as it does in `screen`.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from integrity.errors import CannotJudge
from integrity.policy import GENERATOR
from integrity.problem import Convention, Problem, Task
from integrity.run import Call, Experiment, Inputs, Role
from integrity.submission import Submission
from integrity.supervision.backend import Backend, CpuBackend
from integrity.supervision.bench import Bench, Deadline
from integrity.supervision.lanes import side_by_side
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

REFERENCE = """
import torch
def reference(x):
    return 2 * x + 1
def make_inputs(seed):
    return [torch.randn(4096)]
"""
KERNELS = {
    "honest": "def kernel(x): return 2 * x + 1",
    "wrong": "def kernel(x): return x",
    "raises": "def kernel(x): raise ValueError('no')",
    "leaves": "import os\ndef kernel(x): os._exit(0)",
    "is killed": "import os, signal\ndef kernel(x): os.kill(os.getpid(), signal.SIGSEGV)",
    "does not load": "import nothing_of_that_name",
    "forks": "import os, time\ndef kernel(x):\n"
    "    os.fork() or time.sleep(60)\n    return 2 * x + 1",
    "daemon": "import os, time\ndef kernel(x):\n"
    "    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)\n    return 2 * x + 1",
    "files": "import tempfile\ndef kernel(x):\n"
    "    open(tempfile.mktemp(), 'w').write('x')\n    open('/dev/shm/left', 'w').write('x')\n"
    "    return 2 * x + 1",
}


def count(zygote: Zygote | None) -> dict[str, int]:
    own = zygote.pids() if zygote else []
    used = 0
    if Path("/dev/nvidia0").exists():
        import subprocess

        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        used = int(subprocess.run(query, capture_output=True, text=True).stdout.split()[0])
    return {
        "processes of ours": len(own),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "shared-memory files": len(os.listdir("/dev/shm")),
        "temporary folders": len(list(Path(tempfile.gettempdir()).glob("integrity-*"))),
        "GPU memory, MiB": used,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin none after these")
    parser.add_argument("--level", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--side-by-side", action="store_true", help="four at a time")
    arguments = parser.parse_args()
    problem = Problem(
        "pair", Convention.ARGUMENTS, {"reference": REFERENCE}, "reference", "make_inputs"
    )
    outside, start, made = count(None), time.monotonic(), 0
    with ExitStack() as stack:
        zygote, backend = _start(stack, arguments.level)
        calls = tuple(Call((Inputs(n),)) for n in range(3))
        each = 4 if arguments.side_by_side else 1
        roles = (Role.SUBMISSION, Role.REFERENCE)
        experiments = [Experiment(f"leak-{number}", calls, roles) for number in range(each)]
        inside: dict[str, int] = {}
        for number in range(-(-arguments.experiments // each)):
            if time.monotonic() - start > arguments.seconds:
                break
            made += each
            name, source = list(KERNELS.items())[number % len(KERNELS)]
            task = Task("pair", "kernel", problem)
            bench = Bench(
                zygote, backend, Submission.of(source), task, problem, GENERATOR,
                os.urandom(32), Deadline(5.0),
            )  # fmt: skip
            try:
                if arguments.side_by_side:
                    side_by_side(bench, experiments, lambda one: None)
                else:
                    run(bench, experiments[0])
            except CannotJudge as reason:
                print(f"{number} {name}: {reason}", file=sys.stderr)
            if number == len(KERNELS) - 1:
                inside = count(zygote)
        found = count(zygote)
    left = count(None)
    worse = [k for k in found if found[k] > inside.get(k, 0) or left[k] > outside[k]]
    for name in found:
        print(f"{name:22} after {each * len(KERNELS)}: {inside.get(name, 0):6}   after "
              f"{made}: {found[name]:6}   at the end: {left[name]:6}   "
              f"before: {outside[name]:6}   {'LEFT' if name in worse else 'ok'}")  # fmt: skip
    return 1 if worse else 0


def _start(stack: ExitStack, level: str) -> tuple[Zygote, Backend]:
    if level == "cpu":
        return stack.enter_context(Zygote("auto")), CpuBackend()
    from integrity.supervision.cuda.backend import CudaBackend
    from integrity.supervision.cuda.platform import cuda_platform

    zygote = stack.enter_context(Zygote("auto", cuda_platform()))
    return zygote, stack.enter_context(CudaBackend(zygote))


if __name__ == "__main__":
    sys.exit(main())
