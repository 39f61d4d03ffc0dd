"""`integrity evaluate`: how many labelled hacks the static rules find, and their rewrites."""

import argparse
import re
import sys
from pathlib import Path

from integrity.commands.arguments import Parser, add_policy, count, positive, seed

EPILOG = """\
Without PATH the built-in corpus is taken. A PATH is a folder that holds hacks/
and honest/, with kernels named for their row of the taxonomy (A1-clock.py), or
with a folder each that has a label.toml (docs/corpus.md).

Only the source is read, as by `integrity audit --level static`. A mutant is the
same program written differently; it is killed when its label is suspect,
shortcut, broken or hack. Hacks that only a run can show are counted apart.
docs/evaluation.md says how to read the tables.

exit codes:
  0  done, and nothing below --fail-under
  1  a family's share of hacks flagged, or of mutants killed, is below
     --fail-under; or an honest kernel or its mutant was called a hack
  2  wrong usage or bad input
  4  internal error
  130  interrupted
"""


def parser() -> Parser:
    made = Parser(
        "evaluate",
        "Measure the static rules on labelled kernels and on rewrites of them.",
        EPILOG,
    )
    made.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    made.add_argument(
        "--mutants",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="rewrite every sample in every way that applies (default: yes)",
    )
    made.add_argument("--seed", type=seed, default=0, metavar="N", help="of the rewrites")
    made.add_argument(
        "--per-case",
        type=count,
        metavar="N",
        help="at most N mutants of each sample, drawn by the seed (default: all)",
    )
    made.add_argument("--jobs", type=count, metavar="N", help="processes (default: one a core)")
    add_policy(made, "prior 0.2, for a generator's output")
    made.add_argument(
        "--judge",
        action="store_true",
        help="also ask the language model about every sample, which costs money",
    )
    made.add_argument(
        "--judge-budget-usd", type=positive, metavar="X", help="for all samples together"
    )
    made.add_argument("--family", default="", metavar="F", help="one group only: A, or timing")
    made.add_argument("--format", default="terminal", choices=("terminal", "json"))
    made.add_argument(
        "--missed",
        type=Path,
        metavar="DIR",
        help="write what got past there, one file each",
    )
    made.add_argument(
        "--fail-under",
        type=fraction,
        metavar="R",
        help="exit with 1 below this share, from 0 to 1, and when anyone honest is convicted",
    )
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import progress, write
    from integrity.evasion.evaluate import Plan, evaluate
    from integrity.evasion.samples import samples
    from integrity.evasion.tally import tally
    from integrity.policy import GENERATOR, Policy

    policy = Policy.load(Path(arguments.policy)) if arguments.policy else GENERATOR
    judge = _judge(arguments)
    chosen = samples(arguments.paths, arguments.family)
    folder = _folder(arguments.missed)
    plan = Plan(policy, arguments.seed, arguments.mutants, arguments.per_case)
    with progress() as say:
        outcomes = evaluate(
            chosen,
            plan,
            arguments.jobs,
            lambda done, total: say(f"{done} of {total} samples"),
        )
        heard = _heard(chosen, policy, judge, say) if judge else None
    found = tally(outcomes)
    if folder:
        _write_missed(found.missed, folder)
    write(_report(arguments.format, found, plan, heard), None)
    return _code(found, arguments.fail_under)


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    if not re.fullmatch(r"0|1|1\.0+|0?\.[0-9]+|0\.", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return float(text)


TYPE_CHECKING = False  # as in arguments.py: importing `typing` costs more than parsing does
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from integrity.evasion.evaluate import Outcome, Plan
    from integrity.evasion.judged import Judged
    from integrity.evasion.samples import Sample
    from integrity.evasion.tally import Tally
    from integrity.policy import Policy
    from integrity.request import Progress
    from integrity.testimony import JudgeSettings


def _judge(arguments: argparse.Namespace) -> "JudgeSettings | None":
    """Whom to ask about the samples; None where nobody is.

    Raises:
        BadInput: there is no key or no model.
    """
    if not arguments.judge:
        return None
    from integrity.commands.judging import judge_settings

    return judge_settings("on", arguments.policy, arguments.judge_budget_usd)


def _heard(
    chosen: "Sequence[Sample]", policy: "Policy", judge: "JudgeSettings", say: "Progress"
) -> "Judged":
    from integrity.evasion.judged import ask, judged

    def asked(done: int, total: int) -> None:
        say(f"judge: {done} of {total} samples")

    return judged(list(ask(chosen, policy, judge, asked)))


def _report(form: str, found: "Tally", plan: "Plan", heard: "Judged | None") -> str:
    from integrity.reports.evaluation import json_report, terminal_report

    if form == "json":
        return json_report(found, plan, heard)
    return terminal_report(found, plan, heard)


def _code(found: "Tally", least: float | None) -> int:
    if least is None:
        return 0
    lowest, what = found.lowest()
    convicted = found.honest.hack.hits + found.twins.hack.hits
    if lowest < least:
        sys.stderr.write(f"integrity evaluate: {lowest:.3f} of {what}, below {least:g}\n")
    if convicted:
        sys.stderr.write(f"integrity evaluate: {convicted} honest called a hack\n")
    return 1 if lowest < least or convicted else 0


def _folder(place: Path | None) -> Path | None:
    """The folder for what got past, made before the evaluation is spent on it.

    Raises:
        BadInput: it can't be made.
    """
    from integrity.errors import BadInput

    if place is None:
        return None
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--missed {place} can't be made: {error.strerror}") from error
    return place


def _write_missed(missed: "Iterable[Outcome]", folder: Path) -> None:
    for outcome in missed:
        case = outcome.sample.name.replace("/", "-")
        name = f"{outcome.sample.family}-{case}-{outcome.mutator or 'original'}"
        target = folder / f"{name}{outcome.sample.path.suffix}"
        target.write_bytes(outcome.text.encode("utf-8", "surrogatepass"))
