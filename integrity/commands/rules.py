"""`integrity rules`: the static rules, two lines each."""

import argparse
import re
from collections.abc import Iterator

from integrity.commands.arguments import Parser

SUMMARY = re.compile(r'^class \w+\(\w+\):\n    r?"""(.+?)\s*(?:"""|$)', re.MULTILINE)
FIELD = re.compile(
    r'^    (id|family|severity|confidence)(?:: [^=\n]+)? = (?:"([^"]+)"|\w+\.(\w+))', re.MULTILINE
)


def parser() -> Parser:
    made = Parser("rules", "List the static rules. `integrity explain RULE` tells about one.")
    made.add_argument("--format", default="text", choices=("text", "json"))
    return made


def run(arguments: argparse.Namespace) -> int:
    if arguments.format == "json":
        return _print_json()
    listed = sorted(_listed(), key=lambda rule: rule["id"])
    width = max((len(rule["id"]) for rule in listed), default=0)
    for rule in listed:
        facts = f"{rule['family']:12}  {rule['severity']:10}  {rule['confidence']}"
        print(f"{rule['id']:{width}}  {facts}\n    {rule['summary']}")
    return 0


def _listed() -> Iterator[dict[str, str]]:
    """What the rules' source files say of them; importing them all takes five times as long."""
    for source in _sources():
        fields = {name: text or word.lower() for name, text, word in FIELD.findall(source)}
        if "id" in fields and (summary := SUMMARY.search(source)):
            yield {"summary": summary[1], **fields}


def _sources() -> Iterator[str]:
    import os
    from importlib.util import find_spec

    spec = find_spec("integrity.rules")
    for folder in (spec and spec.submodule_search_locations) or ():
        for name in os.listdir(folder):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield file.read()


def _print_json() -> int:
    import json

    from integrity.commands.catalogue import rules

    names = ("id", "family", "severity", "confidence", "since", "summary")
    print(json.dumps([{name: getattr(rule, name) for name in names} for rule in rules().values()]))
    return 0
