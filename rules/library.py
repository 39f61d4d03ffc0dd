"""Which calls are computations of a library: torch, numpy, cupy, or the reference itself."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source

LIBRARY = (
    "torch.", "numpy.", "cupy.", "reference.", "?Model", "nvmath.", "cupy_backends.", "scipy.",
    "flash_attn.", "flashinfer.", "xformers.", "apex.", "transformer_engine.", "liger_kernel.",
    "deep_gemm.", "causal_conv1d.", "mamba_ssm.", "fla.ops.", "vllm.", "sgl_kernel.",
    "bitsandbytes.",
)  # fmt: skip
"""Modules that compute: arrays, and kernels that others wrote."""

SETUP = (
    "torch.empty",
    "torch.zeros",
    "torch.ones",
    "torch.full",
    "torch.cuda.",
    "torch.device",
    "torch.backends.",
    "torch.set_",
    "torch.manual_seed",
    "torch.no_grad",
    "torch.utils.",
    "torch.inference_mode",
    "torch.jit.ignore",
    "torch.Generator",
    "torch.nn.Parameter",
    "torch.get_",
    "torch.randn",
    "torch.rand",
    "torch.nn.Module",
    "torch.tensor",
    "torch.as_tensor",
    "torch.arange",
    "torch.autocast",
    "torch.amp.",
    "torch.finfo",
    "torch.iinfo",
    "torch.Size",
    "torch.dtype",
    "torch.promote_types",
    "torch.result_type",
    "torch.can_cast",
    "torch.broadcast_",
    "torch.view_as_",
    "torch.numel",
    "fla.ops.utils.",
)
TENSOR_METHODS = {
    "matmul",
    "mm",
    "bmm",
    "addmm",
    "softmax",
    "relu",
    "exp",
    "sum",
    "mean",
    "pow",
    "rsqrt",
    "sqrt",
    "tanh",
    "sigmoid",
    "amax",
    "cumsum",
    "bincount",
    "square",
    "relu_",
    "mul",
    "add",
    "div",
    "clamp",
    "log_softmax",
    "einsum",
    "norm",
    "sort",
    "sub",
    "var",
    "std",
    "log",
    "abs",
    "max",
    "min",
    "dot",
    "prod",
    "sin",
    "cos",
    "masked_fill",
    "tril",
    "triu",
    "histc",
    "scatter_add_",
}


VENDORS = (
    "cublas", "cudnn", "cusparse", "cusolver", "cufft", "hipblas", "miopen", "rocblas",
    "cblas_", "lapacke_", "mkl_", "dnnl_",
)  # fmt: skip
"""How functions of libraries that do the work are called, in lower case."""

PREPARES = ("Create", "Destroy", "Set", "Get", "Init", "Logger")
"""What in their names says that they compute nothing."""

VENDOR_FILES = (
    *(f"lib{name}" for name in VENDORS[:8]),
    "libcudart", "libcblas", "libopenblas", "libblas", "liblapack", "libmkl", "libdnnl", "libc.",
    "libm.", "libnccl",
)  # fmt: skip
LOADERS = {f"ctypes.{name}" for name in ("CDLL", "PyDLL", "cdll.LoadLibrary", "pydll.LoadLibrary")}


ABOUT = {
    "data_ptr",
    "numel",
    "size",
    "dim",
    "shape",
    "stride",
    "contiguous",
    "to",
    "view",
    "reshape",
    "element_size",
    "detach",
    "cuda",
    "eval",
    "item",
    "clone",
}
"""Methods that move or describe a tensor and compute nothing."""


def is_vendors(name: str) -> bool:
    """Whether a dotted name is a function of such a library, reached through ctypes."""
    return name.startswith("ctypes.") and name.rpartition(".")[2].lower().startswith(VENDORS)


def loads_own(source: Source) -> bool:
    """Whether ctypes may load anything but libraries that the machine has anyway."""
    loads = (call.node for call in source.calls if call.names & LOADERS)
    return any(not _is_vendor_file(source, node) for node in loads)


def _is_vendor_file(source: Source, node: ast.Call) -> bool:
    named, asked = frozenset[str](), node.args[0] if node.args else None
    if isinstance(asked, ast.Call) and "ctypes.util.find_library" in source.names(asked.func):
        named = frozenset(f"lib{name}" for given in asked.args for name in source.strings(given))
    elif asked is not None:
        named = source.strings(asked)
    return bool(named) and all(n.rpartition("/")[2].startswith(VENDOR_FILES) for n in named)


def is_computation(name: str) -> bool:
    """Whether a dotted name is a computation of a library."""
    if is_vendors(name):
        return not any(word in name.rpartition(".")[2] for word in PREPARES)
    if not name.startswith((*LIBRARY, "builtins.super().forward")) or name.startswith(SETUP):
        return False
    last = name.rpartition(".")[2]
    return not (last.startswith("is_") or ("()." in name and last in ABOUT))


def library_call(source: Source, node: ast.Call) -> str:
    """The library's name of a computation, or an empty string for anything else."""
    names = source.names(node.func)
    for name in sorted(names):
        if is_computation(name):
            return name.removeprefix("builtins.")
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    tensor = not names or any(name.startswith(("torch.", "numpy.", "cupy.")) for name in names)
    return f"Tensor.{method}" if tensor and method in TENSOR_METHODS else ""
