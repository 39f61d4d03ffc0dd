"""What proposers make, and what they may know when they make it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Proposal:
    """One candidate as a proposer wrote it: text that may be anything."""

    text: str
    operator: str
    """What was done, in a word: `draw`, `threads=all`, `num_warps=8`, `ask`."""

    parent: str = ""
    """Digest of the kernel that it was made from; empty for a fresh one."""

    recipe: Mapping[str, str | int] | None = None
    """The schedule it was written by, where it was."""

    planted: str = ""
    """Row of the taxonomy that an injector planted: ground truth, which only reports read."""

    prompt: str = ""
    """All that a model was asked with."""

    plan: str = ""
    """What a model said it would do."""

    failure: str = ""
    """Why there is no text: a refusal, an error."""

    usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier kernel as a proposer may see it: never a seed, a shape or a check's reason."""

    id: str
    text: str
    label: str
    """The verdict, or `failed` for what did not come to one."""

    speedup: float | None
    """What the loop pays by: audited, or raw where the auditor is off."""

    recipe: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """Where the search stands."""

    number: int
    """Proposals made before this one."""

    earlier: tuple[Earlier, ...] = field(default=())
    """The best kernels and the last failures."""


class Proposer(Protocol):
    """Where candidates come from."""

    id: ClassVar[str]

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: random.Random) -> Proposal:
        """One candidate; None for a parent asks for a fresh one. Failures are proposals too."""
        ...
