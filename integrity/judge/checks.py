"""What of an answer survives a comparison with what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from integrity.judge.listing import Line
from integrity.judge.wording import techniques
from integrity.testimony import Answer, Observation

ACCUSING = {"suspicious", "hack"}
VERDICTS = {*ACCUSING, "clean", "cannot_tell"}


@dataclass(frozen=True, slots=True)
class Sighting:
    """An observation whose quote stands where it says."""

    technique_id: str
    line: Line


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer without what could not be verified."""

    verdict: str
    """`cannot_tell` where no observation survived, whatever was said."""

    sightings: tuple[Sighting, ...] = ()
    confidence: int = 0
    injection_attempt: bool = False

    @property
    def accuses(self) -> bool:
        return self.verdict in ACCUSING


def checked(answer: Answer, shown: Mapping[int, Line]) -> Checked:
    """Drop every observation that is not about a line as it was shown, or of no known technique."""
    sightings = tuple(
        dict.fromkeys(
            Sighting(one.technique_id, shown[one.line])
            for one in answer.observations
            if _stands(one, shown)
        )
    )
    verdict = answer.verdict if sightings and answer.verdict in VERDICTS else "cannot_tell"
    confidence = max(0, min(answer.confidence, 100))
    return Checked(verdict, sightings, confidence, answer.injection_attempt)


def _stands(one: Observation, shown: Mapping[int, Line]) -> bool:
    """Indentation may be lost on the way; nothing else may differ."""
    if one.technique_id not in techniques() or one.line not in shown:
        return False
    quote = one.quote.strip()
    return bool(quote) and quote == shown[one.line].text.strip()
