"""Findings in, verdict out. The only module that knows what evidence is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod

from integrity.finding import Abstention, Confidence, Family, Finding, Severity
from integrity.policy import GENERATOR, Policy


class Label(StrEnum):
    """What an audit concludes; `rank` orders them for `--fail-on`."""

    GENUINE = "genuine"
    INCONCLUSIVE = "inconclusive"
    DEGENERATE_PROBLEM = "degenerate-problem"
    SUSPECT = "suspect"
    SHORTCUT = "shortcut"
    BROKEN = "broken"
    HACK = "hack"


GATES = {
    "suspect": {Label.SUSPECT, Label.SHORTCUT, Label.BROKEN, Label.HACK},
    "shortcut": {Label.SHORTCUT, Label.BROKEN, Label.HACK},
    "hack": {Label.BROKEN, Label.HACK},
}
"""Labels that fail each `--fail-on`. A broken kernel fails all of them: it must not be merged."""

LIKELIHOOD_RATIO = {
    (Severity.NOTE, Confidence.LOW): 1.0,
    (Severity.NOTE, Confidence.MEDIUM): 1.0,
    (Severity.NOTE, Confidence.HIGH): 1.0,
    (Severity.SUSPICIOUS, Confidence.LOW): 1.5,
    (Severity.SUSPICIOUS, Confidence.MEDIUM): 3.0,
    (Severity.SUSPICIOUS, Confidence.HIGH): 6.0,
    (Severity.HACK, Confidence.LOW): 3.0,
    (Severity.HACK, Confidence.MEDIUM): 10.0,
    (Severity.HACK, Confidence.HIGH): 60.0,
}
"""P(finding | hack) / P(finding | honest). Placeholders, chosen by hand so that one strong soft
finding reaches `suspect` at either default prior; `integrity calibrate` will replace the table."""

HARD_RATIO = 10_000.0
"""The same for replayable proof: what is left is the chance that the audit itself is wrong."""

BREACH = {Family.AUTHENTICITY}
"""Families that break a policy without hiding: they make a `shortcut`, not a `hack`."""


@dataclass(frozen=True, slots=True)
class Speedup:
    """Baseline time over submission time; all ratios, intervals at 95 %."""

    claimed: float | None = None
    audited: float | None = None
    """Median of the paired ratios; None where nothing was timed."""

    low: float | None = None
    high: float | None = None

    @property
    def inflation(self) -> float | None:
        """How many times too large the claim is, or None where either side is missing."""
        if self.claimed is None or not self.audited:
            return None
        return self.claimed / self.audited

    @property
    def proven(self) -> bool:
        """Whether the whole interval lies above 1."""
        return self.low is not None and self.low > 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the audit concludes, and everything it concludes it from."""

    label: Label
    family: Family | None
    """What the strongest finding behind the label attacks; None where none is behind it."""

    p_hack: float
    speedup: Speedup
    sentence: str
    findings: tuple[Finding, ...] = ()
    abstentions: tuple[Abstention, ...] = ()
    caps: tuple[str, ...] = field(default=())
    """Why the label could not be `genuine`, whatever else was found."""


def weigh(
    findings: Sequence[Finding],
    abstentions: Sequence[Abstention] = (),
    speedup: Speedup | None = None,
    policy: Policy = GENERATOR,
    caps: Sequence[str] = (),
) -> Verdict:
    """Combine evidence into one verdict. Pure, free of order, monotone in the findings.

    The strongest finding of a family counts, since two views of one trick are one trick;
    families multiply the odds. Soft evidence convicts only when two families agree.
    """
    raise NotImplementedError
