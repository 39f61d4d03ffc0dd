"""A rule: one pattern in a submission's source that an honest kernel does not need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from integrity.finding import Confidence, Family, Finding, Severity, Span
from integrity.policy import Dependencies

if TYPE_CHECKING:
    from integrity.rules.source import Source


class Rule(ABC):
    """Subclass, name the pattern, give examples, read the source's facts, yield findings.

    A module in `rules/` holds one subclass; `integrity.rules.all_rules` finds it and
    `tests/test_rules.py` runs its examples. Nothing else needs an edit.
    """

    id: ClassVar[str]
    family: ClassVar[Family]
    severity: ClassVar[Severity]
    confidence: ClassVar[Confidence]
    since: ClassVar[str] = "0.1.0"

    ALLOWED: ClassVar[Dependencies] = Dependencies()
    """The dependencies that the policy of its examples allows."""

    HACKS: ClassVar[Sequence[str]]
    """Sources the rule must report; indent as the code around them."""

    HONEST: ClassVar[Sequence[str]]
    """Sources every rule must pass, the nearest innocent look-alikes first."""

    @abstractmethod
    def check(self, source: Source) -> Iterable[Finding]:
        """Report what the source shows. Pure: the source was never run."""

    def finding(
        self,
        span: Span,
        claim: str,
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        family: Family | None = None,
    ) -> Finding:
        """A finding of this rule, weaker or stronger than usual where the case says so."""
        return Finding(
            id=self.id,
            source="static",
            family=self.family if family is None else family,
            severity=self.severity if severity is None else severity,
            confidence=self.confidence if confidence is None else confidence,
            claim=claim,
            span=span,
        )
