"""A device recorded through CUPTI, played at the module's API; and what is read out of it."""

import copy
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrity.device_trace import DeviceTrace, Kind
from integrity.supervision.recording import parse
from integrity.worker.recorder import CANARY, Recorder, Unavailable, cupti

GRIDS = (300, 301, 777, 400)


class CuptiError(Exception):
    """As `cupti.cuptiError`."""


class ActivityKind(IntEnum):
    """Those that are asked for, with CUPTI's numbers, and one that is not."""

    MEMCPY = 1
    MEMSET = 2
    CONCURRENT_KERNEL = 10
    MODULE = 16
    MEMCPY2 = 22
    CUDA_EVENT = 36
    SYNCHRONIZATION = 38
    MEMORY2 = 49
    GRAPH_TRACE = 51


class FakeCupti:
    """Keeps what a device did in a buffer, until it is flushed.

    A buffer's records are overwritten once it has been handed over, as CUPTI's are.
    """

    ActivityKind = ActivityKind
    ActivityMemcpyKind = IntEnum("ActivityMemcpyKind", {"HTOD": 1, "DTOH": 2})
    ActivityMemoryKind = IntEnum("ActivityMemoryKind", {"PINNED": 2, "DEVICE": 3})
    ActivityMemoryOperationType = IntEnum(
        "ActivityMemoryOperationType", {"ALLOCATION": 1, "RELEASE": 2}
    )
    ActivitySynchronizationType = IntEnum(
        "ActivitySynchronizationType", {"STREAM_SYNCHRONIZE": 3, "CONTEXT_SYNCHRONIZE": 4}
    )
    cuptiError = CuptiError

    def __init__(self, refuses: Sequence[str] = ()) -> None:
        self.enabled: set[int] = set()
        self.asked = 0
        self._refuses = refuses
        self._buffer: list[Any] = []
        self._take: Callable[[Sequence[Any]], None] = lambda activities: None

    def activity_register_callbacks(
        self, ask: Callable[[], tuple[int, int]], take: Callable[[Sequence[Any]], None]
    ) -> None:
        size_bytes, most = ask()
        assert size_bytes > 0
        assert most == 0
        self._take = take

    def activity_enable(self, kind: ActivityKind) -> None:
        if kind.name in self._refuses:
            raise CuptiError("CUPTI_ERROR_NOT_COMPATIBLE")
        self.enabled.add(kind)

    def activity_flush_all(self, flag: int) -> None:
        assert flag == 1
        handed, self._buffer = self._buffer, []
        self._take(handed)
        for activity in handed:
            vars(activity).clear()

    def happens(self, kind: ActivityKind, **fields: Any) -> None:
        """The device is asked for something, if that is recorded."""
        self.asked += 1
        if kind in self.enabled:
            at = 10**18 + 1_000 * self.asked
            common = {
                "kind": int(kind), "correlation_id": self.asked, "start": at, "end": at + 500,
                "device_id": 0, "stream_id": 7, "graph_id": 0,
            }  # fmt: skip
            self._buffer.append(SimpleNamespace(**common | fields))

    def launches(self, name: str, blocks: int, **fields: Any) -> None:
        kernel = {
            "name": name, "grid_x": blocks, "grid_y": 1, "grid_z": 1, "block_x": 32, "block_y": 1,
            "block_z": 1, "static_shared_memory": 16, "dynamic_shared_memory": 32,
            "registers_per_thread": 40,
        }  # fmt: skip
        self.happens(ActivityKind.CONCURRENT_KERNEL, **kernel | fields)


def recorded(
    kernel: Callable[[FakeCupti], None], calls: int = 2, played: FakeCupti | None = None
) -> Any:
    """What a worker says of these calls of a kernel."""
    played = played or FakeCupti()
    recorder = Recorder(played, lambda blocks: played.launches(CANARY, blocks), GRIDS)
    called = recorder.around(lambda inputs: kernel(played))
    for _ in range(calls):
        called(None)
    return recorder.report()


def own(played: FakeCupti) -> None:
    played.launches("mine", 8, stream_id=13, graph_id=5)


def test_a_launch_is_told_with_all_that_is_known_of_it() -> None:
    trace = parse(recorded(own), GRIDS)
    assert trace.complete
    first, second = trace.records
    assert (first.kind, first.name, first.call, second.call) == (Kind.KERNEL, "mine", 0, 1)
    assert (first.start_ns, first.end_ns, first.takes_ns) == (1_000, 1_500, 500)
    assert (first.stream, first.graph, first.device) == (13, 5, 0)
    assert (first.grid, first.block) == ((8, 1, 1), (32, 1, 1))
    assert (first.shared_bytes, first.registers) == (48, 40)
    assert [(w.opened_ns, w.closed_ns, w.stream) for w in trace.windows] == [
        (0, 2_000, 7),
        (3_000, 5_000, 7),
    ]


def test_copies_fills_memory_waits_events_and_modules_are_told() -> None:
    def everything(played: FakeCupti) -> None:
        kind = ActivityKind
        played.happens(kind.MEMCPY, copy_kind=2, bytes=4096)
        played.happens(kind.MEMCPY2, copy_kind=1, bytes=64)
        played.happens(kind.MEMSET, bytes=128)
        played.happens(kind.MEMORY2, memory_operation_type=1, memory_kind=3, bytes=9, timestamp=5)
        played.happens(kind.MEMORY2, memory_operation_type=2, memory_kind=2, bytes=9, timestamp=5)
        played.happens(kind.SYNCHRONIZATION, type=3)
        played.happens(kind.CUDA_EVENT, event_id=3)
        played.happens(kind.MODULE, id=4, cubin_size=1000)

    trace = parse(recorded(everything, calls=1), GRIDS[:2])
    assert {(each.kind, each.name, each.bytes, each.call) for each in trace.records} == {
        (Kind.COPY, "DTOH", 4096, 0),
        (Kind.COPY, "HTOD", 64, 0),
        (Kind.FILL, "", 128, 0),
        (Kind.ALLOCATION, "DEVICE", 9, 0),
        (Kind.RELEASE, "PINNED", 9, 0),
        (Kind.WAIT, "STREAM_SYNCHRONIZE", 0, 0),
        (Kind.EVENT, "3", 0, 0),
        (Kind.MODULE, "4", 1000, None),  # CUPTI does not say when
    }


def test_what_is_asked_for_between_two_calls_belongs_to_neither() -> None:
    played = FakeCupti()
    recorder = Recorder(played, lambda blocks: played.launches(CANARY, blocks), GRIDS)
    called = recorder.around(lambda inputs: own(played))
    own(played)
    called(None)
    own(played)
    called(None)
    trace = parse(recorder.report(), GRIDS)
    assert [each.call for each in trace.records] == [None, 0, None, 1]


def test_records_that_come_in_any_order_are_put_in_the_hosts() -> None:
    said = recorded(own)
    backwards = copy.deepcopy(said)
    backwards["rows"].reverse()
    assert parse(backwards, GRIDS) == parse(said, GRIDS)


def test_a_canary_from_before_the_first_call_is_no_call() -> None:
    played = FakeCupti()
    recorder = Recorder(played, lambda blocks: played.launches(CANARY, blocks), GRIDS)
    played.launches(CANARY, 1)
    recorder.around(lambda inputs: own(played))(None)
    trace = parse(recorder.report(), GRIDS[:2])
    assert trace.complete
    assert [each.name for each in trace.records] == ["mine"]


def test_a_kernel_without_records_is_recorded_as_that() -> None:
    trace = parse(recorded(lambda played: None), GRIDS)
    assert trace.complete
    assert trace.records == ()


def drops_first(rows: list[Any]) -> list[Any]:
    return rows[1:]


def drops_last(rows: list[Any]) -> list[Any]:
    return rows[:-1]


def drops_all(rows: list[Any]) -> list[Any]:
    return []


def swaps(rows: list[Any]) -> list[Any]:
    swapped = copy.deepcopy(rows)
    swapped[0][9], swapped[2][9] = swapped[2][9], swapped[0][9]
    return swapped


def guesses(rows: list[Any]) -> list[Any]:
    guessed = copy.deepcopy(rows)
    for row in guessed:
        row[9] = 512
    return guessed


def adds(rows: list[Any]) -> list[Any]:
    return [*rows, rows[-1]]


@pytest.mark.parametrize("forge", [drops_first, drops_last, drops_all, swaps, guesses, adds])
def test_records_without_the_right_canaries_are_incomplete(
    forge: Callable[[list[Any]], list[Any]],
) -> None:
    said = recorded(own)
    assert not parse(said | {"rows": forge(said["rows"])}, GRIDS).complete


def test_a_call_that_is_not_shown_at_all_is_missed() -> None:
    assert not parse(recorded(own, calls=1), GRIDS).complete


def test_a_recorder_that_was_switched_off_is_missed() -> None:
    played = FakeCupti()
    assert not parse(recorded(lambda p: p.enabled.clear(), played=played), GRIDS).complete


def test_calls_past_the_last_grid_go_unrecorded() -> None:
    said = recorded(own, calls=5)
    assert sum(row[1] == CANARY for row in said["rows"]) == len(GRIDS)


def test_records_beyond_the_most_that_are_kept_are_counted() -> None:
    def often(played: FakeCupti) -> None:
        for _ in range(5_000):
            own(played)

    trace = parse(recorded(often), GRIDS)
    assert trace.complete  # what is too much is not what is silenced
    assert len(trace.records) == 4_000 - 1
    assert trace.left_out == 10_000 + 4 - 4_000 - 3


def test_a_kind_that_this_cupti_does_not_record_is_named_and_the_rest_is_recorded() -> None:
    said = recorded(own, played=FakeCupti(refuses=["MODULE"]))
    assert said["refused"] == ["MODULE"]
    assert parse(said, GRIDS).complete


def test_a_cupti_that_records_no_kernels_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="CUPTI refuses to record: CUPTI_ERROR_NOT_COMPATIBLE"):
        Recorder(FakeCupti(refuses=["CONCURRENT_KERNEL"]), lambda blocks: None, GRIDS)


def test_the_supervisors_side_of_the_recorder_imports_no_torch() -> None:
    code = "import sys, integrity.supervision.recording; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_cupti_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupti.cupti", None)
    with pytest.raises(Unavailable, match=r"pip install 'kernel-integrity\[recorder\]'"):
        cupti()


def test_why_nothing_was_recorded_is_passed_on() -> None:
    trace = parse({"unavailable": "no CUPTI here"}, GRIDS)
    assert trace == DeviceTrace(complete=False, unavailable="no CUPTI here")


words = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
)
numbers = st.sampled_from([-5, 0, 1, 300, 1 << 70, 0.5, True, None, "7", [7]])  # light to draw
rows = st.lists(
    st.tuples(st.sampled_from([*Kind, "other"]), words | st.just(CANARY), *[numbers] * 7).map(list)
    | st.tuples(st.just("kernel"), st.just(CANARY), *[numbers] * 15).map(list)
    | words,
    max_size=6,
)
said = words | st.fixed_dictionaries({"rows": words | rows, "seen": words})


@settings(max_examples=50)
@given(said=said)
def test_whatever_a_worker_says_is_a_trace(said: object) -> None:
    trace = parse(said, GRIDS)
    assert isinstance(trace, DeviceTrace)
    assert not trace.complete


@settings(max_examples=50)
@given(noise=rows)
def test_malformed_rows_among_good_ones_make_a_trace_incomplete(noise: list[Any]) -> None:
    good = recorded(own)
    trace = parse(good | {"rows": [*good["rows"], ["kernel"], *noise]}, GRIDS)
    assert not trace.complete
