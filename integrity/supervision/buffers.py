"""One worker's inputs: guard bands, veiled bytes, damage; and what its outputs are asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from integrity.supervision.memory import Block, Bytes, Tensor, lay_out

if TYPE_CHECKING:
    from integrity.supervision.backend import Device

_VEILED_BYTES = 2048
"""Input bytes that are wrong until the gate opens: work done before then is wasted."""

_PIECE = 1 << 26


class Outputs(Protocol):
    """What one worker's calls put out, read where the worker has it. The table in `block` and what
    a gate asks for are between a device's worker, gate and outputs."""

    @property
    def slots(self) -> list[tuple[Tensor, ...]]: ...

    @property
    def block(self) -> Block: ...

    def use(self, slots: range) -> None:
        """Which slots the next call uses."""
        ...

    def learn(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """What the worker says of its memory; the descriptors are this object's from now on."""
        ...

    def late_bytes(self) -> int:
        """Bytes that changed since done."""
        ...

    def outputs(self) -> list[list[Bytes]]:
        """The used slots' tensors as they were at done, until the next call."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


class Buffers:
    """A block cut into equal slots. Between calls only the slots in use are looked at."""

    def __init__(self, device: "Device", tensors: Sequence[Tensor], slots: int) -> None:
        self.slots: list[tuple[Tensor, ...]] = []
        self._ends = [0]
        for _ in range(slots):
            placed, end = lay_out(tensors, self._ends[-1])
            self.slots.append(placed)
            self._ends.append(end)
        self._xp = device.xp
        self._pool = device.pool
        self.block = device.block(self._ends[-1])
        self._random = np.random.Generator(np.random.SFC64())
        self._written: Sequence[Sequence[Bytes]] = ()
        self._guards: dict[range, Any] = {}
        self.use(range(1))

    def use(self, slots: range) -> None:
        """Which slots the next call uses."""
        self._used = slots
        self._range = slice(self._ends[slots.start], self._ends[slots.stop])

    def poison_guards(self) -> None:
        """Random bytes over the guard bands, the tensors will be overwritten anyway."""
        guards = self._guard_places()
        pool, shift = self._cut(guards.size)
        self._guarded = pool ^ shift
        self.block.bytes[guards] = self._guarded

    def _cut(self, size: int) -> tuple[Bytes, np.uint8]:
        """From a pool at a random place, to be shifted by a random byte: 10 times as fast as
        drawing anew, and what a submission could learn from older poison gains it nothing."""
        offset = int(self._random.integers(0, self._pool.size - size + 1))
        return self._pool[offset : offset + size], np.uint8(self._random.integers(1, 256))

    def _guard_places(self) -> Any:
        """Where the guard bands of the used slots lie."""
        if self._used not in self._guards:
            edges = [edge for t in self._tensors() for edge in (t.place.start, t.place.stop)]
            edges = [self._range.start, *edges, self._range.stop]
            gaps = [np.arange(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
            self._guards[self._used] = self._xp.asarray(np.concatenate(gaps))
        return self._guards[self._used]

    def _tensors(self) -> list[Tensor]:
        return [tensor for slot in self._used for tensor in self.slots[slot]]

    def write(self, raws: Sequence[Sequence[Bytes]]) -> None:
        """Put these values into the used slots' tensors, a few bytes at secret places excepted.

        Work that starts before the gate opens works on those; `veiled` says where they are and
        what belongs there. At no moment before is all of it right.
        """
        self._written = raws
        count = sum(1 for tensor in self._tensors() if tensor.size_bytes)
        each = max(_VEILED_BYTES // max(count, 1), 1)
        veiled = [
            self._write(tensor, raw, each)
            for slot, values in zip(self._used, raws, strict=True)
            for tensor, raw in zip(self.slots[slot], values, strict=True)
            if tensor.size_bytes
        ]
        places, right = zip(*veiled, strict=True) if veiled else ((), ())
        xp = self._xp
        self.veiled: tuple[Any, Bytes] = (
            xp.concatenate([xp.zeros(0, dtype=np.int64), *places]),
            xp.concatenate([xp.zeros(0, dtype=np.uint8), *right]),
        )

    def _write(self, tensor: Tensor, raw: Bytes, most: int) -> tuple[Any, Bytes]:
        """One tensor; the veiled places in the block, and the right bytes."""
        size = tensor.size_bytes
        inside = self._random.integers(0, size, min(most, 16 + size // 64))
        places = self._xp.asarray(np.unique(inside))
        right = raw[places]
        _, shift = self._cut(1)
        spoiled = raw.copy()
        spoiled[places] = right ^ shift
        self.block.bytes[tensor.place] = spoiled
        return places + tensor.offset, right

    def guard_bytes(self) -> int:
        """Guard-band bytes of the used slots that are not what they were."""
        guards = self._guard_places()
        return int((self._guarded != self.block.bytes[guards]).sum())

    def changed_tensors(self) -> tuple[int, ...]:
        """Numbers of the tensors that are not what was written, in any used slot."""
        return tuple(
            sorted(
                {
                    index
                    for slot, values in zip(self._used, self._written, strict=True)
                    for index, tensor in enumerate(self.slots[slot])
                    if self._differing(values[index], tensor.place)
                }
            )
        )

    def _differing(self, before: Bytes, place: slice) -> int:
        """Bytes of the block that are not what they were."""
        now = self.block.bytes[place]
        if bool(self._xp.array_equal(before, now)):
            return 0
        return sum(int((before[p] != now[p]).sum()) for p in _pieces(before.size))


def _pieces(size: int) -> list[slice]:
    return [slice(start, start + _PIECE) for start in range(0, size, _PIECE)]
