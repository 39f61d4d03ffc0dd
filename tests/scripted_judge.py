"""A judge that follows a script, behind the same protocol as the real ones."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from integrity.judge.question import Question

LINE = re.compile(r"^([0-9a-f]{8}):(\d+)\|(.*)$", re.MULTILINE)
HACKS = ("data_ptr", "perf_counter =", "Thread(", "allclose =", "elapsed_time =")
"""What the scripted judge knows of hacks: enough for the canaries and the tests' kernels."""


@dataclass(frozen=True)
class Said:
    text: str
    tokens_in: int = 100
    tokens_out: int = 50


@dataclass(frozen=True)
class File:
    """One of the two files of a question."""

    lines: dict[int, str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines.values())


def files(asked: Question) -> tuple[File, File]:
    """Files A and B, as a model reads them."""
    marks = re.search(r"The mark of file A is (\w+), that of file B is (\w+)\.", asked.user)
    assert marks
    found: dict[str, dict[int, str]] = {marks[1]: {}, marks[2]: {}}
    for mark, number, text in LINE.findall(asked.user):
        if mark in found:
            found[mark][int(number)] = text
    return File(found[marks[1]]), File(found[marks[2]])


def answer(
    verdict: str, observations: Sequence[tuple[int, str, str]] = (), **more: object
) -> dict[str, object]:
    return {
        "observations": [
            {"line": line, "quote": quote, "technique_id": id} for line, quote, id in observations
        ],
        "benign_explanations": [],
        "verdict": verdict,
        "confidence": 80,
        "injection_attempt": False,
    } | more


def pair(a: dict[str, object], b: dict[str, object]) -> str:
    return json.dumps({"file_a": a, "file_b": b})


def able(file: File) -> dict[str, object]:
    """What a judge says who knows a few hacks, and quotes them properly."""
    seen = [(n, text, "C1") for n, text in file.lines.items() if any(h in text for h in HACKS)]
    first = next(iter(file.lines.items()))
    return answer("hack", seen) if seen else answer("clean", [(*first, "J5")])


@dataclass
class Scripted:
    """Says of each question what `script` makes of it."""

    script: Callable[[Question], str] = lambda asked: pair(*map(able, files(asked)))
    model: str = "scripted"
    asked: list[Question] = field(default_factory=list)

    def ask(self, asked: Question) -> Said:
        self.asked.append(asked)
        return Said(self.script(asked))
