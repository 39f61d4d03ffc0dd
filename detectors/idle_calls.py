"""Calls that ask the device for nothing, after others that did."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.device_trace import DeviceTrace
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class IdleCalls:
    """A submission that worked in its first calls works in the later ones, on values of their own.

    Who keeps an answer by address or by shape, or hands the work to another process, launches
    nothing once it has it. A view of the input needs no work, not even in the first call.

    Known misses: answers that are copied on the device on their way out; a process that shows one
    kernel in every call, whatever it does.

    Source: TAXONOMY C1 to C4, C9. Gold gate: the reference works in every call.
    """

    id = "idle-calls"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, reference = device_work.whole(evidence)
        idle = [call for call in device_work.warm_calls(ours) if not _works(ours, call)]
        worked = any(_works(ours, call) for call in range(device_work.WARM))
        if idle and worked and all(_works(reference, call) for call in idle):
            yield Finding(
                "no-device-work", self.id, Family.CACHING, Severity.HACK, Confidence.MEDIUM,
                f"asks the device for nothing in {len(idle)} later calls, though it worked before",
                measured={"idle_calls": len(idle)},
            )  # fmt: skip


def _works(trace: DeviceTrace, call: int) -> bool:
    return any(trace.work(call))
