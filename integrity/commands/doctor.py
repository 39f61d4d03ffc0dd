"""`integrity doctor`: what this machine can do, and what each gap costs."""

import argparse
import sys
from dataclasses import asdict

from integrity.commands.arguments import Parser


def parser() -> Parser:
    made = Parser("doctor", "Say what this machine can do; each line says what its absence costs.")
    made.add_argument("--format", default="text", choices=("text", "json"))
    return made


def run(arguments: argparse.Namespace) -> int:
    from textwrap import fill

    from integrity.commands.machine import checks

    found = list(checks())
    if arguments.format == "json":
        import json

        print(json.dumps([asdict(check) for check in found]))
        return 0
    for check in found:
        print(f"{'yes' if check.present else 'no ':3}  {check.name:18}  {check.what}"[:80])
        if not check.present:
            print(fill(check.cost, 79, initial_indent=" " * 5, subsequent_indent=" " * 5))
    sys.stdout.flush()
    return 0
