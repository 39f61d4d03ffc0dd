"""What a user asks of an audit."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from integrity.policy import GENERATOR, Policy
from integrity.problem import Task, Workload
from integrity.run import Role
from integrity.submission import Submission


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

    baselines: tuple[Role, ...] = (Role.REFERENCE,)
    """Against what it is timed besides the eager reference, which always is."""

    envelope: bool = False
    """Also at workloads around the declared ones."""

    hidden: tuple[Workload, ...] = ()
    """Also at these, which whoever wrote the submission was not told of."""

    budget_s: float | None = None
    """Wall-clock seconds to spend on the experiments that tell most; None runs all of them."""

    sanitize: bool = False
    """Also one call below compute-sanitizer's checks; only at level gpu."""

    counters: bool = False
    """Also one call below ncu, which reads the device's counters; only at level gpu."""


Progress = Callable[[str], None]
"""Told, in a few words, what the audit is doing now."""
