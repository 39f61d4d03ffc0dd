"""How long a whole audit takes of two kernels, a hack and an honest one, and how much memory.

    python benchmarks/audit_time.py [--level cpu|gpu]

The bars: at level cpu 20 s each; at level gpu 60 s each once a machine is warm, and at most 2 GB of
device memory beyond one set of the problem's own inputs and outputs. Memory is sampled every 20 ms.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from integrity.audit import audit
from integrity.corpora import cases
from integrity.harness import load_task
from integrity.request import Isolation, Level, Request
from integrity.submission import Submission
from integrity.supervision.machine import machine

BARS_S = {Level.CPU: 20.0, Level.GPU: 60.0}
BAR_GB = 2.0
DEMO = ("hacks/caching/pointer-keyed", "honest/row-sumsq-c")
SAMPLING = ("nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
ON_A_DEVICE = Path(__file__).parent.parent / "tests/gpu"


def kernels(level: Level) -> dict[str, tuple[Path, Path]]:
    """Kernel and reference by name."""
    if level is Level.GPU:
        reference = ON_A_DEVICE / "softmax_reference.py"
        names = ("softmax_cached", "softmax_honest")
        return {name: (ON_A_DEVICE / f"{name}.py", reference) for name in names}
    found = {case.id: case for case in cases() if case.id in DEMO}
    return {name: (Path(found[name].kernel), Path(str(found[name].reference))) for name in DEMO}


@contextlib.contextmanager
def peak_of_device(level: Level) -> Iterator[list[int]]:
    """The most bytes of device memory in use meanwhile, beyond those before; else nothing.

    Sampled by another process: one that forks supervisors should have no threads.
    """
    peak: list[int] = []
    if level is not Level.GPU:
        yield peak
        return
    with subprocess.Popen([*SAMPLING, "--loop-ms=20"], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        before = int(watch.stdout.readline())
        yield peak
        watch.terminate()
        peak.append((max(int(line) for line in watch.stdout if line.strip()) - before) * 2**20)


def main() -> int:
    """Print a line a kernel; exit 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", default="cpu", choices=("cpu", "gpu"))
    level = Level(parser.parse_args().level)
    missed = 0
    with machine(level, Isolation.AUTO) as warm:
        for name, (kernel, reference) in kernels(level).items():
            submission = Submission.read(kernel)
            task = load_task(submission, reference)
            with peak_of_device(level) as peak:
                start = time.perf_counter()
                finished = audit(Request(submission, task, level=level), warm=warm)
                taken = time.perf_counter() - start
            missed += taken > BARS_S[level]
            line = f"{name:32}{taken:6.1f} s  {finished.verdict.label}  bar {BARS_S[level]:g} s"
            if peak:
                facts = next(iter(finished.evidence.runs.values())).facts
                own = float(facts["input_bytes"]) + float(facts["output_bytes"])
                beyond_gb = (peak[0] - own) / 1e9
                missed += beyond_gb > BAR_GB
                line += f"; {beyond_gb:.1f} GB beyond the problem's own, bar {BAR_GB:g} GB"
            print(line, flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
