"""Whether an output is there when it is returned, or made when somebody reads it."""

from collections.abc import Iterable, Iterator

from integrity.detectors import framework
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class DeferredOutput:
    """Reading an output does not change its bytes.

    Just after the return the memory behind each output is copied past any method of its own; then
    the output is read as a harness reads it, and its memory compared with the copy. A subclass may
    carry what it likes; a promise has other bytes once it was asked.

    Known misses: an output that computes itself for other readers than these, which the checker
    finds unwritten; one without memory of its own, which no call here accepts.

    Source: PROBES C3; TAXONOMY A4. Gold gate: the reference's outputs do not change.
    """

    id = "deferred-output"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield framework.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        ours, reference = framework.traces(evidence)
        if ours.deferred and not reference.deferred:
            yield Finding(
                "computed-when-read", self.id, Family.TIMING, Severity.HACK, Confidence.HIGH,
                f"returned {ours.deferred} outputs whose bytes changed when they were read",
                measured={"outputs": ours.deferred, "calls": ours.calls},
            )  # fmt: skip
