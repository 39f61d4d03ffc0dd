"""The worker on a processor: polls the gate's page, then calls, tells where the output is, says
done."""

import time
from typing import Any

import torch

from integrity.worker import loading, serve, tensors, wire
from integrity.worker.gate_page import BEAT, DONE, GATE
from integrity.worker.whereabouts import Whereabouts


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
        where.next_window(len(slots))
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
