"""`integrity detect`: which harness a file was written for, and why."""

import argparse
from pathlib import Path

from integrity.commands.arguments import Parser, add_harness


def parser() -> Parser:
    made = Parser("detect", "Say which harness a file was written for, and why. Nothing is run.")
    made.add_argument("file", metavar="FILE", help="a kernel")
    add_harness(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.harness import load_task
    from integrity.reports.visible import visible
    from integrity.submission import Submission

    submission = Submission.read(Path(arguments.file))
    reference = Path(arguments.reference) if arguments.reference else None
    task = load_task(submission, reference, arguments.harness, arguments.entry)
    print(visible(f"{task.harness}  {submission.path}"))
    for reason in task.why:
        print(visible(f"  {reason}"))
    return 0
