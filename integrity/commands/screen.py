"""`integrity screen`: many kernels, one JSON object a line."""

import argparse
import sys
from pathlib import Path

from integrity.commands.arguments import (
    Parser,
    add_judge,
    add_level,
    add_policy,
    count,
    level_or_default,
)

EPILOG = """\
With --judge, the budget is each file's own.

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
    add_level(made)
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
    from integrity.policy import LEADERBOARD, Policy
    from integrity.reports.document import line
    from integrity.request import Level
    from integrity.screen import Screening, kernels

    screening = Screening(
        level=Level(level_or_default(arguments.level)),
        policy=Policy.load(Path(arguments.policy)) if arguments.policy else LEADERBOARD,
        jobs=arguments.jobs,
        hear=hearing(arguments),
    )
    failed = False
    for screened in screening.audits(kernels(arguments.paths)):
        sys.stdout.write(line(screened.audit))
        sys.stdout.flush()
        if screened.bug:
            failed = True
            sys.stderr.write(f"{screened.bug}integrity: please report the lines above\n")
    return 4 if failed else 0
