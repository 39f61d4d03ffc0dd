"""Memory that supervisor and worker share: dedicated blocks, guard bands, poison."""

import fcntl
import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

GUARD_BYTES = 256
_ALIGN = 256
_MAX_TENSORS = 64

Bytes = npt.NDArray[np.uint8]

ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
_F_ADD_SEALS, _F_SEAL_SEAL, _F_SEAL_SHRINK, _F_SEAL_GROW = 1033, 1, 2, 4


class BadLayout(ValueError):
    """The peer described a tensor that can't be."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's shape, dtype and place in a block. Contiguous."""

    shape: tuple[int, ...]
    dtype: str
    offset: int = 0

    @property
    def size_bytes(self) -> int:
        """Without guard bands."""
        return prod(self.shape) * ITEM_BYTES[self.dtype]

    @property
    def wide_bytes(self) -> int:
        """The same in float64."""
        return prod(self.shape) * ITEM_BYTES["float64"]

    @property
    def place(self) -> slice:
        """Its bytes in the block."""
        return slice(self.offset, self.offset + self.size_bytes)

    def as_message(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {"shape": list(self.shape), "dtype": self.dtype, "offset": self.offset}

    @classmethod
    def parse(cls, described: Any) -> "Tensor":
        """What a worker says a tensor looks like.

        Raises:
            BadLayout: it is not a description of a tensor.
        """
        match described:
            case {"shape": list(shape), "dtype": str(dtype)} if dtype in ITEM_BYTES and all(
                type(extent) is int and extent >= 0 for extent in shape
            ):
                return cls(tuple(shape), dtype)
        raise BadLayout(f"not a tensor: {str(described)[:80]}")


def parse_tensors(described: Any) -> tuple[Tensor, ...]:
    """Several of them.

    Raises:
        BadLayout: not a list, or more than any harness passes.
    """
    if not isinstance(described, list) or len(described) > _MAX_TENSORS:
        raise BadLayout("not a list of tensors")
    return tuple(map(Tensor.parse, described))


def lay_out(tensors: Sequence[Tensor], start: int = 0) -> tuple[tuple[Tensor, ...], int]:
    """Place them one after another, a guard band before and after each; and where that ends."""
    placed = []
    offset = start
    for tensor in tensors:
        offset = _align(offset + GUARD_BYTES)
        placed.append(Tensor(tensor.shape, tensor.dtype, offset))
        offset = offset + tensor.size_bytes
    return tuple(placed), _align(offset + GUARD_BYTES)


def _align(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN


class Block(Protocol):
    """Dedicated memory, mapped here and passed to workers as a descriptor."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def descriptor(self) -> int: ...

    @property
    def bytes(self) -> Bytes: ...

    def close(self) -> None:
        """Give the memory back."""
        ...


class HostBlock:
    """One memfd, mapped here and passed to a worker. Its size is sealed: a worker that could
    shrink it could crash the supervisor."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = max(size_bytes, mmap.PAGESIZE)
        self.descriptor = os.memfd_create("block", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, self.size_bytes)
        seals = _F_SEAL_SHRINK | _F_SEAL_GROW | _F_SEAL_SEAL
        fcntl.fcntl(self.descriptor, _F_ADD_SEALS, seals)
        self._map = mmap.mmap(self.descriptor, self.size_bytes)
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.words = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.descriptor)
        self.words.release()
        del self.bytes
        self._map.close()


def as_layouts(tensors: Sequence[Tensor]) -> list[Mapping[str, Any]]:
    """As they go over the wire."""
    return [tensor.as_message() for tensor in tensors]
