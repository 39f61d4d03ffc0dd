"""Probe C2: poisoned outputs, guard bands, inputs compared after the call."""

from collections.abc import Iterable

from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import CallResult, Run


class OutputMemory:
    """Every output byte is rewritten, no guard byte is, and the inputs come back unchanged.

    Known misses: writes that land outside the shared blocks.

    Source: PROBES C2. An input that the reference itself writes to, or that the harness passes in
    to be filled and gets back, may change.
    """

    id = "output-memory"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        calls = list(evidence.calls())
        # Poison may hit the right value by chance: an element is unwritten only where it is wrong.
        untouched = max(
            (c.untouched_share for _, r in calls for c in r.observed.checks if c.wrong),
            default=0.0,
        )
        if untouched > 0:
            yield _hard(
                "output-not-written", Family.OUTPUT,
                "says done while part of the output still holds what was there before",
                {"untouched_share": untouched},
            )  # fmt: skip
        guard = max((result.observed.guard_bytes for _, result in calls), default=0)
        if guard:
            yield _hard(
                "out-of-bounds-write", Family.FAILURE,
                "writes outside the memory it was given",
                {"guard_bytes": guard},
            )  # fmt: skip
        changed = sorted({index for run, result in calls for index in _changed(run, result)})
        if changed:
            yield _hard(
                "input-mutation", Family.OUTPUT,
                f"changes its inputs (number {', '.join(map(str, changed))}), which the "
                "reference leaves alone",
                {"changed_inputs": len(changed)},
            )  # fmt: skip


def _changed(run: Run, result: CallResult) -> set[int]:
    text = str(run.facts.get("reference_changes_inputs", ""))
    allowed = {int(word) for word in text.split(",") if word}
    if run.facts.get("convention") == "data":
        allowed |= set(result.reported.same_storage_as_input)
    return set(result.observed.changed_inputs) - allowed


def _hard(
    finding: str, family: Family, claim: str, measured: dict[str, float | int | str]
) -> Finding:
    return Finding(
        finding, "output-memory", family, Severity.HACK, Confidence.HIGH, claim,
        measured=measured, hard=True,
    )  # fmt: skip
