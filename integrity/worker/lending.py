"""Torch's memory passed on to the supervisor, which reads outputs where they lie.

Torch's expandable segments are made with the driver's virtual-memory calls, and can be exported as
descriptors: those of graphs' private pools too. What others allocated (CuPy, cudaMalloc) can't; it
is copied into torch's, at the kernel's own expense.
"""

import ctypes
import os
import socket
from typing import Any

import torch
from cuda.bindings import driver

from integrity.worker import wire
from integrity.worker.whereabouts import Whereabouts

LENDABLE = "expandable_segments:True"
POSIX = driver.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR

_ATTRIBUTES = driver.CUpointer_attribute
_BUFFER_ID = int(_ATTRIBUTES.CU_POINTER_ATTRIBUTE_BUFFER_ID)
_BASE = int(_ATTRIBUTES.CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR)
_SIZE = int(_ATTRIBUTES.CU_POINTER_ATTRIBUTE_MAPPING_SIZE)
_library = ctypes.CDLL("libcuda.so.1")


class DriverError(Exception):
    """A call of the driver's failed."""


def checked(result: tuple[Any, ...]) -> Any:
    """What a call of cuda-bindings gives, past its status.

    Raises:
        DriverError: the status is not success.
    """
    if int(result[0]) != 0:
        raise DriverError(str(result[0]))
    return result[1] if len(result) == 2 else result[1:]


class Lender(Whereabouts):
    """Tells where outputs lie, and lends the memory they lie in, each allocation once."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._lent: dict[int, tuple[int, int]] = {}
        """By base address: size in bytes, and the driver's number of the allocation."""

        self._new: list[tuple[int, int, int]] = []

    def lend(self, control: socket.socket) -> None:
        """Pass on what is new since the last time."""
        while self._new:
            some, self._new = self._new[: wire.MAX_DESCRIPTORS], self._new[wire.MAX_DESCRIPTORS :]
            descriptors = [descriptor for _, _, descriptor in some]
            wire.send(control, {"lent": [[base, size] for base, size, _ in some]}, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)

    def _readable(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.numel() == 0 or tensor.data_ptr() in self._inputs:
            return tensor
        try:
            self._cover(tensor)
        except DriverError:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
            self._cover(tensor)
        return tensor

    def _cover(self, tensor: torch.Tensor) -> None:
        """Every allocation that it lies in is lent, or is going to be.

        Raises:
            DriverError: one can't be exported.
        """
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        last = sum((extent - 1) * step for extent, step in steps)
        address = tensor.data_ptr()
        end = address + (last + 1) * tensor.itemsize
        while address < end:
            base, size = _attribute(_BASE, address), _attribute(_SIZE, address)
            number = _attribute(_BUFFER_ID, address)
            if self._lent.get(base) != (size, number):
                self._new.append((base, size, _export(base)))
                self._lent[base] = size, number
            address = base + size


def _attribute(which: int, address: int) -> int:
    """Of memory; cuda-bindings does not know all of them."""
    value = ctypes.c_uint64()
    status = _library.cuPointerGetAttribute(ctypes.byref(value), which, ctypes.c_uint64(address))
    if status != 0:
        raise DriverError(f"cuPointerGetAttribute gave {status}")
    return value.value


def _export(base: int) -> int:
    handle = checked(driver.cuMemRetainAllocationHandle(base))
    try:
        return int(checked(driver.cuMemExportToShareableHandle(handle, POSIX, 0)))
    finally:
        driver.cuMemRelease(handle)
