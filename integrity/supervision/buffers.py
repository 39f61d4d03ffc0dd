"""One worker's input or output block: slots with guard bands, poison, snapshots, damage."""

from collections.abc import Sequence

import numpy as np

from integrity.supervision.backend import Backend
from integrity.supervision.memory import ITEM_BYTES, Bytes, Tensor, lay_out, untouched_share

_GLIMPSE_BYTES = 2048
"""Read at secret places the moment a worker says done: freezing it takes tens of microseconds,
in which a small kernel could still finish."""

_POOL = np.random.default_rng().integers(0, 256, 1 << 21, dtype=np.uint8)


class Buffers:
    """A block cut into equal slots. Between calls only the slots in use are looked at.

    The copies it compares with are kept from call to call: fresh memory costs page faults.
    """

    def __init__(self, backend: Backend, tensors: Sequence[Tensor], slots: int) -> None:
        self.slots: list[tuple[Tensor, ...]] = []
        self._ends = [0]
        for _ in range(slots):
            placed, end = lay_out(tensors, self._ends[-1])
            self.slots.append(placed)
            self._ends.append(end)
        self.block = backend.block(self._ends[-1])
        self._random = np.random.Generator(np.random.SFC64())
        self._before, self._first, self._second = (
            np.empty(self.block.size_bytes, dtype=np.uint8) for _ in range(3)
        )
        self.use(range(1))

    def use(self, slots: range) -> None:
        """Which slots the next call uses."""
        self._used = slots
        self._range = slice(self._ends[slots.start], self._ends[slots.stop])

    def poison(self) -> None:
        """Random bytes over tensors and guard bands."""
        self._poison(self._range)

    def poison_guards(self) -> None:
        """The same for the guard bands alone, where the tensors will be overwritten anyway."""
        for gap in self._gaps():
            self._poison(gap)

    def _poison(self, part: slice) -> None:
        """Cut from a pool at a random place, shifted by a random byte: 10 times as fast as drawing
        anew, and what a submission could learn from older poison gains it nothing."""
        place = self.block.bytes[part]
        shift = np.uint8(self._random.integers(1, 256))
        for start in range(0, place.size, _POOL.size // 2):
            piece = place[start : start + _POOL.size // 2]
            offset = int(self._random.integers(0, _POOL.size - piece.size + 1))
            np.bitwise_xor(_POOL[offset : offset + piece.size], shift, out=piece)

    def _gaps(self) -> list[slice]:
        tensors = [tensor for slot in self._used for tensor in self.slots[slot]]
        edges = [edge for t in tensors for edge in (t.place.start, t.place.stop)]
        edges = [self._range.start, *edges, self._range.stop]
        return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def write(self, raws: Sequence[Sequence[Bytes]]) -> None:
        """Put these values into the used slots' tensors."""
        for slot, values in zip(self._used, raws, strict=True):
            for tensor, raw in zip(self.slots[slot], values, strict=True):
                self.block.bytes[tensor.place] = raw

    def remember(self) -> None:
        """How it is before the worker may touch it."""
        self._take(self._before)
        size = self._range.stop - self._range.start
        self._places = self._range.start + self._random.integers(0, size, _GLIMPSE_BYTES)

    def glimpse(self) -> None:
        """A few bytes, at once."""
        self._glimpsed = self.block.bytes[self._places]

    def first_snapshot(self) -> None:
        """All bytes at done."""
        self._take(self._first)

    def late_bytes(self) -> int:
        """Bytes that changed since done, seen by glimpse or by a second snapshot taken now."""
        self._take(self._second)
        early = int((self._glimpsed != self._first[self._places]).sum())
        return early + _differing(self._first[self._range], self._second[self._range])

    def _take(self, copy: Bytes) -> None:
        np.copyto(copy[self._range], self.block.bytes[self._range])

    def outputs(self) -> list[list[Bytes]]:
        """The used slots' tensors as the first snapshot saw them."""
        return [[self._first[t.place].copy() for t in self.slots[s]] for s in self._used]

    def untouched_shares(self) -> list[float]:
        """For each used slot, the largest share of a tensor that still holds the poison."""
        return [
            max(
                (
                    untouched_share(
                        self._before[t.place], self._first[t.place], ITEM_BYTES[t.dtype]
                    )
                    for t in self.slots[slot]
                ),
                default=0.0,
            )
            for slot in self._used
        ]

    def guard_bytes(self) -> int:
        """Guard-band bytes of the used slots that are not what they were."""
        return sum(_differing(self._before[gap], self.block.bytes[gap]) for gap in self._gaps())

    def changed_tensors(self) -> tuple[int, ...]:
        """Numbers of the tensors that are not what they were, in any used slot."""
        return tuple(
            sorted(
                {
                    index
                    for slot in self._used
                    for index, tensor in enumerate(self.slots[slot])
                    if _differing(self._before[tensor.place], self.block.bytes[tensor.place])
                }
            )
        )


def _differing(before: Bytes, after: Bytes) -> int:
    return 0 if np.array_equal(before, after) else int((before != after).sum())
