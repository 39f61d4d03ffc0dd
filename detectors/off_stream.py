"""Work that the stream of the call does not wait for, or that is asked for after it returned."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.device_trace import DeviceTrace, Kind, Record
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class OffStream:
    """All that a call asks of a device is over when the caller's stream goes on.

    A launch that is slipped in after each call, on the caller's stream, begins when everything that
    this stream waits for is over. What the call launched on another stream or device and is still
    running then escaped the timers of in-process harnesses. So did kernels that are launched
    between two calls. A side stream that is joined ends before, and is honest.

    Known misses: work that happens to be over by then though nobody waited for it; kernels with
    names that the reference leaves behind too; torch's own kernels between calls, since the worker
    copies outputs that it can't lend.

    Source: TAXONOMY A2, A3. Gold gate: the reference in the same calls.
    """

    id = "off-stream"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence):
            return
        ours, reference = device_work.whole(evidence)
        usual = {record.name for record in _escaped(reference)}
        escaped = [record for record in _escaped(ours) if record.name not in usual]
        if escaped:
            late_us = max(_late_ns(ours, record) for record in escaped) / 1e3
            claim = (
                f"leaves work on a stream that the caller's does not wait for: "
                f"{escaped[0].name or escaped[0].kind} ran on for {late_us:.1f} us"
            )
            yield self._finding("unjoined-stream", claim, records=len(escaped), late_us=late_us)
        known = {record.name for record in _between(reference)}
        between = [record for record in _between(ours) if record.name not in known]
        if len(between) >= len(ours.windows) - 1 > 0:
            claim = f"launches kernels between its calls, after it returned: {between[0].name}"
            yield self._finding("launches-after-return", claim, records=len(between))

    def _finding(self, name: str, claim: str, **measured: float | int) -> Finding:
        return Finding(
            name, self.id, Family.TIMING, Severity.HACK, Confidence.MEDIUM, claim,
            measured=dict(measured),
        )  # fmt: skip


def _escaped(trace: DeviceTrace) -> Iterator[Record]:
    for call, window in enumerate(trace.windows):
        for record in trace.work(call):
            elsewhere = (record.device, record.stream) != (window.device, window.stream)
            if elsewhere and record.end_ns > window.closed_ns:
                yield record


def _late_ns(trace: DeviceTrace, record: Record) -> int:
    assert record.call is not None  # of `_escaped`, which goes through the calls
    return record.end_ns - trace.windows[record.call].closed_ns


def _between(trace: DeviceTrace) -> Iterator[Record]:
    """Kernels of nobody's library that were asked for past the first call, in none."""
    first = trace.windows[0].closed_ns if trace.windows else 0
    return (
        record
        for record in trace.work(None)
        if record.kind is Kind.KERNEL
        and record.start_ns >= first
        and not device_work.is_library(record)
    )
