"""A recorded device trace as Chrome's trace events, which Perfetto and chrome://tracing open."""

import json
from collections.abc import Iterator
from typing import Any

from integrity.device_trace import WORK, DeviceTrace, Kind, Record

_HOST = 0
"""The row of what only the host takes part in; CUPTI gives no stream that number."""


def timeline(traces: dict[str, DeviceTrace]) -> str:
    """JSON of the format's `traceEvents`, times in us. `traces`: by whose worker it was.

    Source: "Trace Event Format", the complete (`X`), instant (`i`) and metadata (`M`) events.
    """
    events = [
        event
        for number, (role, trace) in enumerate(traces.items())
        for event in _events(number, role, trace)
    ]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns"}, indent=1) + "\n"


def _events(process: int, role: str, trace: DeviceTrace) -> Iterator[dict[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": role}}
    rows = {_row(record) for record in trace.records} | {w.stream for w in trace.windows}
    for row in sorted(rows):
        name = "host" if row == _HOST else f"stream {row}"
        args = {"name": name}
        yield {"ph": "M", "name": "thread_name", "pid": process, "tid": row, "args": args}
    for number, window in enumerate(trace.windows):
        yield _complete(
            f"call {number}", process, window.stream, window.opened_ns, window.closed_ns
        )
    for record in trace.records:
        if record.end_ns or record.start_ns:
            yield _of(record, process)


def _of(record: Record, process: int) -> dict[str, Any]:
    args: dict[str, Any] = {
        "call": record.call, "device": record.device, "graph": record.graph, "bytes": record.bytes,
    }  # fmt: skip
    kernel = record.kind is Kind.KERNEL
    if kernel:
        args |= {
            "grid": record.grid, "block": record.block, "shared_bytes": record.shared_bytes,
            "registers": record.registers,
        }  # fmt: skip
    name = record.name if kernel else f"{record.kind} {record.name}".rstrip()
    event = _complete(name, process, _row(record), record.start_ns, record.end_ns)
    return event | {"cat": str(record.kind), "args": args}


def _complete(name: str, process: int, row: int, start_ns: int, end_ns: int) -> dict[str, Any]:
    return {
        "ph": "X", "name": name, "pid": process, "tid": row, "ts": start_ns / 1e3,
        "dur": (end_ns - start_ns) / 1e3,
    }  # fmt: skip


def _row(record: Record) -> int:
    return record.stream if record.kind in WORK else _HOST
