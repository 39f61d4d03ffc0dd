"""`integrity rules`: the static rules, one a line."""

import argparse

from integrity.commands.arguments import Parser


def parser() -> Parser:
    made = Parser("rules", "List the static rules. `integrity explain RULE` tells about one.")
    made.add_argument("--format", default="text", choices=("text", "json"))
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.catalogue import rules
    from integrity.reports.description import Description

    listed = rules().values()
    if arguments.format == "json":
        import json

        fields = ("id", "family", "severity", "confidence", "since", "summary")
        print(json.dumps([{name: getattr(rule, name) for name in fields} for rule in listed]))
        return 0
    width = max((len(rule.id) for rule in listed), default=0)

    def line(rule: Description) -> str:
        head = f"{rule.id:{width}}  {rule.family:12}  {rule.severity:10}  {rule.confidence:6}"
        return f"{head}\n{'':4}{rule.summary}"

    print("\n".join(line(rule) for rule in listed))
    return 0
