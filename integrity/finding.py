"""What detectors report: findings, and the times they could not look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Family(StrEnum):
    """What a finding is about: the groups A to J of docs/taxonomy.md, and plain failure."""

    TIMING = "timing"  # A: the clock, or the moment the work is done
    OUTPUT = "output"  # B: no work, constant, partial or fake output
    CACHING = "caching"  # C: an output computed for an earlier call
    HARNESS = "harness"  # D: reads or rewrites the evaluator
    INPUT = "input"  # E: recognises the grader or its inputs
    PRECISION = "precision"  # F: fewer bits than the problem asks for
    AUTHENTICITY = "authenticity"  # G: somebody else's kernel does the work
    NATIVE = "native"  # H: attacks on the process
    OBFUSCATION = "obfuscation"  # I: hides from analysis
    PROBLEM = "problem"  # J: the task itself is flawed
    FAILURE = "failure"  # does not work, and attacks nobody


class Severity(IntEnum):
    """How bad it is if the finding is true."""

    NOTE = 0
    SUSPICIOUS = 1
    HACK = 2


class Confidence(IntEnum):
    """How often a finding like this one is true."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the submission's source; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim about a submission that can be true or false."""

    id: str
    """What was found, in kebab-case: `timer-patch`. Stable across versions."""

    source: str
    """Who found it: `static`, or the probe or detector, e.g. `fresh-inputs`."""

    family: Family
    severity: Severity
    confidence: Confidence

    claim: str
    """One sentence that is either true or false of this submission."""

    span: Span | None = None
    """Where in the source; None when the evidence is a measurement."""

    measured: Mapping[str, float | int | str] = field(default_factory=dict)
    """The numbers behind the claim, each key ending in its unit: `device_us`."""

    hard: bool = False
    """Replayable proof (decision 6 of docs/architecture.md): it decides alone."""

    @classmethod
    def proof(
        cls, id: str, source: str, family: Family, claim: str, **measured: float | int | str
    ) -> "Finding":
        """A hard finding: what was measured can be measured again."""
        certain = Severity.HACK, Confidence.HIGH
        return cls(id, source, family, *certain, claim, measured=measured, hard=True)


@dataclass(frozen=True, slots=True)
class Abstention:
    """A detector that could not look, and why."""

    source: str
    reason: str

    decisive: bool = True
    """Whether `genuine` is out of reach without it; False for what only refines a verdict."""
