"""Whether the event that a harness takes its time from is recorded a second time."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.device_trace import DeviceTrace, Kind
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class TimerEvent:
    """An event that was recorded just before a call is not recorded again within it.

    As an in-process harness does, the worker records an event before each call, and it lives until
    the call is over. Whoever records it again, from Python or C++, moves the start of the time.
    The submission's own events have other numbers.

    Known misses: an end event that is recorded early, which the worker records last itself; an
    event that is replaced instead (`relied-on`). No time here is taken from events.

    Source: TAXONOMY A5; CUPTI's CUDA_EVENT records. Gold gate: the reference does not do it.
    """

    id = "timer-event"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, reference = device_work.whole(evidence)
        again = _recorded_again(ours)
        if again and not _recorded_again(reference):
            yield Finding(
                "start-recorded-again", self.id, Family.TIMING, Severity.HACK, Confidence.MEDIUM,
                "records the event again from which a harness takes the start of its time",
                measured={"calls": len(again)},
            )  # fmt: skip


def _recorded_again(trace: DeviceTrace) -> set[int]:
    """The calls in which the event is recorded that was the last one before them."""
    timer, found = "", set()
    for record in trace.records:
        if record.kind is Kind.EVENT and record.call is None:
            timer = record.name
        elif record.kind is Kind.EVENT and record.call is not None and record.name == timer:
            found.add(record.call)
    return found
