"""Probe C3: the output is read twice, at "done" and after a settle time."""

from collections.abc import Iterable

from integrity.evidence import Evidence
from integrity.finding import Family, Finding


class LateWrite:
    """Both snapshots hold the same bytes. What changes after "done" was not done.

    Known misses: a writer that finishes within the tens of microseconds that freezing it takes.

    Source: PROBES C3.
    """

    id = "late-write"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        late = [r.observed.late_bytes for _, r in evidence.calls() if r.observed.late_bytes]
        if late:
            yield Finding.proof(
                self.id,
                self.id,
                Family.TIMING,
                "goes on writing its output after it said that it was done",
                late_bytes=max(late),
                late_calls=len(late),
            )
