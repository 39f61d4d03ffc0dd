"""One worker's input or output block: slots with guard bands, poison, snapshots, damage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from integrity.supervision.memory import ITEM_BYTES, Block, Bytes, Tensor, lay_out

if TYPE_CHECKING:
    from integrity.supervision.backend import Device

_GLIMPSE_BYTES = 2048
"""Read at secret places the moment a worker says done: freezing it takes tens of microseconds,
in which a small kernel could still finish."""

_VEILED_BYTES = 2048
"""Input bytes that are wrong until the gate opens: work done before then is wasted."""

_PIECE = 1 << 26


class Outputs(Protocol):
    """What one worker's calls put out, however the supervisor gets to see it."""

    @property
    def slots(self) -> list[tuple[Tensor, ...]]: ...

    @property
    def block(self) -> Block: ...

    @property
    def copied(self) -> bool:
        """The worker copies its output into `block`; else it says there where it left it."""
        ...

    def use(self, slots: range) -> None: ...

    def poison(self) -> None: ...

    def look_at(self) -> tuple[Any, Any]: ...

    def glimpse(self) -> None: ...

    def first_snapshot(self) -> None: ...

    def late_bytes(self) -> int: ...

    def outputs(self) -> list[list[Bytes]]: ...

    def untouched_shares(self) -> list[float]: ...

    def guard_bytes(self) -> int: ...


class Buffers:
    """A block cut into equal slots. Between calls only the slots in use are looked at.

    Outputs are poisoned and compared with copies; inputs with what was written. The copies are
    kept from call to call: fresh memory costs page faults.
    """

    copied = True

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
        self._poison: Bytes | None = None
        self._first: Bytes | None = None
        self._written: Sequence[Sequence[Bytes]] = ()
        self._guards: dict[range, Any] = {}
        self.use(range(1))

    def use(self, slots: range) -> None:
        """Which slots the next call uses."""
        self._used = slots
        self._range = slice(self._ends[slots.start], self._ends[slots.stop])

    def poison(self) -> None:
        """Random bytes over tensors and guard bands, and a copy of them."""
        place = self.block.bytes[self._range]
        for start in range(0, place.size, self._pool.size // 2):
            piece = place[start : start + self._pool.size // 2]
            pool, shift = self._cut(piece.size)
            self._xp.bitwise_xor(pool, shift, out=piece)
        self._poison = self._copy(self._poison)
        self._guarded = self.block.bytes[self._guard_places()]

    def poison_guards(self) -> None:
        """The same for the guard bands alone, where the tensors will be overwritten anyway."""
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

    def look_at(self) -> tuple[Any, Bytes]:
        """Secret places in the used range for whoever takes the glimpse, and where it goes."""
        size = self._range.stop - self._range.start
        places = self._range.start + self._random.integers(0, size, _GLIMPSE_BYTES)
        self._places = self._xp.asarray(places)
        self._glimpsed = self._xp.empty(_GLIMPSE_BYTES, dtype=np.uint8)
        return self._places, self._glimpsed

    def glimpse(self) -> None:
        """A few bytes, at once."""
        self._glimpsed = self.block.bytes[self._places]

    def first_snapshot(self) -> None:
        """All bytes at done."""
        self._first = self._copy(self._first)

    def _copy(self, copy: Bytes | None) -> Bytes:
        """The used range, in a copy of the block that is made once."""
        if copy is None:
            copy = self._xp.empty(self.block.size_bytes, dtype=np.uint8)
        copy[self._range] = self.block.bytes[self._range]
        return copy

    def late_bytes(self) -> int:
        """Bytes that changed since done, seen by the glimpse or by looking again now."""
        first = self._seen()
        early = int((self._glimpsed != first[self._places]).sum())
        return early + self._differing(first[self._range], self._range)

    def _seen(self) -> Bytes:
        assert self._first is not None, "no snapshot was taken"
        return self._first

    def outputs(self) -> list[list[Bytes]]:
        """The used slots' tensors as the first snapshot saw them, until the next is taken."""
        first = self._seen()
        return [[first[t.place] for t in self.slots[s]] for s in self._used]

    def untouched_shares(self) -> list[float]:
        """For each used slot, the largest share of a tensor that still holds the poison."""
        return [
            max((self._untouched(t) for t in self.slots[slot]), default=0.0) for slot in self._used
        ]

    def _untouched(self, tensor: Tensor) -> float:
        """Share of elements that still hold it. One-byte dtypes can hit it by chance."""
        item = ITEM_BYTES[tensor.dtype]
        if tensor.size_bytes == 0 or item == 1 or self._poison is None:
            return 0.0
        before, after = (copy[tensor.place] for copy in (self._poison, self._seen()))
        same = sum(
            int(_same_words(before[piece], after[piece], item).sum())
            for piece in _pieces(tensor.size_bytes)
        )
        return same * item / tensor.size_bytes

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


def _same_words(before: Bytes, after: Bytes, item_bytes: int) -> Any:
    word = f"u{item_bytes}"
    return before.view(word) == after.view(word)
