"""Records what a device is asked to do, through CUPTI's activity records.

Records and not callbacks: a Python callback on every driver call makes a launch ten times dearer.
It shares its process with the submission, which may stop it. Launches of a kernel of its own, in
grids whose sizes the supervisor draws, show whether it still sees.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # they import torch, and the supervisor imports this
    from integrity.worker import loading, wire

CANARY = "integrity_canary"
_BUFFER_BYTES = 8 << 20
_MOST = 4_000
_LONGEST = 200
_FORCED = 1
"""Flush buffers that are not full, too."""

_NEEDED = ("CONCURRENT_KERNEL", "MEMCPY", "MEMCPY2", "MEMSET")
_WANTED = ("MEMORY2", "SYNCHRONIZATION", "CUDA_EVENT", "MODULE")


class Unavailable(Exception):
    """This process can't record; the message says why."""


class Recorder:
    """Started before the submission is loaded."""

    def __init__(self, cupti: Any, launch: Callable[[int], None], grids: Sequence[int]) -> None:
        """`launch` launches the canary in that many blocks; each call takes two of `grids`.

        Raises:
            Unavailable: CUPTI refuses.
        """
        self._cupti = cupti
        self._launch = launch
        self._grids = list(grids)
        self._rows: list[list[Any]] = []
        self._seen = 0
        self._forms = _forms(cupti)
        try:
            cupti.activity_register_callbacks(lambda: (_BUFFER_BYTES, 0), self._take)
            for name in _NEEDED:
                cupti.activity_enable(getattr(cupti.ActivityKind, name))
        except cupti.cuptiError as error:
            raise Unavailable(f"CUPTI refuses to record: {error}") from error
        self._refused = [name for name in _WANTED if not self._enabled(name)]

    def _enabled(self, name: str) -> bool:
        try:
            self._cupti.activity_enable(getattr(self._cupti.ActivityKind, name))
        except self._cupti.cuptiError:
            return False
        return True

    def _take(self, activities: Sequence[Any]) -> None:
        """A buffer's records; its memory is gone when this returns."""
        for activity in activities:
            form = self._forms.get(int(activity.kind))
            if form is None:
                continue
            self._seen += 1
            # Too much is not the same as silence.
            if len(self._rows) < _MOST or getattr(activity, "name", "") == CANARY:
                self._rows.append(form(activity))

    def around(self, kernel: "loading.Kernel") -> "loading.Kernel":
        """The same kernel, between two canaries for as long as there are grids for them."""

        def recorded(inputs: Any) -> Any:
            if not self._grids:
                return kernel(inputs)
            before, after = self._grids.pop(0), self._grids.pop(0)
            self._launch(before)
            returned = kernel(inputs)
            self._launch(after)
            return returned

        return recorded

    def report(self) -> "wire.Message":
        """What was recorded, as it goes over the wire."""
        self._cupti.activity_flush_all(_FORCED)
        return {"rows": self._rows, "seen": self._seen, "refused": self._refused}


def cupti() -> Any:
    """The module.

    Raises:
        Unavailable: it is not installed, or finds no library to talk to.
    """
    try:
        return importlib.import_module("cupti.cupti")
    except (ImportError, OSError, RuntimeError) as error:
        wanted = "pip install 'kernel-integrity[recorder]'"
        raise Unavailable(f"cupti-python can't be imported ({error}); {wanted}") from error


def _forms(cupti: Any) -> dict[int, Callable[[Any], list[Any]]]:
    """By kind of activity: how a row is made of it. All rows begin alike:

    kind, name, correlation, start, end, device, stream, graph, bytes; a kernel's go on with grid,
    block, shared bytes and registers.
    """
    kinds = cupti.ActivityKind

    def kernel(a: Any) -> list[Any]:
        return [
            "kernel", a.name[:_LONGEST], a.correlation_id, a.start, a.end, a.device_id, a.stream_id,
            a.graph_id, 0, a.grid_x, a.grid_y, a.grid_z, a.block_x, a.block_y, a.block_z,
            a.static_shared_memory + a.dynamic_shared_memory, a.registers_per_thread,
        ]  # fmt: skip

    def copy(a: Any) -> list[Any]:
        name = cupti.ActivityMemcpyKind(a.copy_kind).name
        return [
            "copy", name, a.correlation_id, a.start, a.end, a.device_id, a.stream_id, a.graph_id,
            a.bytes,
        ]  # fmt: skip

    def fill(a: Any) -> list[Any]:
        return [
            "fill", "", a.correlation_id, a.start, a.end, a.device_id, a.stream_id, a.graph_id,
            a.bytes,
        ]  # fmt: skip

    def memory(a: Any) -> list[Any]:
        released = a.memory_operation_type == cupti.ActivityMemoryOperationType.RELEASE
        name = cupti.ActivityMemoryKind(a.memory_kind).name
        at = a.timestamp
        kind = "release" if released else "allocation"
        return [kind, name, a.correlation_id, at, at, a.device_id, a.stream_id, 0, a.bytes]

    def wait(a: Any) -> list[Any]:
        name = cupti.ActivitySynchronizationType(a.type).name
        return ["wait", name, a.correlation_id, a.start, a.end, 0, a.stream_id, 0, 0]

    def event(a: Any) -> list[Any]:
        name = str(a.event_id)
        return ["event", name, a.correlation_id, 0, 0, a.device_id, a.stream_id, 0, 0]

    def module(a: Any) -> list[Any]:
        return ["module", str(a.id), 0, 0, 0, 0, 0, 0, a.cubin_size]

    return {
        int(kinds.CONCURRENT_KERNEL): kernel,
        int(kinds.MEMCPY): copy,
        int(kinds.MEMCPY2): copy,
        int(kinds.MEMSET): fill,
        int(kinds.MEMORY2): memory,
        int(kinds.SYNCHRONIZATION): wait,
        int(kinds.CUDA_EVENT): event,
        int(kinds.MODULE): module,
    }
