"""Whether the launches that were slipped in round every call are in the records."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class SilencedRecorder:
    """The device's records show what the worker itself launched, in every call.

    The recorder launches a kernel of its own before and after each call, in grids whose sizes the
    supervisor draws. Records without them were stopped, dropped or made up.

    Known misses: the recorder shares the submission's process. One that reads the sizes there can
    forge records that hold them, and one that only drops its own launches' records shows nothing.

    Source: SUPERVISION, measured CUPTI; TAXONOMY D and H. Gold gate: the reference's are complete
    on the same machine.
    """

    id = "silenced-recorder"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, _ = device_work.traces(evidence)
        if not ours.complete:
            claim = "does not let its device be recorded: launches that were made are not shown"
            yield Finding(
                self.id, self.id, Family.HARNESS, Severity.SUSPICIOUS, Confidence.MEDIUM, claim,
            )  # fmt: skip
