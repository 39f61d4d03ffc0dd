"""`integrity redteam`: every known exploit against the runner on this machine."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from integrity.commands.arguments import Parser

if TYPE_CHECKING:
    from integrity.redteam import Exploit, Result

OK, LOST = 0, 1

DESCRIPTION = "Run the exploit suite against the runner: does any exploit gain anything?"

EPILOG = """\
An exploit wins if every check passes and it is faster than its honest twin, or
if what it returns is wrong and passes. They run in the sandbox, for real.

examples:
  integrity redteam                 on this machine's processor
  integrity redteam --level gpu
  integrity redteam A2 c7 r1-early-start
  integrity redteam --list

exit codes:
  0  none gained anything    1  at least one did: the runner has a hole here
  2  wrong usage, or no such device
"""


def parser() -> Parser:
    made = Parser("redteam", DESCRIPTION, EPILOG)
    made.add_argument("exploit", nargs="*", metavar="ID", help="only these ids or taxonomy rows")
    made.add_argument("--level", default="cpu", choices=("cpu", "gpu"), help="default: cpu")
    made.add_argument(
        "--isolation", default="auto", choices=("auto", "namespaces", "landlock"),
        help="how they are kept in",
    )  # fmt: skip
    made.add_argument("--list", action="store_true", help="say what there is, run nothing")
    made.add_argument("--format", default="text", choices=("text", "json"))
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.redteam import Outcome, attack, chosen, suite
    from integrity.request import Isolation, Level

    level = Level(arguments.level)
    exploits = chosen(suite(level), arguments.exploit)
    if arguments.list:
        for exploit in exploits:
            _print(exploit.id, ",".join(exploit.rows), exploit.what)
        return OK
    as_json = arguments.format == "json"

    def told(result: "Result") -> None:
        if as_json:
            print(json.dumps(_plain(result)), flush=True)
        else:
            _print(result.exploit.id, result.outcome.value, result.why)

    results = attack(exploits, level, Isolation(arguments.isolation), told)
    counts = {outcome: sum(r.outcome is outcome for r in results) for outcome in Outcome}
    summary = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
    print(f"{len(results)} exploits: {summary}", file=sys.stderr if as_json else sys.stdout)
    return LOST if counts[Outcome.WIN] else OK


def _print(name: str, word: str, rest: str) -> None:
    print(f"{name:34} {word:9} {rest}"[:160], flush=True)


def _plain(result: "Result") -> dict[str, object]:
    exploit: Exploit = result.exploit
    return {
        "id": exploit.id, "rows": exploit.rows, "aims": exploit.aims,
        "outcome": result.outcome.value, "why": result.why,
    }  # fmt: skip
