"""The worker's table of where its outputs lie, which the supervisor reads."""

from collections import deque
from typing import Any

import torch

from integrity.worker import serve, tensors
from integrity.worker.gate_page import MOST_SPREAD

_LEARNING, _LEARNING_BYTES = 8, 256 * 2**20
"""Calls after which it is known whether a kernel returns the same memory again and again, and what
outputs may be kept for that."""


class Whereabouts:
    """Words in which the supervisor reads where outputs lie: an address and strides each.

    What was returned stays alive until the next window, so that it is there to be read. A kernel
    whose calls share one output buffer would overwrite it within a window of several; once an
    address has come round, outputs are cloned there, at the kernel's own expense. `shares`: not a
    null's, which nobody reads.
    """

    def __init__(self, words: memoryview, inputs: tensors.Block, shares: bool) -> None:
        self._words = words
        self._shares = shares
        self._inputs = range(inputs.address, inputs.address + inputs.size_bytes)
        self._window: list[list[torch.Tensor]] = []
        self._earlier: deque[list[torch.Tensor]] = deque(maxlen=_LEARNING)
        self._calls = 0
        self._seen: set[int] = set()
        self._comes_round = False
        self._several = False

    def next_window(self, calls: int) -> None:
        """Let go of the last window's outputs, but for those that one can learn from."""
        if self._calls < _LEARNING:
            self._earlier.extend(self._window)
        else:
            self._earlier.clear()
        while len(self._earlier) > 1 and sum(map(_size_bytes, self._earlier)) > _LEARNING_BYTES:
            self._earlier.popleft()
        self._window = []
        self._seen = {address for found in self._earlier for address in self._own(found)}
        self._several = calls > 1

    def tell(self, slot: int, returned: Any, results: list[tensors.Form]) -> None:
        """The outputs of one call.

        Raises:
            TypeError: not the tensors that the reference returns.
        """
        found = [_dense(tensor) for tensor in serve.outputs_like(returned, results)]
        own = self._own(found)
        self._comes_round = self._comes_round or not self._seen.isdisjoint(own)
        self._seen |= own
        if self._comes_round and self._several and not self._shares:
            found = [tensor.clone() for tensor in found]
        found = [self._readable(tensor) for tensor in found]
        self._window.append(found)
        self._calls += 1
        words = self._words
        word = slot * sum(1 + len(shape) for shape, _ in results)
        for tensor in found:
            words[word] = tensor.data_ptr()
            word += 1
            for stride in tensor.stride():
                words[word] = stride
                word += 1

    def _own(self, found: list[torch.Tensor]) -> set[int]:
        """Addresses of the kernel's own memory: each slot's inputs are another's."""
        addresses = {tensor.data_ptr() for tensor in found if tensor.numel()}
        return {address for address in addresses if address not in self._inputs}

    def _readable(self, tensor: torch.Tensor) -> torch.Tensor:
        """Itself, or a copy where the supervisor can read it."""
        return tensor


def _size_bytes(found: list[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in found)


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Itself, unless reading it would mean reading far more."""
    if tensor.is_contiguous():
        return tensor
    last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.contiguous() if last + 1 > MOST_SPREAD * tensor.numel() else tensor
