"""Which names and texts could speak to a reader, and what they become."""

import re
from collections.abc import Set

SPEAKING = {
    "accept", "accepted", "approve", "approved", "assistant", "audit", "audited", "auditor",
    "authentic", "benign", "certified", "clean", "disregard", "fair", "flag", "flagged",
    "forget", "genuine", "hack", "hacked", "hacking", "honest", "ignore", "instruction",
    "instructions", "judge", "judged", "legit", "legitimate", "llm", "model", "passed",
    "prompt", "reviewed", "reviewer", "safe", "say", "suspicious", "system", "trust", "trusted",
    "user", "verdict", "verified",
}  # fmt: skip
"""Words that no interface of a GPU library puts together in one name."""

PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
MAX_PARTS = 8
MAX_TEXT = 48
MAX_TEXT_WORDS = 3
MIN_SENTENCE = 4


def speaks(name: str) -> bool:
    """Whether a name that the submission did not define reads like a sentence to a judge."""
    if not name.isascii():
        return True
    parts = [part.lower() for part in PARTS.findall(name)]
    bait = sum(part in SPEAKING for part in parts)
    return bait >= 2 or name.count("_") >= MAX_PARTS or len(name) > MAX_TEXT


def is_word(value: object) -> bool:
    """Whether a constant could be one word of a sentence."""
    return isinstance(value, str) and len(value) > 1 and value.isalpha()


def is_prose(text: str) -> bool:
    """Whether a string says more than a dtype, a mode or a name does."""
    return (
        len(text) > MAX_TEXT
        or not text.isascii()
        or len(text.split()) > MAX_TEXT_WORDS
        or any(speaks(word) for word in text.split())
        or sum(part.lower() in SPEAKING for part in PARTS.findall(text)) >= 2
    )


class Names:
    """New names for old ones, the same for the same, in order of appearance."""

    def __init__(self, kept: Set[str]) -> None:
        self._kept = kept
        self._new: dict[str, str] = {}

    def bind(self, name: str, kind: str) -> None:
        """The submission defines this name: `f` a function, `c` a class, `v` anything else."""
        if name not in self._kept and not (name.startswith("__") and name.endswith("__")):
            self._new.setdefault(name, f"{kind}{len(self._new) + 1}")

    def of(self, name: str) -> str:
        """What stands for a name that the submission defines; others as they are, if silent."""
        if name in self._new:
            return self._new[name]
        return self.foreign(name)

    def foreign(self, name: str) -> str:
        """What stands for a name that somebody else defines."""
        if name in self._kept or not speaks(name):
            return name
        return self._new.setdefault(f"foreign {name}", f"n{len(self._new) + 1}")

    def defines(self, name: str) -> bool:
        return name in self._new
