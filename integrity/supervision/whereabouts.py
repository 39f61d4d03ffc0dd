"""Where a worker says that its outputs lie: in its own memory, an address and strides each.

A copy of the output as part of the window, its cost calibrated out, would be a cost that a worker
can save: it writes straight into the shared block, and the calibration takes off what never was.
So nothing is copied: the supervisor reads the output where it was returned.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from integrity.supervision.memory import ITEM_BYTES, HostBlock, Tensor
from integrity.worker.gate_page import MOST_SPREAD

Words = npt.NDArray[np.int64]


class Unreadable(Exception):
    """What the worker returned is not memory that can be read."""


class Whereabouts:
    """A table that the worker writes and the supervisor reads: a row for each slot and tensor."""

    def __init__(self, tensors: Sequence[Tensor], slots: int) -> None:
        self._ranks = [len(tensor.shape) for tensor in tensors]
        self._slot_words = sum(1 + rank for rank in self._ranks)
        self.block = HostBlock(8 * self._slot_words * slots)
        self._words: Words = self.block.bytes.view(np.int64)
        self._told = self._words.copy()

    def forget(self) -> None:
        """Nothing is known of the next call's."""
        self._words[:] = 0

    def take(self) -> None:
        """What it says now; it may say something else later."""
        self._told = self._words.copy()

    def of(self, slot: int, number: int) -> tuple[int, Words]:
        """What was taken of one tensor: its address, and its strides in elements."""
        start = slot * self._slot_words + sum(1 + rank for rank in self._ranks[:number])
        return int(self._told[start]), self._told[start + 1 : start + 1 + self._ranks[number]]

    def close(self) -> None:
        """Give the table's memory back."""
        del self._words
        self.block.close()


def span_bytes(tensor: Tensor, strides: Sequence[int]) -> int:
    """From a tensor's first byte to behind its last.

    Raises:
        Unreadable: a stride is negative, which no tensor's is; or it is spread too far.
    """
    if min(strides, default=0) < 0:
        raise Unreadable("returned a tensor with negative strides")
    if 0 in tensor.shape:
        return 0
    item = ITEM_BYTES[tensor.dtype]
    last = sum((extent - 1) * step for extent, step in zip(tensor.shape, strides, strict=True))
    span = (last + 1) * item
    if span > max(tensor.size_bytes * MOST_SPREAD, item):
        raise Unreadable("returned a tensor that is spread too far")
    return span


def dense_strides(shape: Sequence[int]) -> list[int]:
    """Those of a tensor without gaps, in elements."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]
