"""One question: the rubric in the system role, code in the user role, between random fences."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from integrity.judge.listing import Listing
from integrity.judge.wording import system, template


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to a model. There are no tools and no earlier turns."""

    system: str
    user: str
    max_tokens: int
    submission_is_a: bool
    """Whether file A is the submission; the other one is the canary."""


@dataclass(frozen=True, slots=True)
class Context:
    """What stands beside the files; the same for every question of an audit."""

    reference: str = ""
    policy: str = ""
    neighbours: tuple[str, ...] = ()
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """Random words of one question. Text that was written before can't hold them."""

    fence: str = field(default_factory=lambda: f"fence-{secrets.token_hex(8)}")
    a: str = field(default_factory=lambda: secrets.token_hex(4))
    b: str = field(default_factory=lambda: secrets.token_hex(4))


def question(
    submission: Iterable[Listing],
    canary: Iterable[Listing],
    context: Context,
    submission_is_a: bool,
    max_tokens: int,
) -> Question:
    """A question with fences and marks of its own."""
    marks = Marks()
    a, b = (submission, canary) if submission_is_a else (canary, submission)
    file_a = _fenced(marks.fence, "A", _lines(a, marks.a))
    file_b = _fenced(marks.fence, "B", _lines(b, marks.b))
    user = template("user.md").format(
        mark_a=marks.a,
        mark_b=marks.b,
        fence=marks.fence,
        reference=_fenced(marks.fence, "reference", context.reference or "It is not known."),
        policy=context.policy,
        neighbours=_neighbours(context.neighbours, marks.fence),
        facts=f"\n{context.facts}\n" if context.facts else "",
        files=f"{file_a}\n\n{file_b}",
    )
    return Question(system(), user, max_tokens, submission_is_a)


def _neighbours(texts: Iterable[str], fence: str) -> str:
    """Other submissions to the same problem, to compare with and not to judge."""
    shown = "\n\n".join(
        _fenced(fence, f"neighbour-{number}", text) for number, text in enumerate(texts, start=1)
    )
    if not shown:
        return ""
    return f"\nOther submissions to the same problem, for comparison only:\n\n{shown}\n"


def _lines(listings: Iterable[Listing], mark: str) -> str:
    return "\n".join(
        row
        for listing in listings
        for row in (
            f"{mark}:-| {listing.title}",
            *(f"{mark}:{line.number}|{line.text}" for line in listing.lines),
        )
    )


def _fenced(fence: str, name: str, text: str) -> str:
    return f"<{fence} {name}>\n{text}\n</{fence} {name}>"
