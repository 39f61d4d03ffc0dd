"""Probe C2: guard bands round the inputs, inputs compared after the call."""

from collections.abc import Iterable
from functools import partial

from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.run import CallResult, Run


class OutputMemory:
    """No byte beside the inputs is written, and the inputs come back unchanged.

    Known misses: writes that land in the worker's own memory. What is not written at all is wrong
    (`fresh-inputs`): outputs are read where they were returned, and hold something older.

    Source: PROBES C2. An input that the reference itself writes to, or that the harness passes in
    to be filled and gets back, may change.
    """

    id = "output-memory"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        calls = list(evidence.calls())
        proof = partial(Finding.proof, source=self.id)
        guard = max((result.observed.guard_bytes for _, result in calls), default=0)
        if guard:
            claim = "writes outside the memory it was given"
            yield proof(
                "out-of-bounds-write", family=Family.FAILURE, claim=claim, guard_bytes=guard
            )
        changed = sorted({index for run, result in calls for index in _changed(run, result)})
        if changed:
            numbers = ", ".join(map(str, changed))
            claim = f"changes its inputs (number {numbers}), which the reference leaves alone"
            yield proof(
                "input-mutation", family=Family.OUTPUT, claim=claim, changed_inputs=len(changed)
            )


def _changed(run: Run, result: CallResult) -> set[int]:
    text = str(run.facts.get("reference_changes_inputs", ""))
    allowed = {int(word) for word in text.split(",") if word}
    if run.facts.get("convention") == "data":
        allowed |= set(result.reported.same_storage_as_input)
    return set(result.observed.changed_inputs) - allowed
