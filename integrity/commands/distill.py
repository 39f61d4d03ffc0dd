"""`integrity distill`: what judges keep quoting, as rules that need no judge."""

import argparse
from pathlib import Path

from integrity.commands.arguments import Parser, count

EPILOG = """\
EVIDENCE files come from `integrity audit --judge ... --evidence FILE`. For each
technique that several submissions were quoted for, the calls and writes that
all quoted lines share make a rule. It is accepted only if no honest kernel of
the corpus and no look-alike of any rule does the same, and if it still reports
nine in ten mutants of the submissions. An accepted rule is a file to read, and
to put into rules/ by hand.

exit codes:
  0  at least one rule was accepted        1  none was
  2  wrong usage or bad input              4  internal error
"""


def parser() -> Parser:
    made = Parser(
        "distill", "Turn observations of the judge that recur into proposed static rules.", EPILOG
    )
    made.add_argument("evidence", nargs="+", type=Path, metavar="EVIDENCE.json")
    made.add_argument(
        "--least",
        type=count,
        default=3,
        metavar="N",
        help="submissions that a technique must be quoted in (default: 3)",
    )
    made.add_argument(
        "--output",
        type=Path,
        default=Path("proposed-rules"),
        metavar="DIR",
        help="where accepted rules are written (default: proposed-rules)",
    )
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import write
    from integrity.errors import BadInput
    from integrity.evasion.distill import proposals
    from integrity.replay import load

    evidence = [load(path).evidence() for path in arguments.evidence]
    made = list(proposals(evidence, arguments.least))
    accepted = [proposal for proposal in made if not proposal.rejected]
    if not made:
        print(f"no technique was quoted in {arguments.least} submissions")
    for proposal in made:
        head = f"{proposal.technique_id}, quoted in {proposal.submissions} submissions:"
        if proposal.rejected:
            print(f"{head} rejected, since {proposal.rejected}")
            continue
        target = arguments.output / proposal.file_name
        try:
            arguments.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"--output {arguments.output}: {error.strerror}") from error
        write(proposal.text, target)
        kills = f"reports {proposal.killed} of {proposal.mutants} mutants and no honest kernel"
        print(f"{head} {kills}: {target}")
    return 0 if accepted else 1
