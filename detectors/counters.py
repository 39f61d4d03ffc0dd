"""Probe T14: bytes that the device's own counters saw, where `--counters` asked for them."""

from collections.abc import Iterable, Iterator, Mapping

from integrity.detectors import device_work
from integrity.device_trace import Kind
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.floors import Work
from integrity.run import COUNTERS, Role

_ENOUGH, _FAR_TOO_LITTLE = 0.9, 0.5
_LEAST_BYTES = 1e6
"""Instructions and constants are read from DRAM too."""


class Counters:
    """A call from cold caches reads what it must read from DRAM.

    The counters are the device's: a submission can keep them from being read, and can't change
    them. What must be read is derived from the reference, as for floors; where the reference's own
    counters do not show it, nobody is accused. Copies are not counted, so that a submission that
    copies is not either.

    Known misses: answers that are read from elsewhere, of about the same size; reads that compress.

    Source: PROBES T14; docs/floors.md. ncu flushes the caches before every kernel.
    """

    id = "counters"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if COUNTERS not in evidence.runs and COUNTERS not in evidence.skipped:
            return []  # nobody asked for them
        return list(self._findings(evidence))

    def _findings(self, evidence: Evidence) -> Iterator[Finding]:
        facts = evidence.run(COUNTERS).facts
        ours, reference = (_of(facts, role) for role in (Role.SUBMISSION, Role.REFERENCE))
        yield Finding(
            "counted", self.id, Family.TIMING, Severity.NOTE, Confidence.HIGH,
            f"reads {_mb(ours, 'dram_read_bytes')} from DRAM and writes "
            f"{_mb(ours, 'dram_written_bytes')} in a call from cold caches, the reference "
            f"{_mb(reference, 'dram_read_bytes')} and {_mb(reference, 'dram_written_bytes')}",
            measured={name: facts[name] for name in facts},
        )  # fmt: skip
        work = Work.of_facts(evidence.run("trivial").facts)
        if work is None or work.proven_bytes < _LEAST_BYTES:
            return
        if reference["dram_read_bytes"] < _ENOUGH * work.proven_bytes:
            raise CannotJudge("the reference's counters do not show what a call must read either")
        if ours["dram_read_bytes"] >= _FAR_TOO_LITTLE * work.proven_bytes or _copies(evidence):
            return
        yield Finding(
            "reads-too-little", self.id, Family.OUTPUT, Severity.SUSPICIOUS, Confidence.MEDIUM,
            f"reads {_mb(ours, 'dram_read_bytes')} from DRAM in a call from cold caches that has "
            f"to read {work.proven_bytes / 1e6:.3g} MB",
            measured={"read_bytes": ours["dram_read_bytes"], "least_bytes": work.proven_bytes},
        )  # fmt: skip


def _of(facts: Mapping[str, float | str], role: Role) -> dict[str, float]:
    start = f"{role} "
    return {n.removeprefix(start): float(v) for n, v in facts.items() if n.startswith(start)}


def _mb(counters: Mapping[str, float], name: str) -> str:
    return f"{counters.get(name, 0.0) / 1e6:.3g} MB"


def _copies(evidence: Evidence) -> bool:
    """Whether the driver moves data for it, which no kernel's counters show.

    Raises:
        CannotJudge: its device's work was not recorded.
    """
    trace, _ = device_work.whole(evidence)
    return any(record.kind is Kind.COPY for call in device_work.warm_calls(trace)
               for record in trace.work(call))  # fmt: skip
