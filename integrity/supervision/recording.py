"""What a worker says its device did, as far as it has the right form."""

from collections.abc import Sequence
from typing import Any

from integrity.device_trace import DeviceTrace, Kind, Record, Window
from integrity.worker.recorder import CANARY

_MOST, _LONGEST = 4_000, 200
_SHORT, _LONG = 9, 17
"""Fields of a row, and of a kernel's: see `worker.recorder`."""

_LARGEST = 1 << 63

_Row = tuple[str, str, tuple[int, ...]]
"""Kind, name, and the numbers from the correlation on."""


def parse(said: Any, grids: Sequence[int]) -> DeviceTrace:
    """A trace of anything at all: what is not as it should be makes it incomplete.

    `grids`: of the canaries that were slipped in round the calls that were made, two for each.
    """
    match said:
        case {"unavailable": str(why)} if why:
            return DeviceTrace(complete=False, unavailable=why[: 2 * _LONGEST])
        case {"rows": list(rows), "seen": int(seen)}:
            kept = [_row(each) for each in rows[: _MOST + len(grids)]]
            well = [row for row in kept if row]
            left_out = max(seen, len(rows)) - len(kept)
            return _trace(well, grids, len(well) == len(kept), max(left_out, 0))
    return DeviceTrace(complete=False)


def _row(said: Any) -> _Row | None:
    if not isinstance(said, list) or len(said) not in (_SHORT, _LONG):
        return None
    kind, name, *numbers = said
    if kind not in list(Kind) or not isinstance(name, str):
        return None
    if not all(type(number) is int and 0 <= number < _LARGEST for number in numbers):
        return None
    if (kind == Kind.KERNEL) != (len(said) == _LONG) or numbers[1] > numbers[2]:
        return None
    return kind, name[:_LONGEST], tuple(numbers)


def _trace(
    rows: Sequence[_Row], grids: Sequence[int], well_formed: bool, left_out: int
) -> DeviceTrace:
    """The host numbers what it asks for, in order and over all threads: what lies between two
    canaries was asked for between them."""
    ordered = sorted(rows, key=lambda row: row[2][0])
    canaries = [row for row in ordered if row[:2] == (Kind.KERNEL, CANARY)]
    first = next((i for i, row in enumerate(canaries) if list(grids[:1]) == [row[2][7]]), 0)
    canaries = canaries[first:]  # one was launched when it was loaded
    numbers = [row[2] for row in canaries]
    seen = [number[7] for number in numbers] == list(grids) and bool(grids)
    if not seen:
        return DeviceTrace(complete=False, left_out=left_out)
    began = numbers[0][1]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    records = [
        _record(row, _call(row[2][0], pairs), began)
        for row in ordered
        if row[:2] != (Kind.KERNEL, CANARY)
    ]
    windows = [
        Window(before[1] - began, after[1] - began, after[3], after[4]) for before, after in pairs
    ]
    return DeviceTrace(tuple(records), tuple(windows), well_formed, left_out)


def _call(correlation: int, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> int | None:
    inside = (n for n, (before, after) in enumerate(pairs) if before[0] < correlation < after[0])
    return next(inside, None)


def _record(row: _Row, call: int | None, began: int) -> Record:
    kind, name, (_, start, end, device, stream, graph, size, *rest) = row
    timed = bool(start)
    launch = rest or [0] * (_LONG - _SHORT)
    return Record(
        Kind(kind), name, call, start - began if timed else 0, end - began if timed else 0,
        device, stream, graph, size,
        (launch[0], launch[1], launch[2]), (launch[3], launch[4], launch[5]), launch[6], launch[7],
    )  # fmt: skip
