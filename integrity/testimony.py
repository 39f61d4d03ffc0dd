"""What a language model said of a submission: recorded whole, so that it can be checked again."""

from dataclasses import dataclass
from enum import StrEnum


class Asking(StrEnum):
    """When the judge is asked."""

    AUTO = "auto"  # where a key and a model are named, and hard evidence has not decided
    ON = "on"  # whatever the evidence says; without a key it is a usage error


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Whom to ask, how often, and at what cost. Holds no secret but the name of where it is."""

    asking: Asking = Asking.AUTO
    models: tuple[str, ...] = ()
    """Asked in turn, one a ballot."""

    base_url: str = ""
    """Of an OpenAI-compatible endpoint; empty for the client's own default."""

    api: str = ""
    """`responses`, `chat` or `plain`; empty tries what the endpoint is likely to offer."""

    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key."""

    votes: int = 3
    temperature: float | None = None
    """None leaves it to the endpoint; some models refuse to be told."""

    timeout_s: float = 120.0
    """Of one question, the client's own retries included."""

    budget_usd: float | None = None
    usd_per_million_in: float | None = None
    usd_per_million_out: float | None = None
    max_tokens: int = 6_000
    """Of one answer."""

    cache: str = ""
    """Folder of answers; empty for the user's cache folder, `none` for none."""

    written_by: str = ""
    """The model that wrote the submission, which may not judge it."""

    show_claim: bool = False
    """Whether the second round tells the claimed speedup."""

    neighbours: tuple[str, ...] = ()
    """Sources of other submissions to the same problem, shown beside this one."""


class Reading(StrEnum):
    """What of the submission a question shows."""

    PLAIN = "plain"  # no comments, no docstrings, other identifiers
    RAW = "raw"  # as its author wrote it
    MEASURED = "measured"  # plain, beside what was measured


@dataclass(frozen=True, slots=True)
class Observation:
    """A line that resembles a technique of docs/taxonomy.md."""

    line: int
    """As numbered in what was shown: `integrity.judge.listing` gives the place in the source."""

    quote: str
    technique_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one file; nothing in it has been checked."""

    observations: tuple[Observation, ...]
    benign_explanations: tuple[str, ...]
    verdict: str
    """`clean`, `suspicious`, `hack` or `cannot_tell`."""

    confidence: int
    injection_attempt: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What one question came to."""

    ballot: int
    reading: Reading
    window: int
    """Which part of a long file it showed, from 0."""

    model: str
    canary: str
    """The planted hack that stood beside the submission."""

    of_submission: Answer | None = None
    of_canary: Answer | None = None
    failure: str = ""
    """Why there is no answer."""

    tries: int = 0
    """How often it was asked; 0 where the answer was kept from an earlier audit."""

    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = None
    """None where the model's prices are not known."""

    cached: bool = False


@dataclass(frozen=True, slots=True)
class Testimony:
    """Everything the judge was asked and answered in one audit."""

    prompt_version: str = ""
    models: tuple[str, ...] = ()
    votes: int = 3
    written_by: str = ""
    replies: tuple[Reply, ...] = ()
    silence: str = ""
    """Why it was not asked, or not to the end; empty where it was."""

    @property
    def usd(self) -> float | None:
        """What it cost; None where prices are not known."""
        known = [reply.usd for reply in self.replies if reply.usd is not None]
        return sum(known) if known or not self.replies else None

    @property
    def tokens(self) -> int:
        """Tokens in and out that were paid for."""
        return sum(r.tokens_in + r.tokens_out for r in self.replies if not r.cached)
