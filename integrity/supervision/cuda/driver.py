"""CUDA, as far as the supervisor needs it: memory, words in memory, two stamps, one stream.

Everything that is enqueued runs in order. `Driver` is the interface at which tests put a fake.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from integrity.errors import CannotJudge
from integrity.supervision.memory import Block, Bytes

FLUSH_FACTOR = 4
"""The buffer written to push everything else out of L2, in sizes of that cache."""

_THREADS = 1024


class Allocation(Block, Protocol):
    """Memory of the device, dedicated and exported. Importers keep it alive while they live."""

    @property
    def address(self) -> int: ...


class Driver(Protocol):
    """One device's context, and one stream in it."""

    xp: Any
    losses: tuple[type[Exception], ...]
    name: str
    uuid: str
    l2_bytes: int

    def allocate(self, size_bytes: int) -> Allocation:
        """Memory that can be passed on as a descriptor."""
        ...

    def borrow(self, descriptor: int, size_bytes: int) -> Allocation:
        """Memory that another process made and exported, for reading. Its `close` leaves it to
        the other."""
        ...

    def pinned(self, count: int) -> Any:
        """So many words of 64 bits on the host that the device can read; NumPy's."""
        ...

    def free_bytes(self) -> int: ...

    def flush(self) -> None:
        """Enqueue: everything else leaves L2."""
        ...

    def write(self, address: int, number: int) -> None:
        """Enqueue: write that word of 32 bits."""
        ...

    def opening(
        self, block: Bytes, places: Any, right: Bytes, gate: int, number: int
    ) -> Callable[[], None]:
        """Ready to launch: stamp, put the right bytes in place, write the gate's word."""
        ...

    def closing(self, targets: Any, seen: Bytes) -> Callable[[], None]:
        """Ready to launch: read the bytes at these addresses, but for 0; stamp."""
        ...

    def elapsed_us(self) -> float:
        """Between the last two stamps."""
        ...

    def overrule(self, address: int, number: int) -> None:
        """Write that word at once, past whatever the stream waits for."""
        ...

    def settle(self) -> None:
        """Return when all that was enqueued is done."""
        ...


_SOURCE = r"""
__device__ unsigned long long now() {
  unsigned long long t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}
extern "C" __global__ void unveil(unsigned long long* stamp, unsigned char* block,
    const long long* places, const unsigned char* right, int n, unsigned int* gate,
    unsigned int number) {
  if (threadIdx.x == 0) stamp[0] = now();
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) block[places[i]] = right[i];
  __threadfence_system();
  __syncthreads();
  if (threadIdx.x == 0) { *(volatile unsigned int*)gate = number; __threadfence_system(); }
}
extern "C" __global__ void glimpse(unsigned long long* stamp,
    const unsigned long long* targets, unsigned char* seen, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    unsigned long long target = ((const volatile unsigned long long*)targets)[i];
    if (target) seen[i] = *(const volatile unsigned char*)target;
  }
  __syncthreads();
  if (threadIdx.x == 0) stamp[1] = now();
}
"""


def open_driver(index: int = 0) -> Driver:
    """The device with that index.

    Raises:
        CannotJudge: no device, or a library is missing.
    """
    try:
        import cupy
        from cuda.bindings import driver
    except ImportError as error:
        raise CannotJudge(
            f"{error.name} is not installed; `pip install 'kernel-integrity[cuda]'`"
        ) from error
    try:
        return CudaDriver(index, cupy, driver)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise CannotJudge(f"no CUDA device: {error}") from error


class LostError(Exception):
    """The driver answers every call with the same error from now on."""


class VmmAllocation:
    """Made with the virtual-memory calls: nothing else shares its pages, so that its descriptor
    exposes nothing else."""

    def __init__(self, api: Any, cupy: Any, index: int, size_bytes: int) -> None:
        self._api = api
        posix = api.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR
        wanted = api.CUmemAllocationProp()
        wanted.type = api.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        wanted.location.type = api.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        wanted.location.id = index
        wanted.requestedHandleTypes = posix
        minimum = api.CUmemAllocationGranularity_flags.CU_MEM_ALLOC_GRANULARITY_MINIMUM
        page = int(checked(api.cuMemGetAllocationGranularity(wanted, minimum)))
        self.size_bytes = -(-max(size_bytes, 1) // page) * page
        self._handle = checked(api.cuMemCreate(self.size_bytes, wanted, 0))
        exported = checked(api.cuMemExportToShareableHandle(self._handle, posix, 0))
        self.descriptor = int(exported)
        self._mapped = Mapped(api, cupy, index, self._handle, self.size_bytes, "READWRITE")
        self.address, self.bytes = self._mapped.address, self._mapped.bytes

    def close(self) -> None:
        os.close(self.descriptor)
        self._mapped.close()
        self._api.cuMemRelease(self._handle)


class Borrowed:
    """Another process's, mapped for reading."""

    def __init__(self, api: Any, cupy: Any, index: int, descriptor: int, size_bytes: int) -> None:
        posix = api.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR
        self.size_bytes, self.descriptor = size_bytes, descriptor
        handle = checked(api.cuMemImportFromShareableHandle(descriptor, posix))
        try:
            self._mapped = Mapped(api, cupy, index, handle, size_bytes, "READ")
        finally:
            api.cuMemRelease(handle)  # what is mapped keeps it
        self.address, self.bytes = self._mapped.address, self._mapped.bytes

    def close(self) -> None:
        self._mapped.close()


class Mapped:
    """Memory of a handle's in this process's address space, and as an array."""

    def __init__(
        self, api: Any, cupy: Any, index: int, handle: Any, size_bytes: int, access: str
    ) -> None:
        self._api, self._size_bytes = api, size_bytes
        self.address = int(checked(api.cuMemAddressReserve(size_bytes, 0, 0, 0)))
        try:
            checked(api.cuMemMap(self.address, size_bytes, 0, handle, 0))
            granted = api.CUmemAccessDesc()
            granted.location.type = api.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
            granted.location.id = index
            granted.flags = getattr(api.CUmemAccess_flags, f"CU_MEM_ACCESS_FLAGS_PROT_{access}")
            checked(api.cuMemSetAccess(self.address, size_bytes, [granted], 1))
        except LostError:
            self.close()
            raise
        memory = cupy.cuda.UnownedMemory(self.address, size_bytes, None, index)
        pointer = cupy.cuda.MemoryPointer(memory, 0)
        self.bytes: Bytes = cupy.ndarray((size_bytes,), dtype=cupy.uint8, memptr=pointer)

    def close(self) -> None:
        self._api.cuMemUnmap(self.address, self._size_bytes)
        self._api.cuMemAddressFree(self.address, self._size_bytes)


class CudaDriver:
    """The real one: CuPy for arrays, kernels and the streams, cuda-bindings for the rest."""

    def __init__(self, index: int, cupy: Any, api: Any) -> None:
        self.xp = cupy
        self._api, self._index = api, index
        runtime = cupy.cuda.runtime
        self.losses: tuple[type[Exception], ...] = (
            LostError,
            runtime.CUDARuntimeError,
            cupy.cuda.driver.CUDADriverError,
        )
        cupy.cuda.Device(index).use()
        properties = runtime.getDeviceProperties(index)
        self.name = properties["name"].decode()
        self.uuid = bytes(properties["uuid"]).hex()
        self.l2_bytes = int(properties["l2CacheSize"])
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._rescue = cupy.cuda.Stream(non_blocking=True)
        self._stream.use()
        module = cupy.RawModule(code=_SOURCE)
        functions = [module.get_function(name) for name in ("unveil", "glimpse")]
        self._unveil, self._glimpse = (function.kernel.ptr for function in functions)
        self._module = module
        self._stamps = cupy.zeros(2, dtype=cupy.uint64)
        self._flushed = cupy.empty(FLUSH_FACTOR * self.l2_bytes // 4, dtype=cupy.uint32)
        self._runtime = runtime
        self._count = 0

    def allocate(self, size_bytes: int) -> VmmAllocation:
        return VmmAllocation(self._api, self.xp, self._index, size_bytes)

    def borrow(self, descriptor: int, size_bytes: int) -> "Borrowed":
        return Borrowed(self._api, self.xp, self._index, descriptor, size_bytes)

    def pinned(self, count: int) -> Any:
        memory = self.xp.cuda.alloc_pinned_memory(8 * count)
        return np.frombuffer(memory, dtype=np.int64, count=count)

    def free_bytes(self) -> int:
        pool = self.xp.get_default_memory_pool()
        return int(self.xp.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())

    def flush(self) -> None:
        self._count += 1
        self._flushed.fill(self._count)
        # Read it too: lines left dirty would be written back at the kernel's expense.
        self._flushed.sum()

    def write(self, address: int, number: int) -> None:
        checked(self._api.cuStreamWriteValue32(self._stream.ptr, address, number, 0))

    def opening(
        self, block: Bytes, places: Any, right: Bytes, gate: int, number: int
    ) -> Callable[[], None]:
        return self._launch(
            self._unveil, self._stamps, block, places, right, int(places.size),
            ctypes.c_uint64(gate), ctypes.c_uint32(number),
        )  # fmt: skip

    def closing(self, targets: Any, seen: Bytes) -> Callable[[], None]:
        there = ctypes.c_uint64(targets.ctypes.data)
        return self._launch(self._glimpse, self._stamps, there, seen, int(targets.size))

    def _launch(self, function: int, *arguments: Any) -> Callable[[], None]:
        """One block of threads, everything that takes time done beforehand."""
        values = [
            ctypes.c_int32(each) if isinstance(each, int)
            else ctypes.c_uint64(each.data.ptr) if isinstance(each, self.xp.ndarray)
            else each
            for each in arguments
        ]  # fmt: skip
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        address, stream = ctypes.addressof(pointers), self._stream.ptr
        launch = self._api.cuLaunchKernel

        def now() -> None:
            status = launch(function, 1, 1, 1, _THREADS, 1, 1, 0, stream, address, 0)
            checked(status)
            assert values and pointers  # alive until here

        return now

    def elapsed_us(self) -> float:
        first, second = map(int, self._stamps.get())
        return (second - first) / 1e3

    def overrule(self, address: int, number: int) -> None:
        checked(self._api.cuStreamWriteValue32(self._rescue.ptr, address, number, 0))
        self._rescue.synchronize()

    def settle(self) -> None:
        self._stream.synchronize()


def checked(result: tuple[Any, ...]) -> Any:
    """What a call of cuda-bindings gives, past its status.

    Raises:
        LostError: the status is not success.
    """
    if int(result[0]) != 0:
        raise LostError(str(result[0]))
    return result[1] if len(result) == 2 else None
