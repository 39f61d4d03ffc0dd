"""Inputs that go to the host and outputs that come back from it, in every call."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.device_trace import DeviceTrace
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment

_MOSTLY = 0.5
_SMALL_BYTES = 65_536
"""Below that a kernel may read its whole input to decide what to launch."""


class HostOffload:
    """A call does not copy its inputs to the host and its outputs back.

    Copies of at least half the inputs' bytes one way, and half the outputs' the other, in every
    call, are a computation that was done elsewhere than on the device that is timed.

    Known misses: memory that host and device share; inputs below 64 KiB; what is copied a little
    at a time or by a kernel.

    Source: TAXONOMY A3, G. Gold gate: the reference copies less.
    """

    id = "host-offload"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, reference = device_work.whole(evidence)
        facts = evidence.run(device_work.EXPERIMENT.name).facts
        ins, outs = float(facts["input_bytes"]), float(facts["output_bytes"])
        down, up = _least(ours, "DTOH"), _least(ours, "HTOD")
        offloads = ins >= _SMALL_BYTES and down >= _MOSTLY * ins and up >= _MOSTLY * outs
        if offloads and _least(reference, "DTOH") < down:
            claim = f"copies {down:,} bytes to the host and {up:,} back in every call"
            yield Finding(
                "computes-on-host", self.id, Family.AUTHENTICITY, Severity.HACK, Confidence.MEDIUM,
                claim, measured={"to_host_bytes": down, "to_device_bytes": up},
            )  # fmt: skip


def _least(trace: DeviceTrace, direction: str) -> int:
    """Bytes that even the call with the fewest copies that way."""
    return min(
        (
            sum(each.bytes for each in trace.work(call) if each.name == direction)
            for call in range(len(trace.windows))
        ),
        default=0,
    )
