"""Outputs on a CUDA device: read from memory that the worker lends, where they were returned."""

import os
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from integrity.supervision.cuda.driver import Allocation, Driver
from integrity.supervision.memory import ITEM_BYTES, Block, Bytes, Tensor
from integrity.supervision.whereabouts import Unreadable, Whereabouts, dense_strides, span_bytes

_LOOKS, _EACH = 8, 128
"""Looks at outputs in the glimpse, and bytes of each: reading everything takes a while, in which a
kernel that only said that it was done could still finish."""

_MOST_LENT, _HIGHEST = 100_000, 2**62
_PIECE = 1 << 26
_NAP_S = 1e-4

Addresses = npt.NDArray[np.int64]


class CudaReturned:
    """One worker's outputs.

    Lent memory is mapped for reading only. A worker can lend what it wants and say of its outputs
    what it wants: what is there at done is what it is judged by.
    """

    def __init__(
        self, driver: Driver, tensors: Sequence[Tensor], slots: int, inputs: Allocation
    ) -> None:
        self.slots = [tuple(tensors)] * slots
        self._driver = driver
        self._xp = driver.xp
        self._inputs = inputs
        self._whereabouts = Whereabouts(tensors, slots)
        self._starts: list[int] = []
        self._memory: list[Allocation] = []
        self._random = np.random.Generator(np.random.SFC64())
        self._copies: dict[tuple[int, int], Bytes] = {}
        self.targets = driver.pinned(_LOOKS * _EACH)
        """Addresses here of the bytes that the glimpse reads; 0 reads nothing."""

        self.seen = self._xp.zeros(_LOOKS * _EACH, dtype=np.uint8)
        self.use(range(1))

    @property
    def block(self) -> Block:
        return self._whereabouts.block

    def use(self, slots: range) -> None:
        self._used = slots

    def learn(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """Where the worker has its inputs, or memory of its own that it lends.

        Raises:
            Unreadable: it can't be mapped.
        """
        try:
            match message:
                case {"inputs_at": int(base)} if 0 <= base < _HIGHEST:
                    self._put(base, self._inputs)
                case {"lent": list(lent)} if len(lent) == len(descriptors):
                    for each, descriptor in zip(lent, descriptors, strict=True):
                        self._borrow(each, descriptor)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _borrow(self, described: Any, descriptor: int) -> None:
        match described:
            case [int(base), int(size_bytes)] if size_bytes > 0 and 0 <= base < _HIGHEST:
                try:
                    self._put(base, self._driver.borrow(descriptor, size_bytes))
                except self._driver.losses as error:
                    raise Unreadable(f"lent memory that can't be mapped ({error})") from error
                return
        raise Unreadable("lent what is not memory")

    def _put(self, base: int, memory: Allocation) -> None:
        """Later memory takes the place of what was at that address."""
        at = bisect_left(self._starts, base)
        if at < len(self._starts) and self._starts[at] == base:
            self._give_back(self._memory[at])
            self._memory[at] = memory
        elif len(self._starts) < _MOST_LENT:
            self._starts.insert(at, base)
            self._memory.insert(at, memory)
        else:
            raise Unreadable("lent too many pieces of memory")

    def _give_back(self, memory: Allocation) -> None:
        if memory is not self._inputs:
            memory.close()

    def look_at(self, armed: bool) -> None:
        """Choose secret bytes for the glimpse. Of a worker that is not `armed`, where its outputs
        are going to be is a guess: the same as the last time."""
        kinds = [
            (position, number)
            for position in range(len(self._used))
            for number, tensor in enumerate(self.slots[0])
            if tensor.size_bytes
        ]
        # Whoever does not finish in time lacks the last.
        others = self._random.integers(0, len(kinds), _LOOKS - 1) if kinds else ()
        self._rows = kinds[-1:] + [kinds[at] for at in others]
        self._offsets = [
            self._random.integers(0, self.slots[0][number].size_bytes, _EACH)
            for _, number in self._rows
        ]
        if armed:
            self._whereabouts.take()
        self._aim()

    def follow(self) -> None:
        """Take what the worker says now; its call is done."""
        self._whereabouts.take()
        if self._addresses() != self._aimed:
            self._aim()

    def _aim(self) -> None:
        self._aimed = self._addresses()
        self.targets[:] = 0
        for row, (address, offsets) in enumerate(zip(self._aimed, self._offsets, strict=True)):
            self.targets[row * _EACH : (row + 1) * _EACH] = self._here(address + offsets)

    def _addresses(self) -> list[int]:
        """What the worker says of the outputs that are glimpsed at."""
        return [self._whereabouts.of(self._used[p], n)[0] for p, n in self._rows]

    def _here(self, addresses: Addresses) -> Addresses:
        """Where this process has what the worker has there; 0 where it has not."""
        found = np.zeros_like(addresses)
        first, last = (
            bisect_right(self._starts, int(address)) - 1
            for address in (addresses.min(), addresses.max())
        )
        for index in range(max(first, 0), last + 1):
            within, memory = addresses - self._starts[index], self._memory[index]
            inside = (within >= 0) & (within < memory.size_bytes)
            found = np.where(inside, memory.address + within, found)
        return found

    def await_lending(self, listen: Callable[[], object], patience_s: float) -> bool:
        """Whether something was still to be lent at done: then the glimpse saw nothing of it."""
        if self._is_lent():
            return False
        until = time.monotonic() + patience_s
        while not self._is_lent() and time.monotonic() < until:
            listen()
            time.sleep(_NAP_S)
        return True

    def _is_lent(self) -> bool:
        try:
            for slot, number in self._each():
                for _ in self._pieces(*self._place(slot, number)):
                    pass
        except Unreadable:
            return False
        return True

    def first_snapshot(self) -> None:
        """All bytes at done.

        Raises:
            Unreadable: they are not there.
        """
        for position, slot in enumerate(self._used):
            for number in range(len(self.slots[0])):
                address, span = self._place(slot, number)
                copy = self._copies.get((position, number))
                if copy is None or copy.size != span:
                    copy = self._copies[position, number] = self._xp.empty(span, dtype=np.uint8)
                for start, piece in self._pieces(address, span):
                    copy[start : start + piece.size] = piece

    def late_bytes(self) -> int:
        """Bytes that changed since done, seen by the glimpse or by looking again now."""
        late = 0
        for row, (position, number) in enumerate(self._rows):
            places = slice(row * _EACH, (row + 1) * _EACH)
            if self.targets[places].all():
                offsets = self._xp.asarray(self._offsets[row])
                now = self._copies[position, number][offsets]
                late += int((self.seen[places] != now).sum())
        for position, slot in enumerate(self._used):
            for number in range(len(self.slots[0])):
                first = self._copies[position, number]
                for start, piece in self._pieces(*self._place(slot, number)):
                    late += self._differing(first[start : start + piece.size], piece)
        return late

    def _differing(self, before: Bytes, now: Bytes) -> int:
        if bool(self._xp.array_equal(before, now)):
            return 0
        pieces = [slice(start, start + _PIECE) for start in range(0, before.size, _PIECE)]
        return sum(int((before[p] != now[p]).sum()) for p in pieces)

    def outputs(self) -> list[list[Bytes]]:
        """The used slots' tensors as the snapshot saw them, until the next is taken."""
        return [
            [self._dense(position, slot, number) for number in range(len(self.slots[0]))]
            for position, slot in enumerate(self._used)
        ]

    def _dense(self, position: int, slot: int, number: int) -> Bytes:
        """A tensor's elements in their order, without gaps."""
        tensor, copy = self.slots[0][number], self._copies[position, number]
        strides = [int(stride) for stride in self._whereabouts.of(slot, number)[1]]
        if copy.size == tensor.size_bytes and strides == dense_strides(tensor.shape):
            return copy
        item = ITEM_BYTES[tensor.dtype]
        if copy.size == 0:
            return copy
        steps = [stride * item for stride in strides]
        tricks = self._xp.lib.stride_tricks
        seen = tricks.as_strided(copy.view(f"u{item}"), tensor.shape, steps)
        dense: Bytes = self._xp.ascontiguousarray(seen).reshape(-1).view(np.uint8)
        return dense

    def _each(self) -> Iterator[tuple[int, int]]:
        return ((slot, number) for slot in self._used for number in range(len(self.slots[0])))

    def _place(self, slot: int, number: int) -> tuple[int, int]:
        """The worker's address of a tensor, and the bytes from its first to its last."""
        address, strides = self._whereabouts.of(slot, number)
        return address, span_bytes(self.slots[0][number], [int(stride) for stride in strides])

    def _pieces(self, address: int, span: int) -> Iterator[tuple[int, Bytes]]:
        """What lies there, in as many pieces as it was lent in: an offset and the bytes."""
        done = 0
        while done < span:
            index = bisect_right(self._starts, address + done) - 1
            within = address + done - self._starts[index] if index >= 0 else 0
            memory = self._memory[index] if index >= 0 else None
            if memory is None or within >= memory.size_bytes:
                raise Unreadable("returned memory that it had not passed on")
            piece = memory.bytes[within : within + span - done]
            yield done, piece
            done += piece.size

    def close(self) -> None:
        """Give the memory back."""
        for memory in self._memory:
            self._give_back(memory)
        self._starts, self._memory = [], []
        self._whereabouts.close()
