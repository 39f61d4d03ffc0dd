"""The command line. Each command's module is imported only when it is asked for."""

import sys
from collections.abc import Sequence

COMMANDS = {
    "audit": "audit one kernel: is its claimed speedup real?",
    "screen": "audit many files, one JSON object a line",
    "evaluate": "measure the static rules on labelled kernels and rewrites of them",
    "distill": "turn what the judge keeps quoting into proposed rules",
    "search": "generate kernels for a problem, with the auditor in the loop",
    "detect": "say which harness a file was written for, and why",
    "rules": "list the static rules",
    "explain": "say what a rule or probe looks for, and what it misses",
    "redteam": "run every known exploit against the supervised runner here",
    "doctor": "say what this machine can do, and what is missing",
    "timeline": "write recorded device work for a trace viewer",
    "replay": "run recorded evidence again and see whether it reproduces",
}

HELP = """\
usage: integrity COMMAND ...

Says, with evidence, whether the speedup of a generated GPU kernel is genuine.

commands:
{commands}

examples:
  integrity audit kernel.py --reference reference.py --claimed-speedup 12
  integrity audit kernel.py --level static --format sarif --output kernel.sarif
  integrity screen submissions/ --level static > verdicts.jsonl

exit codes:
  0  no verdict at or above --fail-on
  1  the gate failed: hack, broken, or whatever --fail-on names
  2  wrong usage or bad input; the message says what to do
  3  inconclusive, and --require-conclusive was given
  4  internal error: a bug in this tool, please report it

`integrity COMMAND --help` explains one command.
"""

INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    name, *rest = (list(sys.argv[1:]) if argv is None else list(argv)) or ["--help"]
    try:
        return _flushed(name, rest)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _leave_pipe()
    except Exception as error:  # the edge: every other failure is a bug
        return _failed(error)


def _flushed(name: str, rest: Sequence[str]) -> int:
    """Run it and print all it said, so that a reader who left is noticed here, not at exit."""
    try:
        return _dispatch(name, rest)
    finally:
        sys.stdout.flush()


def _dispatch(name: str, rest: Sequence[str]) -> int:
    if name in ("-h", "--help", "help"):
        sys.stdout.write(HELP.format(commands=_listing()))
        return 0
    if name == "--version":
        from integrity import __version__

        sys.stdout.write(f"integrity {__version__}\n")
        return 0
    if name not in COMMANDS:
        return _unknown(name)
    return _run(name, rest)


def _run(name: str, rest: Sequence[str]) -> int:
    from importlib import import_module

    command = import_module(f"integrity.commands.{name}")
    _raise_on_sigterm()
    arguments = command.parser().parse_args(rest)
    code = command.run(arguments)
    assert isinstance(code, int)
    return code


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, 1)
    if not close and ("/" in name or "." in name):
        close = [f"audit {name}"]
    meant = (
        f"; did you mean `integrity {close[0]}`?" if close else f"; known: {', '.join(COMMANDS)}"
    )
    sys.stderr.write(f"integrity: no command {name!r}{meant}\n")
    return 2


def _listing() -> str:
    return "\n".join(f"  {name:8} {summary}" for name, summary in COMMANDS.items())


def _failed(error: Exception) -> int:
    from integrity.errors import BadInput

    if isinstance(error, BadInput):
        sys.stderr.write(f"integrity: {error}\n")
        return 2
    import traceback

    traceback.print_exc()
    sys.stderr.write("integrity: internal error, this is a bug; please report the lines above\n")
    return 4


def _leave_pipe() -> int:
    """Nobody reads our output any more: leave without a second error at shutdown."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _raise_on_sigterm() -> None:
    """A terminated audit unwinds like an interrupted one, so that no worker outlives it."""
    import signal
    import threading

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))


if __name__ == "__main__":
    sys.exit(main())
