"""`integrity explain`: what a rule or probe looks for, and what it misses."""

import argparse
from textwrap import indent

from integrity.commands.arguments import Parser, nearest


def parser() -> Parser:
    made = Parser(
        "explain",
        "Say what a rule or probe does, why what it finds is bad, what it misses, and where "
        "it comes from, with an example.",
    )
    made.add_argument("name", metavar="RULE", help="an id from a report or `integrity rules`")
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.catalogue import everything
    from integrity.errors import BadInput

    known = everything()
    if arguments.name not in known:
        raise BadInput(f"no rule or probe {arguments.name!r}; {nearest(arguments.name, [*known])}")
    one = known[arguments.name]
    facts = (one.family, one.severity, one.confidence, one.since and f"since {one.since}")
    print(f"{one.id} ({one.kind})", *filter(None, facts), sep="  ")
    print(f"\n{one.text}")
    for title, source in (("Reported", one.hack), ("Passed, its nearest look-alike", one.honest)):
        if source:
            print(f"\n{title}:\n\n{indent(source, '    ')}")
    return 0
