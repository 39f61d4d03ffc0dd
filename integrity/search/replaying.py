"""Recorded proposals, made again in their order."""

import json
import random
from pathlib import Path
from typing import Any, ClassVar

from integrity.errors import BadInput
from integrity.search.archive import steps_of, text_of
from integrity.search.proposal import Earlier, Feedback, Proposal


class Replay:
    """Hands out what an archive's proposer once wrote, or the lines of a JSONL file.

    A line is an object with `code`, and `operator`, `planted` and `recipe` where they are known.
    """

    id: ClassVar[str] = "replay"

    def __init__(self, recording: Path) -> None:
        """Raises `BadInput` where it holds no proposals."""
        self._proposals = _read(recording)
        if not self._proposals:
            raise BadInput(f"{recording} holds no proposals to replay")

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: random.Random) -> Proposal:
        """The next one; a failure where there are no more."""
        if feedback.number >= len(self._proposals):
            return Proposal("", "replay", failure="the recording has no more proposals")
        return self._proposals[feedback.number]


def _read(recording: Path) -> list[Proposal]:
    if recording.is_dir():
        bodies = [body for kind, _, body in steps_of(recording) if kind == "proposal"]
        return [_proposal(body, text_of(recording, body["text"])) for body in bodies]
    try:
        lines = recording.read_text(encoding="utf-8").splitlines()
        bodies = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise BadInput(f"{recording} can't be replayed: {error}") from error
    if not all(isinstance(body, dict) and isinstance(body.get("code"), str) for body in bodies):
        raise BadInput(f'{recording} can\'t be replayed: a line is no object with "code"')
    return [_proposal(body, body["code"]) for body in bodies]


def _proposal(body: dict[str, Any], text: str) -> Proposal:
    """Without its parent, which belongs to the search that it was made in."""
    recipe = body.get("recipe")
    return Proposal(
        text,
        str(body.get("operator", "replay")),
        recipe=recipe if isinstance(recipe, dict) else None,
        planted=str(body.get("planted", "")),
        failure=str(body.get("failure", "")),
    )
