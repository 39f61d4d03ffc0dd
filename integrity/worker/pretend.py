"""A torch that answers as on a machine with a GPU, while every tensor stays in main memory.

The worker that compiles a submission wears it: nothing is computed there, so what such a call
returns means nothing. So do, at level cpu, those that run what needs no more of a GPU than its
name: there everything is computed, in order. Properties: NVIDIA's data sheet of the H100 SXM.
"""

import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from integrity.worker import pretended_graph

_CUDA = torch.device("cuda", 0)
_H100 = types.SimpleNamespace(
    name="NVIDIA H100 80GB HBM3", major=9, minor=0, multi_processor_count=132, warp_size=32,
    total_memory=80 * 2**30, shared_memory_per_block=49152, shared_memory_per_block_optin=232448,
    shared_memory_per_multiprocessor=233472, regs_per_multiprocessor=65536,
    max_threads_per_multi_processor=2048, L2_cache_size=50 * 2**20, is_integrated=0,
    is_multi_gpu_board=0, gcnArchName="",
)  # fmt: skip

_LOOKS_ONLY = {
    "size", "stride", "dim", "ndimension", "numel", "nelement", "element_size", "is_contiguous",
    "storage_offset", "is_floating_point", "is_complex", "is_tensor", "empty_like", "zeros_like",
    "ones_like", "full_like", "rand_like", "randn_like", "new_empty", "new_zeros", "new_ones",
    "new_full", "new_empty_strided", "untyped_storage", "get_device", "is_pinned", "__len__",
    "__get__", "__set__", "record_stream", "type", "requires_grad_", "__hash__",
}  # fmt: skip
"""Functions that learn nothing of a tensor's values."""


class Stub:
    """Stands for an object of the driver's: every method does nothing and gives a stub."""

    cuda_stream = 0
    device = _CUDA

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub()

    def __call__(self, *arguments: Any, **options: Any) -> "Stub":
        return Stub()

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *reason: Any) -> None: ...

    def query(self) -> bool:
        """All work is done: there was none."""
        return True

    def elapsed_time(self, other: Any) -> float:
        """Milliseconds between two events: never 0, which callers divide by."""
        return 1.0


class PretendDevice(TorchFunctionMode):
    """Sends what is meant for a GPU to main memory, and notes which inputs the host reads."""

    def __init__(self, inputs: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.ranges = [_range(tensor) for tensor in inputs]
        self.read: set[int] = set()
        self._deaf = False

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Answer for the device, or do it on the CPU."""
        options = dict(kwargs or {})
        if function in _ANSWERS:
            return _ANSWERS[function]
        if function in _GIVES_ITSELF:
            return args[0]
        if _comes_home(function, args, options):
            return function(*args, **options).clone()
        args = tuple(_on_cpu(value) if _is_cuda(value) else value for value in args)
        if _is_cuda(options.get("device")):
            options["device"] = "cpu"
        options.pop("pin_memory", None)
        result = function(*args, **options)
        if not self._deaf and getattr(function, "__name__", "") not in _LOOKS_ONLY:
            self._note(args, options, result)
        return result

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Note no reads meanwhile: Triton asks its arguments for their addresses."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False

    def inputs_in(self, value: Any) -> list[int]:
        """The harness's inputs that a launch argument, or anything inside it, lies in."""
        value = getattr(value, "base", None) if hasattr(value, "block_shape") else value
        return sorted({index for tensor in _tensors(value) for index in self.of(tensor)})

    def hand_over(self, values: Any) -> None:
        """Note that code which is out of sight gets these values and may read them."""
        self.read.update(self.inputs_in(values))

    def _note(self, args: Any, options: Any, result: Any) -> None:
        touched = {index for tensor in _tensors((args, options)) for index in self.of(tensor)}
        made = list(_tensors(result))
        if touched and not (made and all(self.of(tensor) for tensor in made)):
            self.read |= touched  # not a view, so the values went somewhere

    def of(self, tensor: torch.Tensor) -> list[int]:
        """The inputs whose memory this tensor lies in: one, or none."""
        try:
            with torch._C.DisableTorchFunction():
                start = tensor.data_ptr()
        except (RuntimeError, ValueError):  # a tensor without memory
            return []
        return [n for n, (low, high) in enumerate(self.ranges) if low <= start < high]


def _range(tensor: torch.Tensor) -> tuple[int, int]:
    return tensor.data_ptr(), tensor.data_ptr() + tensor.numel() * tensor.element_size()


def _tensors(value: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)) and depth:
        for item in value:
            yield from _tensors(item, depth - 1)
    elif isinstance(value, dict) and depth:
        yield from _tensors(tuple(value.values()), depth - 1)


def _is_cuda(value: Any) -> bool:
    return _type_of(value) == "cuda"


def _type_of(device: Any) -> str:
    if isinstance(device, torch.device):
        return device.type
    return device.split(":")[0] if isinstance(device, str) else ""


def _comes_home(function: Any, args: Any, options: dict[str, Any]) -> bool:
    """A copy on a real GPU: the host's writes to it must not reach the device."""
    if function is torch.Tensor.to:
        return "cpu" in map(_type_of, (*args[1:2], options.get("device")))
    return function is torch.Tensor.cpu


def _on_cpu(value: Any) -> Any:
    return "cpu" if isinstance(value, str) else torch.device("cpu")


# Descriptors' getters compare by value, so they can be looked up.
_ANSWERS: dict[Any, Any] = {
    torch.Tensor.is_cuda.__get__: True,  # type: ignore[attr-defined]
    torch.Tensor.is_cpu.__get__: False,  # type: ignore[attr-defined]
    torch.Tensor.device.__get__: _CUDA,
    torch.Tensor.get_device: 0,
}
_GIVES_ITSELF = {torch.Tensor.cuda, torch.Tensor.pin_memory}


@contextmanager
def pretending(inputs: Sequence[torch.Tensor]) -> Iterator[PretendDevice]:
    """Answer like a machine with one H100. Never undone: the process ends with its one use."""
    _patch_cuda()
    for name in ("CUDAGraph", "graph"):
        setattr(torch.cuda, name, Stub)
    with PretendDevice(inputs) as device:
        yield device


def scene() -> PretendDevice:
    """The same for calls that compute; to be entered for each of them.

    Streams run in order, which a GPU might have done too.
    """
    _patch_cuda()
    for place in (torch.cuda, torch.cuda.graphs):
        vars(place).update(CUDAGraph=pretended_graph.Graph, graph=pretended_graph.Capture)
        vars(place)["is_current_stream_capturing"] = pretended_graph.capturing
        vars(place)["graph_pool_handle"] = _always((0, 0))
    torch.Generator = _generator  # type: ignore[assignment,misc]
    torch.set_default_device = _always(None)
    return PretendDevice(())


_Generator = torch.Generator


def _generator(device: Any = "cpu") -> torch.Generator:
    return _Generator()


def _patch_cuda() -> None:
    answers = {
        "is_available": True, "device_count": 1, "current_device": 0, "is_initialized": False,
        "get_device_capability": (9, 0), "get_device_name": _H100.name, "_lazy_init": None,
        "get_device_properties": _H100, "mem_get_info": (79 * 2**30, 80 * 2**30),
        "memory_allocated": 0, "max_memory_allocated": 0, "memory_reserved": 0, "init": None,
        "synchronize": None, "empty_cache": None, "set_device": None, "manual_seed": None,
        "manual_seed_all": None, "is_current_stream_capturing": False, "set_stream": None,
        "is_bf16_supported": True, "reset_peak_memory_stats": None, "ipc_collect": None,
    }  # fmt: skip
    for name, answer in answers.items():
        setattr(torch.cuda, name, _always(answer))
    for name in ("Stream", "Event", "ExternalStream"):
        setattr(torch.cuda, name, type(name, (Stub,), {}))
    for name in ("stream", "device", "current_stream", "default_stream"):
        setattr(torch.cuda, name, Stub)
    # The original refuses a stub.
    torch.Tensor.record_stream = _always(None)  # type: ignore[method-assign]
    torch.compile = _as_it_is
    sys.modules["torch"].version.cuda = "13.0"


def _always(answer: Any) -> Any:
    return lambda *arguments, **options: answer


def _as_it_is(model: Any = None, **options: Any) -> Any:
    """`torch.compile`, as a call and as a decorator: its kernels are not the submission's."""
    return model if model is not None else _as_it_is
