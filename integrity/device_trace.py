"""What a worker's device did while the kernel was called, by the worker's own account."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a record is about."""

    KERNEL = "kernel"
    COPY = "copy"
    FILL = "fill"
    ALLOCATION = "allocation"
    RELEASE = "release"
    WAIT = "wait"  # the host, or a stream, for something that the device does
    EVENT = "event"  # a CUDA event was recorded
    MODULE = "module"  # compiled code was loaded


WORK = {Kind.KERNEL, Kind.COPY, Kind.FILL}
"""Kinds that keep a device busy."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that the host asked of a device. What a kind does not have is zero or empty."""

    kind: Kind
    name: str = ""
    """A kernel's as compiled, mangled; CUPTI's word for a copy (`DTOH`), a wait
    (`STREAM_SYNCHRONIZE`) and a kind of memory (`DEVICE`)."""

    call: int | None = None
    """During which call the host asked; None before, between and after them."""

    start_ns: int = 0
    end_ns: int = 0
    """Since the first call began, by one clock for host and device."""

    device: int = 0
    stream: int = 0
    graph: int = 0
    """CUPTI's numbers; 0 where it belongs to no graph."""

    bytes: int = 0
    grid: tuple[int, int, int] = (0, 0, 0)
    block: tuple[int, int, int] = (0, 0, 0)
    shared_bytes: int = 0
    """Static and dynamic shared memory of a block."""

    registers: int = 0
    """Of a thread."""

    @property
    def takes_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class Window:
    """When one call's stream reached the call, and when all that it waits for was over."""

    opened_ns: int
    closed_ns: int
    device: int
    stream: int


@dataclass(frozen=True, slots=True)
class DeviceTrace:
    """One worker's, in the order in which the host asked. It may be forged: it can incriminate, and
    never acquits."""

    records: tuple[Record, ...] = ()
    windows: tuple[Window, ...] = ()
    """One for each call; its index is `Record.call`."""

    complete: bool = True
    """Whether it shows the launches that were slipped in round each call, and is well formed."""

    left_out: int = 0
    """Records beyond the number that is kept."""

    unavailable: str = ""
    """Why nothing was recorded; empty where something was."""

    def work(self, call: int | None) -> Iterator[Record]:
        """What that call had a device do."""
        return (each for each in self.records if each.call == call and each.kind in WORK)
