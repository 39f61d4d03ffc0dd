"""`integrity audit`: one kernel, one verdict."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from integrity.commands.arguments import (
    Parser,
    add_harness,
    add_judge,
    add_level,
    add_policy,
    add_running,
    level_or_default,
    seed,
    speedup,
)

if TYPE_CHECKING:
    from integrity.reports import Reporter
    from integrity.request import Request
    from integrity.run import Role
    from integrity.verdict import Label

OK, GATE_FAILED, INCONCLUSIVE = 0, 1, 3

DESCRIPTION = "Audit one kernel: is its claimed speedup real? The verdict comes with its evidence."

EPILOG = """\
levels:
  static  reads the source; nothing is run, so nothing can be called genuine
  cpu     also runs it in a sandbox under supervision: fresh inputs, full checks
          and the supervisor's own clock on every call; needs torch, no GPU
  gpu     the same on a CUDA device

examples:
  integrity audit kernel.py
  integrity audit kernel.py --reference reference.py --claimed-speedup 12
  integrity audit kernel.py --level static --fail-on suspect --format markdown
  integrity audit kernel.py --evidence run.json && integrity replay run.json

exit codes:
  0  no verdict at or above --fail-on      1  gate failed
  2  wrong usage or bad input              3  inconclusive, if that is required
  4  internal error                        130  interrupted
"""


def parser() -> Parser:
    made = Parser("audit", DESCRIPTION, EPILOG)
    made.add_argument("kernel", metavar="KERNEL", help="the file to audit: .py, .cu or .cuh")
    add_harness(made)
    made.add_argument(
        "--claimed-speedup", type=speedup, metavar="X", help="what its author says, e.g. 12.5"
    )
    add_policy(made, "prior 0.2, for raw generator output")
    add_level(made)
    made.add_argument(
        "--seed", type=seed, metavar="N", help="repeat a known audit (default: unpredictable)"
    )
    add_running(made)
    made.add_argument(
        "--baseline",
        type=_baselines,
        default="eager",
        metavar="LIST",
        help="time it against these: eager, compile, compile-graphs (default: eager)",
    )
    made.add_argument(
        "--envelope",
        action="store_true",
        help="also time it at other sizes and dtypes: where does the speedup hold?",
    )
    made.add_argument(
        "--sanitize",
        action="store_true",
        help="also one call below compute-sanitizer: memory errors, unwritten memory, races "
        "(level gpu; a minute)",
    )
    made.add_argument(
        "--counters",
        action="store_true",
        help="also one call below ncu: bytes from DRAM and L2, tensor instructions (level gpu)",
    )
    add_judge(made, "auto")
    made.add_argument(
        "--judge-neighbour",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another submission to the same problem, shown to the judge for contrast",
    )
    _add_output(made)
    _add_gate(made)
    return made


def _baselines(text: str) -> "tuple[Role, ...]":
    from integrity.operating import BASELINES

    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in BASELINES:
            raise argparse.ArgumentTypeError(
                f"no baseline {name!r}; there are {', '.join(BASELINES)}"
            )
    return tuple(BASELINES[name] for name in names)


def _add_output(made: Parser) -> None:
    made.add_argument(
        "--format",
        default="terminal",
        choices=("terminal", "json", "sarif", "markdown"),
        help="form of the report (default: terminal)",
    )
    made.add_argument("--output", type=Path, metavar="FILE", help="write the report there")
    made.add_argument(
        "--evidence", type=Path, metavar="FILE", help="freeze what was recorded, for `replay`"
    )


def _add_gate(made: Parser) -> None:
    made.add_argument(
        "--fail-on",
        default="hack",
        choices=("hack", "shortcut", "suspect"),
        help="exit with 1 at this verdict or a worse one (default: hack)",
    )
    made.add_argument(
        "--require-conclusive", action="store_true", help="exit with 3 where it is inconclusive"
    )


def run(arguments: argparse.Namespace) -> int:
    from integrity.audit import audit
    from integrity.commands.judging import announce, hearing
    from integrity.commands.output import check_writable, progress, write

    request = _request(arguments)
    check_writable("--output", arguments.output)
    check_writable("--evidence", arguments.evidence)
    hear = hearing(arguments, arguments.judge_neighbour)
    announce(hear, request)
    with progress() as step:
        finished = audit(request, step, hear=hear)
    if arguments.evidence:
        from integrity.replay import save

        save(finished, arguments.evidence)
    write(_reporter(arguments).render(finished), arguments.output)
    return exit_code(finished.verdict.label, arguments.fail_on, arguments.require_conclusive)


def _request(arguments: argparse.Namespace) -> "Request":
    from integrity.errors import BadInput
    from integrity.harness import load_task
    from integrity.policy import GENERATOR, Policy
    from integrity.request import Isolation, Level, Request
    from integrity.submission import Submission

    level = Level(level_or_default(arguments.level))
    for option in ("sanitize", "counters"):
        if getattr(arguments, option) and level is not Level.GPU:
            raise BadInput(f"--{option} watches a GPU: use it with --level gpu")
    submission = Submission.read(Path(arguments.kernel))
    reference = Path(arguments.reference) if arguments.reference else None
    return Request(
        submission=submission,
        task=load_task(submission, reference, arguments.harness, arguments.entry),
        policy=Policy.load(Path(arguments.policy)) if arguments.policy else GENERATOR,
        level=level,
        seed=arguments.seed,
        timeout_s=arguments.timeout,
        budget_s=arguments.budget_seconds,
        isolation=Isolation(arguments.isolation),
        claimed_speedup=arguments.claimed_speedup,
        baselines=arguments.baseline,
        envelope=arguments.envelope,
        sanitize=arguments.sanitize,
        counters=arguments.counters,
    )


def _reporter(arguments: argparse.Namespace) -> "Reporter":
    from integrity.reports import reporter

    if arguments.format == "sarif":
        from integrity.commands.catalogue import everything

        return reporter("sarif", catalogue=everything())
    if arguments.format == "terminal" and arguments.output is None:
        return reporter("terminal", **_console())
    return reporter(arguments.format)


def _console() -> dict[str, object]:
    """How wide and how colourful stdout is."""
    import os
    from shutil import get_terminal_size

    if not sys.stdout.isatty():
        return {}
    width = max(40, min(get_terminal_size().columns, 100))
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return {"width": width, "palette": None if plain else "standard"}


def exit_code(label: "Label", fail_on: str, require_conclusive: bool) -> int:
    """What the gate says of a verdict."""
    from integrity.verdict import GATES, Label

    if label in GATES[fail_on]:
        return GATE_FAILED
    if require_conclusive and label is Label.INCONCLUSIVE:
        return INCONCLUSIVE
    return OK
