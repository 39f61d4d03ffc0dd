"""`integrity screen`: many kernels, one JSON object a line."""

import argparse
import sys
from pathlib import Path

from integrity.commands.arguments import (
    Parser,
    add_harness,
    add_judge,
    add_level,
    add_policy,
    add_running,
    count,
    level_or_default,
)

EPILOG = """\
With --reference, all files are held against that one problem; without, each
against what lies beside it. The budgets of seconds and of the judge are each
file's own.

Lines come in input order, each with the schema of `integrity audit --format
json` (docs/report-schema.md). A file that can't be audited gets a line too: its
verdict is inconclusive and an abstention of `screen` gives the reason.

In directories, *.py, *.cu and *.cuh files are taken, sorted by path; what
belongs to a problem (reference.py, problem.py, task.py, utils.py, eval.py,
conftest.py, setup.py) and hidden directories are left out. A file named on the
command line is always taken.

exit codes:
  0  every file got a line, whatever its verdict
  2  wrong usage or bad input
  4  internal error on at least one file; the others are complete
  130  interrupted
"""


def parser() -> Parser:
    made = Parser("screen", "Audit many files, one JSON object a line.", EPILOG)
    made.add_argument("paths", nargs="+", type=Path, metavar="DIR_OR_FILE")
    add_harness(made)
    add_level(made)
    add_running(made)
    made.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="audits at a time (default: one a core; 1 above --level static, where "
        "neighbours would disturb the clock)",
    )
    made.add_argument("--format", default="jsonl", choices=("jsonl",))
    add_policy(made, "prior 0.03, for a leaderboard")
    add_judge(made, "off")
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.judging import hearing
    from integrity.commands.output import progress
    from integrity.policy import LEADERBOARD, Policy
    from integrity.reports.document import line
    from integrity.request import Isolation, Level
    from integrity.screen import Screening, kernels

    reference = Path(arguments.reference) if arguments.reference else None
    screening = Screening(
        level=Level(level_or_default(arguments.level)),
        policy=Policy.load(Path(arguments.policy)) if arguments.policy else LEADERBOARD,
        reference=reference,
        harness=arguments.harness,
        entry=arguments.entry,
        timeout_s=arguments.timeout,
        budget_s=arguments.budget_seconds,
        isolation=Isolation(arguments.isolation),
        jobs=arguments.jobs,
        hear=hearing(arguments),
    )
    paths = list(kernels(arguments.paths, reference))
    failed = False
    with progress() as step:
        step(f"0 of {len(paths)} audited")
        for number, screened in enumerate(screening.audits(paths), 1):
            sys.stdout.write(line(screened.audit))
            sys.stdout.flush()
            step(f"{number} of {len(paths)} audited")
            if screened.bug:
                failed = True
                sys.stderr.write(f"{screened.bug}integrity: please report the lines above\n")
    return 4 if failed else 0
