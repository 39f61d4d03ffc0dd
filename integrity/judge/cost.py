"""What questions cost: estimated before, counted after."""

from dataclasses import dataclass

from integrity.judge.question import Question
from integrity.testimony import JudgeSettings

CHARACTERS_PER_TOKEN = 3.0
"""Of code, on the safe side: common tokenisers take 3 to 4."""

MAX_COUNTED = 10**9
"""Tokens that a server can claim for one answer."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a hearing comes to at most."""

    questions: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    """None where the model's prices are not known."""

    def words(self) -> str:
        price = "prices not set" if self.usd is None else f"{self.usd:.3f} USD"
        return (
            f"at most {self.questions} questions, {self.tokens_in:,} tokens in, "
            f"{self.tokens_out:,} out, {price}"
        )


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return int(len(text.encode(errors="replace")) / CHARACTERS_PER_TOKEN) + 1


def counted(number: object) -> int:
    """A count that a server sent, if it is one."""
    return min(number, MAX_COUNTED) if isinstance(number, int) and number > 0 else 0


def price_usd(settings: JudgeSettings, tokens_in: int, tokens_out: int) -> float | None:
    """None where the settings do not name the prices."""
    if settings.usd_per_million_in is None or settings.usd_per_million_out is None:
        return None
    millions_in, millions_out = tokens_in / 1e6, tokens_out / 1e6
    return millions_in * settings.usd_per_million_in + millions_out * settings.usd_per_million_out


def worst_usd(settings: JudgeSettings, question: Question) -> float | None:
    """What one question may cost, its whole allowance of output included."""
    return price_usd(settings, tokens(question.system + question.user), question.max_tokens)
