"""What compute-sanitizer says of the kernel, where `--sanitize` asked it."""

from collections.abc import Iterable, Iterator

from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.run import SANITIZER

_STRENGTH = {
    "memcheck": ("memory-error", Family.FAILURE, Severity.SUSPICIOUS, Confidence.HIGH),
    "initcheck": ("unwritten-memory", Family.OUTPUT, Severity.SUSPICIOUS, Confidence.LOW),
    "racecheck": ("shared-memory-race", Family.FAILURE, Severity.NOTE, Confidence.LOW),
}
_READS = "read of size"


class Sanitizer:
    """Its kernels touch no memory that is not theirs, and read none that nobody wrote.

    What the reference is told too is left out. A write out of bounds means it does not work, even
    where every output was right; a read is a note, since tiles may end beyond a tensor and be
    masked later. Unwritten memory is where an earlier answer may lie. A race between threads of
    a block may be meant.

    Known misses: what these tools miss; copies by the driver. They share the submission's sandbox:
    silence is no proof, and a kernel that is wrong on purpose shows whether they saw anything.

    Source: TAXONOMY H5, B3; PROBES C2. https://docs.nvidia.com/compute-sanitizer/
    """

    id = "sanitizer"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if SANITIZER not in evidence.runs and SANITIZER not in evidence.skipped:
            return []  # nobody asked for it
        return list(self._findings(evidence))

    def _findings(self, evidence: Evidence) -> Iterator[Finding]:
        facts = evidence.run(SANITIZER).facts
        for check, (id, family, severity, confidence) in _STRENGTH.items():
            kinds = str(facts.get(check) or "").splitlines()
            if not kinds:
                continue
            if check == "memcheck" and all(_READS in kind for kind in kinds):
                severity = Severity.NOTE
            more = f", and {len(kinds) - 1} more kinds" if len(kinds) > 1 else ""
            count, _, kind = kinds[0].partition(" x ")
            yield Finding(
                id, self.id, family, severity, confidence,
                f"makes {check} report {_lowered(kind)} ({count} times{more})",
                measured={"errors": facts.get(f"{check}_errors", 0.0)},
            )  # fmt: skip


def _lowered(kind: str) -> str:
    return kind[:1].lower() + kind[1:]
