"""Parsing what the user typed: errors name the fix, values come out checked."""

import argparse
import math
import re
import sys
from collections.abc import Sequence
from textwrap import fill

TYPE_CHECKING = False  # `typing` takes a fifth of the time that `integrity rules` has
if TYPE_CHECKING:
    from typing import NoReturn

LEVELS = ("static", "cpu", "gpu")
MAX_SEED = 2**63 - 1
WIDTH = 79


class Parser(argparse.ArgumentParser):
    """An argument parser that suggests what was meant."""

    def __init__(self, command: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"integrity {command}",
            description=fill(description, WIDTH),
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> "NoReturn":
        hint = self._meant(message) or f"see `{self.prog} --help`"
        self.exit(2, f"{self.prog}: {message}; {hint}\n")

    def _meant(self, message: str) -> str:
        from difflib import get_close_matches

        if chosen := re.match(
            r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message
        ):
            known = re.findall(r"[\w-]+", chosen[3])
            close = get_close_matches(chosen[2], known, 1)
            return f"did you mean `{chosen[1]} {close[0]}`?" if close else ""
        if unknown := re.match(r"unrecognized arguments: (--[\w-]+)", message):
            close = get_close_matches(unknown[1], self._option_string_actions, 1)
            return f"did you mean {close[0]}?" if close else ""
        return ""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that fits 80 columns whatever the terminal says."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=WIDTH)


def add_level(parser: Parser) -> None:
    parser.add_argument(
        "--level",
        choices=LEVELS,
        help="static: read the source only; cpu: also run it, supervised, on this machine; "
        "gpu: the same on a CUDA device (default: cpu if torch is installed, else static)",
    )


def add_policy(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help=f"TOML file with what the benchmark allows (default: {default})",
    )


def add_harness(parser: Parser) -> None:
    parser.add_argument(
        "--harness",
        default="auto",
        choices=("auto", "kernelbench", "gpu-mode", "pair"),
        help="the format the kernel was written for (default: auto)",
    )
    parser.add_argument("--entry", default="", metavar="NAME", help="the name the harness calls")
    parser.add_argument(
        "--reference",
        metavar="FILE",
        help="the trusted implementation and its inputs (default: reference.py, problem.py or "
        "task.yml beside the kernel)",
    )


def add_running(parser: Parser) -> None:
    parser.add_argument(
        "--timeout",
        type=positive,
        default=120.0,
        metavar="S",
        help="seconds for everything that runs the kernel (default: 120)",
    )
    parser.add_argument(
        "--budget-seconds",
        type=positive,
        metavar="S",
        help="run what tells most in that time; what did not fit is listed as not looked at",
    )
    parser.add_argument(
        "--isolation",
        default="auto",
        choices=("auto", "namespaces", "landlock", "none"),
        help="how the kernel is kept in; with none, no verdict is ever genuine",
    )


def add_judge(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--judge",
        default=default,
        choices=("off", "auto", "on"),
        help="ask a language model as one more witness; auto: where a key and a model are set and "
        f"hard evidence has not decided (default: {default}; docs/judge.md)",
    )
    parser.add_argument(
        "--judge-budget-usd",
        type=positive,
        metavar="X",
        help="ask nothing that could cost more than this in all",
    )
    parser.add_argument(
        "--written-by",
        default="",
        metavar="MODEL",
        help="the model that wrote the kernel; it may not judge it",
    )


def level_or_default(level: str | None) -> str:
    """The level asked for, or the deepest that needs no GPU, with a note on what is missing."""
    if level:
        return level
    from importlib.util import find_spec

    if find_spec("torch"):
        return "cpu"
    sys.stderr.write(
        "integrity: torch is not installed, so nothing is run (--level static); "
        "`pip install 'kernel-integrity[run]'` enables --level cpu\n"
    )
    return "static"


def positive(text: str) -> float:
    """A finite number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def speedup(text: str) -> float:
    """A speedup, with or without its sign: `12`, `12.5x`."""
    return positive(text.removesuffix("x"))


def seed(text: str) -> int:
    """A seed that fits every generator."""
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")
    return int(text)


def count(text: str) -> int:
    """A whole number above zero."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 9999")
    return int(text)


def nearest(name: str, known: Sequence[str]) -> str:
    """How an error ends that met the id of no rule or probe."""
    from difflib import get_close_matches

    if close := get_close_matches(name, known, 3, 0.5):
        return f"did you mean {' or '.join(close)}?"
    return "`integrity rules` lists the rules; a measured finding names its probe after `by`"
