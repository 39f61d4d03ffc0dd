"""Reads the source, in a process of its own, and reports what every rule found."""

from collections.abc import Iterable
from dataclasses import replace

from integrity.evidence import Evidence
from integrity.finding import Finding, Severity
from integrity.policy import Policy, Precision
from integrity.rules.analyser import Analyser

FALLBACKS = {"try-fallback", "checked-fallback"}
LOWERED = {
    "precision-downcast",
    "global-precision",
    "low-precision-accumulation",
    "low-precision-instruction",
    "narrow-workspace",
}


class Static:
    """Scans the source for patterns that an honest kernel does not need.

    Nothing is run. Findings are soft: a reading of the source can be wrong both ways.

    Known misses: what the rules miss (`integrity explain RULE`), and everything that only running
    it shows.

    Source: TAXONOMY, the rows marked S; docs/static-analysis.md.
    """

    id = "static"
    decisive = True

    def __init__(self, analyser: Analyser | None = None) -> None:
        self._warm = analyser

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        """What the rules report and the policy does not permit."""
        given = evidence.submission, evidence.task.entry, evidence.policy.dependencies
        if self._warm is not None:
            found = self._warm.scan(*given)
        else:
            with Analyser() as analyser:
                found = analyser.scan(*given)
        return [kept for finding in found if (kept := permitted(finding, evidence.policy))]


def permitted(finding: Finding, policy: Policy) -> Finding | None:
    """The finding as this policy sees it; None where the policy allows what it claims."""
    if finding.id == "no-authored-kernel" and policy.allow_library_only:
        return None
    if finding.id in FALLBACKS and policy.allow_fallback:
        return None
    if finding.id in LOWERED and policy.precision is not Precision.REFERENCE:
        return replace(finding, severity=Severity.NOTE)
    return finding
