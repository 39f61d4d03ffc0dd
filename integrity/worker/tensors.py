"""Nested values as a spec (JSON) plus flat tensors, and tensors that live in shared memory."""

import ctypes
import mmap
from typing import Any

import torch

Spec = dict[str, Any]

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16,
        torch.float8_e4m3fn, torch.float8_e5m2,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip
WIDENED = (torch.float32, torch.float16, torch.bfloat16)
"""What float64 stands in for."""

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class NotATensor(TypeError):
    """A value that can't travel: neither tensor, number, text, list, tuple nor dict."""


def flatten(value: Any) -> tuple[Spec, list[torch.Tensor]]:
    """Take a nested value apart.

    Raises:
        NotATensor: it holds something that a harness could not compare.
    """
    tensors: list[torch.Tensor] = []
    return _spec(value, tensors), tensors


def _spec(value: Any, tensors: list[torch.Tensor]) -> Spec:
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_spec(item, tensors) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _spec(item, tensors) for key, item in value.items()}}
    raise NotATensor(f"a {type(value).__name__} where a tensor, number or container belongs")


def rebuild(spec: Spec, tensors: list[torch.Tensor]) -> Any:
    """Put a nested value together again."""
    if "tensor" in spec:
        return tensors[spec["tensor"]]
    if "list" in spec:
        return [rebuild(item, tensors) for item in spec["list"]]
    if "tuple" in spec:
        return tuple(rebuild(item, tensors) for item in spec["tuple"])
    if "dict" in spec:
        return {key: rebuild(item, tensors) for key, item in spec["dict"].items()}
    return spec["value"]


def outputs_of(returned: Any) -> list[torch.Tensor]:
    """The tensors of an output; bare numbers count as tensors of no dimensions."""
    if isinstance(returned, (bool, int, float)):
        return [torch.tensor(returned, dtype=torch.float64)]
    return flatten(returned)[1]


def widen(tensor: torch.Tensor) -> torch.Tensor:
    """In float64, where it is floating-point."""
    return tensor.double() if tensor.dtype in WIDENED else tensor


def describe(tensor: torch.Tensor) -> dict[str, Any]:
    """Shape and dtype, as they travel.

    Raises:
        NotATensor: a dtype that no harness here uses.
    """
    if tensor.dtype not in _NAMES:
        raise NotATensor(f"a tensor of {tensor.dtype}")
    return {"shape": list(tensor.shape), "dtype": _NAMES[tensor.dtype]}


Form = tuple[torch.Size, torch.dtype]
"""What a tensor has to look like."""


def form_of(layout: dict[str, Any]) -> Form:
    """Of a tensor described as `{shape, dtype, ...}`."""
    return torch.Size(layout["shape"]), DTYPES[layout["dtype"]]


class Block:
    """Shared memory of the supervisor's, seen as tensors."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        # Mapped page by page when first touched, new pages would be slower than known ones.
        self.bytes = mmap.mmap(descriptor, size_bytes, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))

    def tensor(self, layout: dict[str, Any]) -> torch.Tensor:
        """The tensor at that offset, `{shape, dtype, offset}`; equal layouts, equal pointers."""
        shape, dtype = form_of(layout)
        if shape.numel() == 0:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(
            self.bytes, dtype=dtype, count=shape.numel(), offset=layout["offset"]
        )
        return flat.view(shape)


def plain(value: Any) -> Any:
    """Constructor arguments, which have to be plain data to reach another process."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NotATensor(f"init inputs hold a {type(value).__name__}")
