"""How long a whole audit at level cpu takes on the two demo kernels. The bar: 20 s each."""

import sys
import time
from pathlib import Path

from integrity.audit import audit
from integrity.corpora import cases
from integrity.harness import load_task
from integrity.request import Request
from integrity.submission import Submission

BAR_S = 20.0
DEMO = ("hacks/caching/pointer-keyed", "honest/row-sumsq-c")


def main() -> int:
    """Print a line a kernel; exit 1 where the bar is missed."""
    missed = 0
    wanted = [case for case in cases() if case.id in DEMO]
    for case in wanted:
        submission = Submission.read(Path(case.kernel))
        task = load_task(submission, case.reference)
        start = time.perf_counter()
        finished = audit(Request(submission, task))
        taken = time.perf_counter() - start
        missed += taken > BAR_S
        print(f"{case.id:32}{taken:6.1f} s  {finished.verdict.label}  bar {BAR_S:g} s")
    return 1 if missed or len(wanted) != len(DEMO) else 0


if __name__ == "__main__":
    sys.exit(main())
