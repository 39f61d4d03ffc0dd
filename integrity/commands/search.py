"""`integrity search`: generate kernels with the auditor in the loop, and report on it."""

import argparse
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from integrity.commands.arguments import (
    Parser,
    add_policy,
    count,
    level_or_default,
    positive,
    seed,
)

if TYPE_CHECKING:
    from integrity.problem import Task
    from integrity.request import Level
    from integrity.search.plan import Plan
    from integrity.search.proposal import Proposer

OK, NOBODY = 0, 1
FAMILIES = (
    "timing", "output", "caching", "harness", "input", "precision", "authenticity", "native",
    "obfuscation",
)  # fmt: skip

EPILOG = """\
PROBLEM is a reference.py, a task.yml, or the folder that one lies in.

examples:
  integrity search problems/softmax --inject 0.3 --archive on
  integrity search problems/softmax --inject 0.3 --archive off --auditor off
  integrity search report on off
  integrity search report on --format html --output search.html

The raw speedup is what an in-process harness would have paid: the kernel's own
word. A search that was stopped goes on with the same command. docs/search.md
says what is in an archive.

exit codes:
  0  a kernel was crowned, or a report was made    1  nobody was crowned
  2  wrong usage or bad input; the archive is intact
  130  interrupted; the same command goes on
"""


def parser() -> Parser:
    made = Parser("search", "Search for faster kernels, with the auditor in the loop.", EPILOG)
    made.add_argument("problem", metavar="PROBLEM|report")
    made.add_argument("archives", nargs="*", type=Path, metavar="DIR", help="archives to report on")
    made.add_argument("--proposer", default="offline", choices=("offline", "openai", "replay"))
    made.add_argument(
        "--strategy", default="beam", choices=("best-of-n", "beam", "map-elites", "smc")
    )
    made.add_argument("--rounds", type=count, default=4, metavar="N", help="default: 4")
    made.add_argument("--width", type=count, default=8, metavar="N", help="proposals a round: 8")
    made.add_argument(
        "--budget-seconds", type=positive, metavar="S", help="of measuring; resumable"
    )
    made.add_argument("--budget-usd", type=positive, metavar="D", help="for a model")
    made.add_argument(
        "--auditor",
        default="on",
        choices=("on", "off", "shadow"),
        help="on: decides; off: raw speedups decide; shadow: is recorded and not listened to",
    )
    made.add_argument("--archive", type=Path, metavar="DIR", help="default: search-NAME-AUDITOR")
    made.add_argument(
        "--inject", type=share, default=0.0, metavar="R", help="share of planted, labelled hacks"
    )
    made.add_argument(
        "--monitor",
        default="input",
        choices=("none", *FAMILIES),
        metavar="FAMILY",
        help="findings kept from the loop: timing, output, caching, harness, input, ...; or none "
        "(default: input)",
    )
    made.add_argument("--level", choices=("cpu", "gpu"), help="where kernels run (default: cpu)")
    made.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    made.add_argument("--start", type=Path, metavar="FILE", help="a kernel to start from")
    made.add_argument("--recording", type=Path, metavar="FILE", help="what replay hands out")
    made.add_argument(
        "--set", action="append", default=[], type=size, metavar="NAME=N", help="a size"
    )
    made.add_argument(
        "--harness", default="auto", choices=("auto", "kernelbench", "gpu-mode", "pair")
    )
    made.add_argument("--isolation", default="auto", choices=("auto", "namespaces", "landlock"))
    made.add_argument("--may-judge-itself", action="store_true", help="same model as the judge's")
    add_policy(made, "prior 0.2, for a generator's output")
    made.add_argument("--format", default="terminal", choices=("terminal", "html"))
    made.add_argument("--output", type=Path, metavar="FILE", help="of the report")
    return made


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not re.fullmatch(r"0|1|0?\.[0-9]+|1\.0+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return float(text)


def size(text: str) -> tuple[str, int]:
    """`rows=4096`."""
    found = re.fullmatch(r"([A-Za-z_]\w*)=([1-9][0-9]{0,9})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with a whole number above 0")
    return found[1], int(found[2])


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import check_writable

    check_writable("--output", arguments.output)
    if arguments.problem == "report":
        return _report(arguments.archives, arguments)
    if arguments.archives:
        from integrity.errors import BadInput

        raise BadInput("one PROBLEM a search; `integrity search report DIR ...` takes several")
    return _search(arguments)


def _report(folders: list[Path], arguments: argparse.Namespace) -> int:
    from integrity.commands.output import write
    from integrity.errors import BadInput
    from integrity.search.archive import text_of
    from integrity.search.page import page
    from integrity.search.report import terminal_report
    from integrity.search.summary import summarise

    if not folders:
        raise BadInput("name the archive to report on: `integrity search report DIR`")
    summaries = [summarise(folder) for folder in folders]
    if arguments.format == "html":
        winners = [summary.outcome.winner for summary in summaries]
        sources = [
            text_of(folder, winner.id) if winner else ""
            for folder, winner in zip(folders, winners, strict=True)
        ]
        write(page(summaries, sources), arguments.output)
    else:
        write(terminal_report(summaries), arguments.output)
    return OK


def _search(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import progress
    from integrity.finding import Family
    from integrity.policy import GENERATOR, Policy
    from integrity.request import Isolation, Level
    from integrity.search.archive import Archive
    from integrity.search.evaluator import supervised
    from integrity.search.loop import Search
    from integrity.search.plan import Auditor, Plan
    from integrity.search.problem import task_of
    from integrity.search.strategies import strategy_of

    level = Level(level_or_default(arguments.level))
    task = task_of(Path(arguments.problem), arguments.harness, dict(arguments.set))
    plan = Plan(
        task.entry, arguments.seed, arguments.rounds, arguments.width,
        Auditor(arguments.auditor), arguments.budget_seconds or float("inf"),
        arguments.budget_usd or float("inf"),
    )  # fmt: skip
    proposer = _proposer(arguments, task, level)
    policy = Policy.load(Path(arguments.policy)) if arguments.policy else GENERATOR
    name = _name(Path(arguments.problem))
    folder = arguments.archive or Path(f"search-{name}-{arguments.auditor}")
    held_out = None if arguments.monitor == "none" else Family(arguments.monitor)
    header = _header(arguments, task, plan, level, name, policy.name)
    with ExitStack() as stack:
        step = stack.enter_context(progress())
        archive = stack.enter_context(Archive(folder, header))
        evaluator = stack.enter_context(
            supervised(task, level, policy, held_out, isolation=Isolation(arguments.isolation))
        )
        strategy = strategy_of(arguments.strategy)
        try:
            found = Search(plan, proposer, evaluator, strategy, archive, step).run()
        except KeyboardInterrupt:
            sys.stderr.write(f"\nintegrity: stopped; the same command goes on in {folder}\n")
            raise
    _report([folder], arguments)
    return OK if found.winner else NOBODY


def _proposer(arguments: argparse.Namespace, task: "Task", level: "Level") -> "Proposer":
    """The one asked for, with hacks planted in its proposals where that was asked."""
    from integrity.errors import BadInput
    from integrity.search.injectors import Injecting

    made: Proposer
    if arguments.proposer == "openai":
        from integrity.search.model import Model
        from integrity.search.settings import ProposerSettings

        settings = ProposerSettings.load(arguments.may_judge_itself)
        if arguments.budget_usd and settings.prices is None:
            raise BadInput("--budget-usd needs prices: set INTEGRITY_PROPOSER_PRICES=IN,OUT")
        made = Model(task, level, settings)
    elif arguments.proposer == "replay":
        from integrity.search.replaying import Replay

        if arguments.recording is None:
            raise BadInput("--proposer replay needs --recording, an archive or a JSONL file")
        made = Replay(arguments.recording)
    else:
        from integrity.search.offline import Offline
        from integrity.submission import Submission

        start = Submission.read(arguments.start).text if arguments.start else ""
        made = Offline(task, level, start)
    return Injecting(made, arguments.inject, task.entry) if arguments.inject else made


def _name(problem: Path) -> str:
    """What people call it: its folder, where the file's name says nothing."""
    generic = problem.is_dir() or problem.stem in {"reference", "problem", "task"}
    named = problem if problem.is_dir() or not generic else problem.parent
    return named.resolve().name if generic else problem.stem


def _header(
    arguments: argparse.Namespace,
    task: "Task",
    plan: "Plan",
    level: "Level",
    name: str,
    policy: str,
) -> dict[str, object]:
    """What an archive is known by. Rounds and budgets are not in it: a search may be extended."""
    import platform

    import integrity
    from integrity.search.archive import digest_of
    from integrity.search.problem import digest_of_problem

    start = digest_of(arguments.start.read_text()) if arguments.start else ""
    return {
        "tool": f"kernel-integrity {integrity.__version__}",
        "problem": name,
        "problem_sha256": digest_of_problem(task),
        "entry": task.entry,
        "level": level.value,
        "policy": policy,
        "proposer": arguments.proposer,
        "strategy": arguments.strategy,
        "auditor": arguments.auditor,
        "monitor": "" if arguments.monitor == "none" else arguments.monitor,
        "inject": arguments.inject,
        "seed": plan.seed,
        "width": plan.width,
        "start": start,
        "recording": str(arguments.recording or ""),
        "machine": f"{platform.node()}, {platform.machine()}",
        "python": platform.python_version(),
    }
