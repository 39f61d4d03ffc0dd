"""Outputs on a processor: read from the worker's process, which is frozen."""

import ctypes
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from integrity.supervision.memory import ITEM_BYTES, Block, Bytes, Tensor, lay_out
from integrity.supervision.whereabouts import Unreadable, Whereabouts, Words, span_bytes

_GLIMPSES = 16
"""Elements of each output looked at before the worker is frozen: 1 us each."""

_PIECE = 1 << 26
_MAX_READ = 1 << 30


class Returned:
    """One worker's outputs."""

    def __init__(self, pid: int, tensors: Sequence[Tensor], slots: int) -> None:
        self.slots = [tuple(tensors)] * slots
        self._pid = pid
        self._whereabouts = Whereabouts(tensors, slots)
        self._laid, self._end = lay_out(tensors)
        self._random = np.random.Generator(np.random.SFC64())
        self._copies: dict[int, Bytes] = {}
        self._scratch = np.empty(0, dtype=np.uint8)
        self.use(range(1))

    @property
    def block(self) -> Block:
        return self._whereabouts.block

    def use(self, slots: range) -> None:
        self._used = slots
        self._whereabouts.forget()

    def learn(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """Everything it needs to know is in the table."""
        for descriptor in descriptors:
            os.close(descriptor)

    def look_at(self) -> None:
        """Choose secret elements for the glimpse: an index a row."""
        self._places = [
            [self._random.integers(0, max(extent, 1), _GLIMPSES) for extent in tensor.shape]
            for tensor in self._laid
        ]

    def glimpse(self) -> None:
        """A few elements of the last slot's outputs, at once."""
        self._whereabouts.take()
        self._glimpsed = [
            self._read_at(number) if tensor.size_bytes else b""
            for number, tensor in enumerate(self._laid)
        ]

    def _read_at(self, number: int) -> bytes:
        tensor = self._laid[number]
        address, strides = self._whereabouts.of(self._used[-1], number)
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

    def close(self) -> None:
        self._whereabouts.close()

    def _read(self, slot: int, number: int) -> Bytes:
        """A tensor's elements in their order, without gaps. Good until the next one is read."""
        tensor, (address, strides) = self._laid[number], self._whereabouts.of(slot, number)
        item = ITEM_BYTES[tensor.dtype]
        span = span_bytes(tensor, [int(stride) for stride in strides])
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
