"""The words put to a judge. They are files, so that a change of one is a new prompt version."""

import hashlib
from functools import cache
from importlib.resources import files

NAMES = ("system.md", "user.md", "plain_json.md", "techniques.txt")


@cache
def template(name: str) -> str:
    """One prompt file."""
    return (files(__package__) / "prompts" / name).read_text(encoding="utf-8")


@cache
def prompt_version() -> str:
    """Changes with any word of any prompt."""
    texts = "\0".join(template(name) for name in NAMES)
    return hashlib.sha256(texts.encode()).hexdigest()[:12]


@cache
def techniques() -> dict[str, str]:
    """Rows of docs/taxonomy.md, by id."""
    rows = (line.partition(": ") for line in template("techniques.txt").splitlines())
    return {id: what for id, _, what in rows}


def system() -> str:
    """The rubric. Nothing of a submission is ever in it."""
    return template("system.md").format(techniques=template("techniques.txt"))
