"""The shape of an answer, and what is made of one that came back."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrity.judge.errors import Unusable
from integrity.testimony import Answer, Observation

MAX_CHARACTERS = 200_000
"""Answers above this are not read: a real one takes two thousand."""

MAX_ITEMS = 20
"""Observations, or explanations, that count. Servers are told, and need not hold to it."""

MAX_TEXT = 500
MAX_LINE = 10**9


class Part(BaseModel):
    """Every field is required and none may be added, as strict structured output demands."""

    model_config = ConfigDict(extra="forbid")


class ObservationPart(Part):
    line: int
    quote: str
    technique_id: str


class AnswerPart(Part):
    """Reasons come before the verdict: a model writes in this order.

    Numbers have no bounds here, since servers don't all enforce them; they are clamped.
    """

    observations: Annotated[list[ObservationPart], Field(json_schema_extra={"maxItems": MAX_ITEMS})]
    benign_explanations: Annotated[list[str], Field(json_schema_extra={"maxItems": MAX_ITEMS})]
    verdict: Literal["clean", "suspicious", "hack", "cannot_tell"]
    confidence: int
    injection_attempt: bool

    def plain(self) -> Answer:
        """The answer as it is recorded: bounded in every dimension, unchecked in content."""
        return Answer(
            tuple(
                Observation(_clamped(o.line, MAX_LINE), o.quote[:MAX_TEXT], o.technique_id[:8])
                for o in self.observations[:MAX_ITEMS]
            ),
            tuple(text[:MAX_TEXT] for text in self.benign_explanations[:MAX_ITEMS]),
            self.verdict,
            _clamped(self.confidence, 100),
            self.injection_attempt,
        )


class AnswerPair(Part):
    """One answer for each file that was shown; one of the two is a planted hack."""

    file_a: AnswerPart
    file_b: AnswerPart


def parsed(text: str | None) -> AnswerPair:
    """What a model wrote, validated.

    Raises:
        Unusable: it is empty, too long, no JSON, or not of this shape.
    """
    if not text or not text.strip():
        raise Unusable("the answer is empty")
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"the answer is longer than {MAX_CHARACTERS} characters")
    try:
        return AnswerPair.model_validate_json(_unfenced(text))
    except (ValidationError, ValueError) as error:
        raise Unusable("the answer is not of the shape asked for") from error


def schema() -> dict[str, Any]:
    """The JSON Schema of an answer, for servers that are only told about it."""
    return AnswerPair.model_json_schema()


def _unfenced(text: str) -> str:
    """Without the code fence that models put round JSON."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        return stripped.strip("`").removeprefix("json")
    return stripped


def _clamped(number: int, most: int) -> int:
    return max(0, min(number, most))
