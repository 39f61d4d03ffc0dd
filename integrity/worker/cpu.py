"""The worker on a processor: polls the gate's page, then calls, tells where the output is, says
done."""

import time
from collections import deque
from typing import Any

import torch

from integrity.worker import loading, serve, tensors, wire
from integrity.worker.gate_page import BEAT, DONE, GATE, MOST_SPREAD

_LEARNING, _LEARNING_BYTES = 8, 256 * 2**20
"""Calls after which it is known whether a kernel returns the same memory again and again, and what
outputs may be kept for that."""


class CpuWorker(serve.Worker):
    """One role's process."""

    def _attach_gate(self, descriptors: list[int], message: wire.Message) -> tensors.Block:
        inputs, outputs, gate = map(tensors.Block, descriptors, message["sizes"])
        self._gate = memoryview(gate.bytes).cast("Q")
        words = memoryview(outputs.bytes).cast("q")
        self._whereabouts = Whereabouts(words, inputs, shares=self._ready is not None)
        return inputs

    def _slot(
        self, spec: tensors.Spec, arguments: list[torch.Tensor], outputs: list[wire.Message]
    ) -> tuple[Any, ...]:
        return tensors.rebuild(spec, arguments), list(map(tensors.form_of, outputs))

    def _call(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        slots = [(number, *self._slots[number]) for number in message["slots"]]
        call = _benchmark_kernel if message["site"] == "benchmark" else _check_correctness
        gate, number = self._gate, message["k"]
        where = self._whereabouts
        where.next_window()
        wire.send(self._control, {"armed": number})
        while gate[GATE] < number:
            gate[BEAT] += 1
        try:
            with self._ablated(message):
                took = call(self._kernel, slots, where, message["spin_us"])
            elapsed_us, kernel_us, returned = took
        finally:
            gate[DONE] = number
        return {
            "done": number,
            "elapsed_us": elapsed_us,
            "kernel_us": kernel_us,
            "aliases": serve.aliases(slots[0][1], returned),
            "threads": serve.count("/proc/self/task"),
            "silenced": self._silenced(),
        }


class Whereabouts:
    """Words in which the supervisor reads where outputs lie: an address and strides each.

    What was returned stays alive until the next window, so that it is there to be read. A kernel
    whose calls share one output buffer would overwrite it within a window; as soon as an address
    comes round, its outputs are cloned, at its own expense. `shares`: not a null's, which
    nobody reads.
    """

    def __init__(self, words: memoryview, inputs: tensors.Block, shares: bool) -> None:
        self._words = words
        self._shares = shares
        start = inputs.address
        self._inputs = range(start, start + inputs.size_bytes)
        self._window: list[list[torch.Tensor]] = []
        self._earlier: deque[list[torch.Tensor]] = deque(maxlen=_LEARNING)
        self._calls = 0
        self._seen: set[int] = set()
        self._clones = False

    def next_window(self) -> None:
        """Let go of the last window's outputs, but for those that one can learn from."""
        if self._calls < _LEARNING:
            self._earlier.extend(self._window)
        else:
            self._earlier.clear()
        while len(self._earlier) > 1 and sum(map(_size_bytes, self._earlier)) > _LEARNING_BYTES:
            self._earlier.popleft()
        self._window = []
        self._seen = {address for found in self._earlier for address in self._own(found)}

    def tell(self, slot: int, returned: Any, results: list[tensors.Form]) -> None:
        """The outputs of one call.

        Raises:
            TypeError: not the tensors that the reference returns.
        """
        found = [_dense(tensor) for tensor in serve.outputs_like(returned, results)]
        own = self._own(found)
        self._clones = self._clones or not self._seen.isdisjoint(own)
        self._seen |= own
        if self._clones and not self._shares:
            found = [tensor.clone() for tensor in found]
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


def _size_bytes(found: list[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in found)


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Itself, unless reading it would mean reading far more."""
    if tensor.is_contiguous():
        return tensor
    last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.contiguous() if last + 1 > MOST_SPREAD * tensor.numel() else tensor


def _spin(spin_us: float) -> None:
    """By the clock that in-process harnesses read: what is done to it shows. Ends on one that
    stands still, too: looking at it takes more than 10 ns."""
    start = time.perf_counter()
    for _ in range(int(spin_us * 100)):
        if (time.perf_counter() - start) * 1e6 >= spin_us:
            break


def _benchmark_kernel(
    kernel: loading.Kernel, slots: list[Any], where: Whereabouts, spin_us: float
) -> tuple[float, float, Any]:
    """A call site that looks like a benchmark's loop: whole time, time in the kernel, output."""
    returned, inside = None, 0.0
    with torch.no_grad():
        start = time.perf_counter()
        _spin(spin_us)
        for slot, inputs, results in slots:
            before = time.perf_counter()
            returned = kernel(inputs)
            inside += time.perf_counter() - before
            where.tell(slot, returned, results)
        end = time.perf_counter()
    return (end - start) * 1e6, inside * 1e6, returned


def _check_correctness(
    kernel: loading.Kernel, slots: list[Any], where: Whereabouts, spin_us: float
) -> tuple[float, float, Any]:
    """A call site that looks like a correctness check's; it does the same."""
    start, inside = time.perf_counter(), 0.0
    _spin(spin_us)
    with torch.no_grad():
        output_new = None
        for slot, inputs, results in slots:
            before = time.perf_counter()
            output_new = kernel(inputs)
            inside += time.perf_counter() - before
            where.tell(slot, output_new, results)
    end = time.perf_counter()
    return (end - start) * 1e6, inside * 1e6, output_new
