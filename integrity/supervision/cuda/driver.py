"""CUDA, as far as the supervisor needs it: memory, words in memory, two stamps, one stream.

Everything that is enqueued runs in order. `Driver` is the interface at which tests put a fake.
"""

import os
from typing import Any, Protocol

import numpy as np

from integrity.errors import CannotJudge
from integrity.supervision.memory import Bytes

FLUSH_FACTOR = 4
"""The buffer written to push everything else out of L2, in sizes of that cache."""

_NOT_READY = 600  # cudaErrorNotReady


class Allocation(Protocol):
    """Memory of the device, dedicated and exported."""

    descriptor: int
    bytes: Bytes
    address: int

    def close(self) -> None:
        """Give it back; importers keep it alive while they live."""
        ...


class Driver(Protocol):
    """One device's context, and one stream in it at a time."""

    xp: Any
    losses: tuple[type[Exception], ...]
    name: str
    uuid: str
    l2_bytes: int

    lanes: int
    """Streams to choose from. A device serves its streams from a few queues, and one that waits
    holds up what shares its queue: under MPS by 2 us a launch on an H200."""

    def allocate(self, size_bytes: int) -> Allocation:
        """Memory that can be passed on as a descriptor."""
        ...

    def take(self, lane: int) -> None:
        """Finish what was enqueued, and use that stream from now on."""
        ...

    def free_bytes(self) -> int: ...

    def flush(self) -> None:
        """Enqueue: everything else leaves L2."""
        ...

    def write(self, address: int, number: int) -> None:
        """Enqueue: write that word of 32 bits."""
        ...

    def wait(self, address: int, number: int) -> None:
        """Enqueue: wait until that word is at least this."""
        ...

    def hold(self) -> None:
        """Enqueue: wait for `go`, so that no host lag comes between what follows."""
        ...

    def unveil(self, block: Bytes, places: Any, right: Bytes, gate: int, number: int) -> None:
        """Enqueue: stamp, put the right bytes in place, write the gate's word."""
        ...

    def glimpse(self, block: Bytes, places: Any, seen: Bytes) -> None:
        """Enqueue: read these places, stamp."""
        ...

    def reached_hold(self) -> bool:
        """Whether all that was enqueued before the last hold is done."""
        ...

    def go(self) -> None:
        """Let the stream go on past its last hold, now."""
        ...

    def idle(self) -> bool:
        """Whether all that was enqueued is done."""
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
extern "C" __global__ void glimpse(unsigned long long* stamp, const unsigned char* block,
    const long long* places, unsigned char* seen, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    seen[i] = *(const volatile unsigned char*)(block + places[i]);
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
        self.address = int(checked(api.cuMemAddressReserve(self.size_bytes, 0, 0, 0)))
        checked(api.cuMemMap(self.address, self.size_bytes, 0, self._handle, 0))
        access = api.CUmemAccessDesc()
        access.location = wanted.location
        access.flags = api.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
        checked(api.cuMemSetAccess(self.address, self.size_bytes, [access], 1))
        memory = cupy.cuda.UnownedMemory(self.address, self.size_bytes, None, index)
        pointer = cupy.cuda.MemoryPointer(memory, 0)
        self.bytes: Bytes = cupy.ndarray((self.size_bytes,), dtype=cupy.uint8, memptr=pointer)

    def close(self) -> None:
        os.close(self.descriptor)
        self._api.cuMemUnmap(self.address, self.size_bytes)
        self._api.cuMemAddressFree(self.address, self.size_bytes)
        self._api.cuMemRelease(self._handle)


class CudaDriver:
    """The real one: CuPy for arrays, kernels and the streams, cuda-bindings for the rest."""

    lanes = 4

    def __init__(self, index: int, cupy: Any, api: Any) -> None:
        self.xp = cupy
        self._api, self._index = api, index
        runtime = cupy.cuda.runtime
        self.losses = (LostError, runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)
        cupy.cuda.Device(index).use()
        properties = runtime.getDeviceProperties(index)
        self.name = properties["name"].decode()
        self.uuid = bytes(properties["uuid"]).hex()
        self.l2_bytes = int(properties["l2CacheSize"])
        self._streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(self.lanes)]
        self._rescue = cupy.cuda.Stream(non_blocking=True)
        self._stream = self._streams[0]
        self._stream.use()
        module = cupy.RawModule(code=_SOURCE)
        self._unveil, self._glimpse = (module.get_function(n) for n in ("unveil", "glimpse"))
        self._stamps = cupy.zeros(2, dtype=cupy.uint64)
        self._flushed = cupy.empty(FLUSH_FACTOR * self.l2_bytes // 4, dtype=cupy.uint32)
        self._runtime = runtime
        self._count = self._held = 0
        self._start = self._host_word()
        self._before_hold = cupy.cuda.Event(disable_timing=True)

    def _host_word(self) -> Any:
        memory = self.xp.cuda.alloc_pinned_memory(4096)
        word = np.frombuffer(memory, dtype=np.uint32, count=1)
        word[0] = 0
        self._start_address = int(memory.ptr)
        return word

    def allocate(self, size_bytes: int) -> VmmAllocation:
        return VmmAllocation(self._api, self.xp, self._index, size_bytes)

    def take(self, lane: int) -> None:
        self.settle()
        self._stream = self._streams[lane]
        self._stream.use()

    def free_bytes(self) -> int:
        pool = self.xp.get_default_memory_pool()
        return int(self.xp.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())

    def flush(self) -> None:
        self._count += 1
        self._flushed.fill(self._count)

    def write(self, address: int, number: int) -> None:
        checked(self._api.cuStreamWriteValue32(self._stream.ptr, address, number, 0))

    def wait(self, address: int, number: int) -> None:
        at_least = self._api.CUstreamWaitValue_flags.CU_STREAM_WAIT_VALUE_GEQ
        checked(self._api.cuStreamWaitValue32(self._stream.ptr, address, number, at_least))

    def hold(self) -> None:
        self._held += 1
        self._before_hold.record(self._stream)
        self.wait(self._start_address, self._held)

    def unveil(self, block: Bytes, places: Any, right: Bytes, gate: int, number: int) -> None:
        size, word, value = np.int32(places.size), np.uint64(gate), np.uint32(number)
        arguments = (self._stamps, block, places, right, size, word, value)
        self._unveil((1,), (1024,), arguments)

    def glimpse(self, block: Bytes, places: Any, seen: Bytes) -> None:
        arguments = (self._stamps, block, places, seen, np.int32(places.size))
        self._glimpse((1,), (1024,), arguments)

    def reached_hold(self) -> bool:
        return self._done(self._runtime.eventQuery(self._before_hold.ptr))

    def go(self) -> None:
        self._start[0] = self._held

    def idle(self) -> bool:
        return self._done(self._runtime.streamQuery(self._stream.ptr))

    def _done(self, status: int) -> bool:
        if status not in (0, _NOT_READY):
            raise LostError(f"CUDA error {status}")
        return status == 0

    def elapsed_us(self) -> float:
        first, second = map(int, self._stamps.get())
        return (second - first) / 1e3

    def overrule(self, address: int, number: int) -> None:
        checked(self._api.cuStreamWriteValue32(self._rescue.ptr, address, number, 0))

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
