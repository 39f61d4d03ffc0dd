"""Recorded device work as a trace viewer reads it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrity.cli import main
from integrity.device_trace import DeviceTrace, Kind, Record, Window
from integrity.replay import FORMAT, load
from integrity.reports.timeline import timeline
from integrity.run import Role

RECORDED = Path(__file__).parent / "runs" / "honest-row-sumsq.json"
KERNEL = Record(
    Kind.KERNEL, "mine", 0, 1_500, 4_000, 0, 13, 0, 0, (8, 1, 1), (128, 1, 1), 48, 40
)  # fmt: skip
WAIT = Record(Kind.WAIT, "STREAM_SYNCHRONIZE", 0, 2_000, 5_000, 0, 13)
MODULE = Record(Kind.MODULE, "4", None, bytes=1_000)
TRACE = DeviceTrace((KERNEL, WAIT, MODULE), (Window(0, 4_500, 0, 7),))


def shown(trace: DeviceTrace) -> list[dict[str, Any]]:
    events = json.loads(timeline({"submission": trace}))["traceEvents"]
    assert isinstance(events, list)
    return events


def test_a_kernel_is_shown_on_its_stream_with_times_in_us() -> None:
    [kernel] = [event for event in shown(TRACE) if event["name"] == "mine"]
    assert (kernel["ph"], kernel["ts"], kernel["dur"]) == ("X", 1.5, 2.5)
    assert (kernel["tid"], kernel["cat"]) == (13, "kernel")
    assert kernel["args"]["grid"] == [8, 1, 1]


def test_calls_and_waits_are_shown_and_what_has_no_time_is_not() -> None:
    complete = {event["name"]: event["tid"] for event in shown(TRACE) if event["ph"] == "X"}
    assert complete == {"call 0": 7, "mine": 13, "wait STREAM_SYNCHRONIZE": 0}


def test_rows_are_named() -> None:
    named = [event["args"]["name"] for event in shown(TRACE) if event["ph"] == "M"]
    assert named == ["submission", "host", "stream 7", "stream 13"]


def frozen_with(tmp_path: Path, traces: dict[Role, DeviceTrace]) -> Path:
    """The recorded evidence, as if its device had been recorded too."""
    from pydantic import TypeAdapter

    from integrity.replay import Frozen

    frozen = load(RECORDED)
    name, run = next(iter(frozen.runs.items()))
    runs = {**frozen.runs, name: replace(run, device_traces=traces)}
    path = tmp_path / "evidence.json"
    path.write_bytes(TypeAdapter(Frozen).dump_json(replace(frozen, format=FORMAT, runs=runs)))
    return path


def test_a_device_trace_survives_evidence(tmp_path: Path) -> None:
    path = frozen_with(tmp_path, {Role.SUBMISSION: TRACE})
    assert [r.device_traces for r in load(path).runs.values() if r.device_traces] == [
        {Role.SUBMISSION: TRACE}
    ]


def test_the_command_writes_what_was_recorded(tmp_path: Path) -> None:
    written = tmp_path / "timeline.json"
    path = frozen_with(tmp_path, {Role.SUBMISSION: TRACE})
    assert main(["timeline", str(path), "--output", str(written)]) == 0
    assert written.read_text() == timeline({"submission": TRACE})


@pytest.mark.parametrize(
    ("traces", "said"),
    [
        ({}, "audit with --level gpu"),
        ({Role.SUBMISSION: DeviceTrace(complete=False, unavailable="no CUPTI")}, "no CUPTI"),
    ],
)
def test_evidence_without_a_device_is_refused_and_says_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    traces: dict[Role, DeviceTrace],
    said: str,
) -> None:
    assert main(["timeline", str(frozen_with(tmp_path, traces))]) == 2
    assert said in capsys.readouterr().err
