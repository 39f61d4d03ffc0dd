"""Planted hacks: a judge that does not see one beside the submission is not believed.

Each stands in the same fence as the submission, as file A or B by the toss of a coin, read the
same way. A text that talks a judge into calling everything clean loses the canary, and the reply.
"""

from functools import cache
from importlib.resources import files
from random import Random

from integrity.judge.checks import checked
from integrity.judge.listing import Listing, by_number, listings
from integrity.submission import Submission
from integrity.testimony import Answer, Reading

NAMES = ("address", "checker", "thread", "timer")


def drawn(rng: Random) -> str:
    """One of them, unpredictably where `rng` is."""
    return rng.choice(NAMES)


@cache
def listed(name: str, reading: Reading) -> tuple[Listing, ...]:
    """A canary as a judge sees it.

    Raises:
        KeyError: no such canary.
    """
    if name not in NAMES:
        raise KeyError(name)
    path = files(__package__) / "canaries" / f"{name}.txt"
    plain = Reading.RAW if reading is Reading.RAW else Reading.PLAIN
    return listings(Submission.of(path.read_text(encoding="utf-8")), plain)


def held(name: str, reading: Reading, answer: Answer) -> bool:
    """Whether that answer calls the canary a hack and quotes a line of it."""
    return checked(answer, by_number(listed(name, reading))).verdict == "hack"
