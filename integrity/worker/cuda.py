"""The worker on a CUDA device: everything is enqueued behind the gate before the inputs exist.

As everything in the worker, it shares a process with the submission and is trusted with nothing.
"""

import socket
from pathlib import Path
from typing import Any

import torch
from cuda.bindings import driver

from integrity.worker import loading, recorder, serve, tensors, wire
from integrity.worker.canary import Canary
from integrity.worker.gate_words import DONE, GATE
from integrity.worker.lending import LENDABLE, POSIX, Lender, checked
from integrity.worker.whereabouts import Whereabouts

_DEVICE = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
_READ = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READ
_READ_WRITE = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
_AT_LEAST = driver.CUstreamWaitValue_flags.CU_STREAM_WAIT_VALUE_GEQ


_CYCLES_A_US = 1_500
"""About: 1,980 at most on an H200. The reference's spins say how long as many really last."""


class _Memory:
    """An address for torch to make a tensor of."""

    def __init__(self, address: int, size_bytes: int) -> None:
        self.__cuda_array_interface__ = {
            "shape": (size_bytes,),
            "typestr": "|u1",
            "data": (address, False),
            "strides": None,
            "version": 3,
        }


class Block(tensors.Block):
    """Device memory of the supervisor's, imported by its descriptor."""

    def __init__(self, descriptor: int, size_bytes: int, writable: bool = True) -> None:
        torch.cuda.current_stream().synchronize()  # makes the context current
        self.size_bytes = size_bytes
        handle = checked(driver.cuMemImportFromShareableHandle(descriptor, POSIX))
        self.address = int(checked(driver.cuMemAddressReserve(size_bytes, 0, 0, 0)))
        checked(driver.cuMemMap(self.address, size_bytes, 0, handle, 0))
        access = driver.CUmemAccessDesc()
        access.location.type = _DEVICE
        access.location.id = torch.cuda.current_device()
        access.flags = _READ_WRITE if writable else _READ
        checked(driver.cuMemSetAccess(self.address, size_bytes, [access], 1))
        self._all = torch.as_tensor(_Memory(self.address, size_bytes), device="cuda")

    def tensor(self, layout: dict[str, Any]) -> torch.Tensor:
        """The tensor at that offset, `{shape, dtype, offset}`; equal layouts, equal pointers."""
        shape, dtype = tensors.form_of(layout)
        if shape.numel() == 0:
            return torch.empty(shape, dtype=dtype, device="cuda")
        place = self._all[layout["offset"] : layout["offset"] + shape.numel() * dtype.itemsize]
        return place.view(dtype).view(shape)


class HostPage(tensors.Block):
    """A page of the host's that the device can write to."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        super().__init__(descriptor, size_bytes)
        mapped = self.address
        flags = driver.CU_MEMHOSTREGISTER_DEVICEMAP | driver.CU_MEMHOSTREGISTER_PORTABLE
        checked((*driver.cuMemHostRegister(mapped, size_bytes, flags), None))
        self.address = int(checked(driver.cuMemHostGetDevicePointer(mapped, 0)))


class CudaWorker(serve.Worker):
    """One role's process on a device."""

    device = torch.device("cuda")
    _open_block = Block

    def __init__(self, control: socket.socket, scratch: Path) -> None:
        super().__init__(control, scratch)
        torch.cuda.memory._set_allocator_settings(LENDABLE)
        # Before anybody asks: the workers of an experiment then do it side by side.
        torch.zeros(1, device=self.device)
        torch.cuda.synchronize()
        self._recorder: recorder.Recorder | None = None
        self._unrecorded = ""

    def _load(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        if grids := message.get("canaries"):
            try:
                launch = Canary().launch
                self._recorder = recorder.Recorder(recorder.cupti(), launch, grids)
            except Exception as reason:  # another CUPTI may lack what the binding names
                self._unrecorded = f"{type(reason).__name__}: {reason}"
        answer = super()._load(message, descriptors)
        if self._recorder:
            self._kernel = self._recorder.around(self._kernel)
        return answer

    def _records(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        """What the device was seen doing since the load."""
        return self._recorder.report() if self._recorder else {"unavailable": self._unrecorded}

    def _finish(self) -> None:
        torch.cuda.synchronize()

    def _attach_gate(self, descriptors: list[int], message: wire.Message) -> tensors.Block:
        sizes = message["sizes"]
        inputs = Block(descriptors[0], sizes[0], writable=not message["read_only"])
        table = tensors.Block(descriptors[1], sizes[1])
        words = memoryview(table.bytes).cast("q")
        self._lender = Lender(words, inputs, shares=self._ready is not None)
        if not self._slots:  # memory moves between calls, the gate stays where it is
            self._words = Block(descriptors[2], sizes[2]).address
            self._page = HostPage(descriptors[3], sizes[3])
        return inputs

    def _slot(
        self, spec: tensors.Spec, arguments: list[torch.Tensor], outputs: list[wire.Message]
    ) -> tuple[Any, ...]:
        return tensors.rebuild(spec, arguments), list(map(tensors.form_of, outputs))

    def _call(self, message: wire.Message, descriptors: list[int]) -> wire.Message:
        slots = [(index, *self._slots[index]) for index in message["slots"]]
        call = _benchmark_kernel if message["site"] == "benchmark" else _check_correctness
        number, lender = message["k"], self._lender
        lender.next_window(len(slots))
        self._await(self._words + GATE, number)
        start, end = (
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        )
        try:
            cycles = int(message["spin_us"] * _CYCLES_A_US)
            with self._ablated(message):
                returned = call(self._kernel, slots, start, end, lender, cycles)
            lender.lend(self._control)
        finally:
            self._tell(self._page.address + DONE, number)
        wire.send(self._control, {"armed": number})
        torch.cuda.synchronize()
        elapsed_us = start.elapsed_time(end) * 1e3
        return {
            "done": number,
            "elapsed_us": elapsed_us,
            "kernel_us": elapsed_us,
            "aliases": serve.aliases(slots[0][1], returned),
            "threads": serve.count("/proc/self/task"),
            "silenced": self._silenced(),
        }

    def _await(self, address: int, number: int) -> None:
        stream = torch.cuda.current_stream().cuda_stream
        checked((*driver.cuStreamWaitValue32(stream, address, number, _AT_LEAST), None))

    def _tell(self, address: int, number: int) -> None:
        stream = torch.cuda.current_stream().cuda_stream
        checked((*driver.cuStreamWriteValue32(stream, address, number, 0), None))


def _spin(cycles: int) -> None:
    """On the stream that the kernel is about to be enqueued to."""
    if cycles:
        torch.cuda._sleep(cycles)  # type: ignore[no-untyped-call]


def _benchmark_kernel(
    kernel: loading.Kernel, slots: list[Any], start: Any, end: Any, where: Whereabouts, cycles: int
) -> Any:
    """A call site that looks like a benchmark's loop."""
    returned = None
    with torch.no_grad():
        start.record()
        _spin(cycles)
        for slot, inputs, results in slots:
            returned = kernel(inputs)
            where.tell(slot, returned, results)
        end.record()
    return returned


def _check_correctness(
    kernel: loading.Kernel, slots: list[Any], start: Any, end: Any, where: Whereabouts, cycles: int
) -> Any:
    """A call site that looks like a correctness check's; it does the same."""
    start.record()
    _spin(cycles)
    with torch.no_grad():
        output_new = None
        for slot, inputs, results in slots:
            output_new = kernel(inputs)
            where.tell(slot, output_new, results)
    end.record()
    return output_new
