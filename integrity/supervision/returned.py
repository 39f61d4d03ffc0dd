"""Outputs on a processor: read where the worker returned them.

A copy of the output as part of the window, its cost calibrated out, would be a cost that a worker
can save: it writes straight into the shared block, and the calibration takes off what never was.
So nothing is copied. The worker says where its outputs lie, and the supervisor reads them there,
from a process that is frozen.
"""

import ctypes
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from integrity.supervision.memory import ITEM_BYTES, Bytes, HostBlock, Tensor, lay_out
from integrity.worker.gate_page import MOST_SPREAD

_GLIMPSES = 16
"""Elements of each output looked at before the worker is frozen: 1 us each."""

_PIECE = 1 << 26
_MAX_READ = 1 << 30

Words = npt.NDArray[np.int64]


class Unreadable(Exception):
    """What the worker returned is not memory that can be read."""


class Returned:
    """One worker's outputs. For each slot and tensor it is told an address and strides."""

    copied = False

    def __init__(self, pid: int, tensors: Sequence[Tensor], slots: int) -> None:
        self.slots = [tuple(tensors)] * slots
        self._pid = pid
        self._stride = sum(1 + len(tensor.shape) for tensor in tensors)
        self.block = HostBlock(8 * self._stride * slots)
        self._words: Words = self.block.bytes.view(np.int64)
        self._laid, self._end = lay_out(tensors)
        self._random = np.random.Generator(np.random.SFC64())
        self._copies: dict[int, Bytes] = {}
        self._scratch = np.empty(0, dtype=np.uint8)
        self.use(range(1))

    def use(self, slots: range) -> None:
        """Which slots the next call uses."""
        self._used = slots

    def poison(self) -> None:
        """Its memory is the worker's own, and does not exist yet."""
        self._words[:] = 0

    def look_at(self) -> tuple[list[list[Words]], Bytes]:
        """Secret elements for whoever takes the glimpse: an index a row."""
        self._places = [
            [self._random.integers(0, extent, _GLIMPSES) for extent in tensor.shape]
            for tensor in self._laid
        ]
        return self._places, self._scratch

    def glimpse(self) -> None:
        """A few elements of the last slot's outputs, at once."""
        self._told = self._words.copy()
        self._glimpsed = [
            self._read_at(number) if tensor.size_bytes else b""
            for number, tensor in enumerate(self._laid)
        ]

    def _read_at(self, number: int) -> bytes:
        tensor, (address, strides) = self._laid[number], self._where(self._used[-1], number)
        item = ITEM_BYTES[tensor.dtype]
        offsets = np.zeros(_GLIMPSES, dtype=np.int64)
        for index, stride in zip(self._places[number], strides, strict=True):
            offsets += index * stride
        found = np.empty(_GLIMPSES * item, dtype=np.uint8)
        _read(self._pid, address + offsets * item, item, found)
        return found.tobytes()

    def first_snapshot(self) -> None:
        """All bytes at done; the worker is frozen.

        Raises:
            Unreadable: they are not there.
        """
        for slot in self._used:
            copy = self._copies.setdefault(slot, np.empty(self._end, dtype=np.uint8))
            for number, tensor in enumerate(self._laid):
                copy[tensor.place] = self._read(slot, number)

    def late_bytes(self) -> int:
        """Bytes that changed since done, seen by the glimpse or by looking again now."""
        late = sum(self._unlike_glimpse(number) for number in range(len(self._laid)))
        for slot in self._used:
            for number, tensor in enumerate(self._laid):
                first = self._copies[slot][tensor.place]
                late += _differing(first, self._read(slot, number))
        return late

    def _unlike_glimpse(self, number: int) -> int:
        tensor = self._laid[number]
        if not tensor.size_bytes:
            return 0
        first = self._copies[self._used[-1]][tensor.place]
        table = first.reshape(*tensor.shape, ITEM_BYTES[tensor.dtype])
        seen = table[tuple(self._places[number])]
        now = np.broadcast_to(seen, (_GLIMPSES, seen.shape[-1])).tobytes()
        return sum(a != b for a, b in zip(now, self._glimpsed[number], strict=True))

    def outputs(self) -> list[list[Bytes]]:
        """The used slots' tensors as the first snapshot saw them, until the next is taken."""
        return [[self._copies[slot][t.place] for t in self._laid] for slot in self._used]

    def untouched_shares(self) -> list[float]:
        """Nothing was poisoned."""
        return [0.0 for _ in self._used]

    def guard_bytes(self) -> int:
        """Nor guarded."""
        return 0

    def _where(self, slot: int, number: int) -> tuple[int, Words]:
        """What the worker said at done of a tensor: its address, and its strides in elements."""
        start = slot * self._stride + sum(1 + len(t.shape) for t in self._laid[:number])
        rank = len(self._laid[number].shape)
        return int(self._told[start]), self._told[start + 1 : start + 1 + rank]

    def _read(self, slot: int, number: int) -> Bytes:
        """A tensor's elements in their order, without gaps. Good until the next one is read."""
        tensor, (address, strides) = self._laid[number], self._where(slot, number)
        item = ITEM_BYTES[tensor.dtype]
        span = span_bytes(tensor.shape, [int(stride) for stride in strides], item)
        if span > max(tensor.size_bytes * MOST_SPREAD, item):
            raise Unreadable("returned a tensor that is spread too far")
        if self._scratch.size < span:
            self._scratch = np.empty(span, dtype=np.uint8)
        found = self._scratch[:span]
        for start in range(0, span, _MAX_READ):
            piece = found[start : start + _MAX_READ]
            _read(self._pid, np.asarray([address + start]), piece.size, piece)
        if span == 0:
            return found
        steps = [int(stride) * item for stride in strides]
        seen = np.lib.stride_tricks.as_strided(
            found.view(f"V{item}"), tensor.shape, steps, writeable=False
        )
        return np.ascontiguousarray(seen).reshape(-1).view(np.uint8)


def span_bytes(shape: Sequence[int], strides: Sequence[int], item_bytes: int) -> int:
    """From a tensor's first byte to behind its last.

    Raises:
        Unreadable: a stride is negative, which no tensor's is.
    """
    if min(strides, default=0) < 0:
        raise Unreadable("returned a tensor with negative strides")
    if 0 in shape:
        return 0
    last = sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
    return (last + 1) * item_bytes


def _differing(before: Bytes, now: Bytes) -> int:
    if np.array_equal(before, now):
        return 0
    pieces = [slice(start, start + _PIECE) for start in range(0, before.size, _PIECE)]
    return sum(int((before[p] != now[p]).sum()) for p in pieces)


_readv = ctypes.CDLL(None, use_errno=True).process_vm_readv
_readv.restype = ctypes.c_ssize_t
_readv.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong,
]  # fmt: skip


def _read(pid: int, addresses: Words, each_bytes: int, into: Bytes) -> None:
    """The bytes at these addresses of another process, one after another: process_vm_readv(2)."""
    there = np.empty((len(addresses), 2), dtype=np.uint64)
    there[:, 0] = addresses.view(np.uint64)
    there[:, 1] = each_bytes
    here = np.asarray([[into.ctypes.data, into.size]], dtype=np.uint64)
    got = _readv(pid, here.ctypes.data, 1, there.ctypes.data, len(there), 0)
    if got != into.size:
        why = os.strerror(ctypes.get_errno()) if got < 0 else "the rest is not mapped"
        raise Unreadable(f"returned an output that can't be read ({why})")
