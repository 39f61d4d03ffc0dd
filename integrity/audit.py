"""One audit, start to finish."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from integrity.evidence import Evidence
from integrity.policy import GENERATOR, Policy
from integrity.problem import Task
from integrity.submission import Submission
from integrity.verdict import Verdict


class Level(StrEnum):
    """How far an audit goes. Each level includes the one before."""

    STATIC = "static"  # reads the source; nothing is run
    CPU = "cpu"  # runs it, supervised, on this machine's processor
    GPU = "gpu"  # the same on a CUDA device


class Isolation(StrEnum):
    """How a worker is kept in; see docs/threat-model.md."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Request:
    """One audit as the user asked for it."""

    submission: Submission
    task: Task
    policy: Policy = GENERATOR
    level: Level = Level.CPU
    seed: int | None = None
    """None draws one from the system's CSPRNG, so that no submission can know it."""

    timeout_s: float = 120.0
    """Wall-clock budget of everything that runs the submission."""

    isolation: Isolation = Isolation.AUTO
    claimed_speedup: float | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """A finished audit: the verdict, all it rests on, and where it was made."""

    request: Request
    verdict: Verdict
    evidence: Evidence
    provenance: Mapping[str, str | int | float | None] = field(default_factory=dict)
    """Tool and ruleset version, seed, Python and torch versions, machine, digests."""


Progress = Callable[[str], None]
"""Told, in a few words, what the audit is doing now."""


def audit(request: Request, progress: Progress = lambda step: None) -> Audit:
    """Audit one submission.

    Raises:
        BadInput: the level or the isolation asked for can't be had on this machine.
    """
    raise NotImplementedError
