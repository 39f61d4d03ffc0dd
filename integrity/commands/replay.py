"""`integrity replay`: does the recorded evidence reproduce?"""

import argparse
from pathlib import Path

from integrity.commands.arguments import Parser

EPILOG = """\
exit codes:
  0  every hard finding reproduced         1  at least one did not
  2  wrong usage or bad input              4  internal error
"""


def parser() -> Parser:
    made = Parser(
        "replay",
        "Run the recorded experiments again from the recorded seeds, and say whether every "
        "hard finding reproduces. `integrity audit --evidence FILE` records them.",
        EPILOG,
    )
    made.add_argument("evidence", type=Path, metavar="EVIDENCE.json")
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import progress
    from integrity.replay import replay
    from integrity.reports.visible import visible

    with progress() as step:
        replayed = replay(arguments.evidence, step)
    for word, findings in (("again", replayed.reproduced), ("MISSING", replayed.missing)):
        for finding in findings:
            print(visible(f"{word:8}{finding.id}  {finding.claim}"))
    total = len(replayed.reproduced) + len(replayed.missing)
    print(f"{len(replayed.reproduced)} of {total} hard findings reproduced", end="; ")
    print(f"the verdict is now {replayed.audit.verdict.label}")
    return 1 if replayed.missing else 0
