"""Which calls are computations of a library: torch, numpy, cupy, or the reference itself."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source

LIBRARY = ("torch.", "numpy.", "cupy.", "reference.", "?Model")
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


def is_computation(name: str) -> bool:
    """Whether a dotted name is a computation of a library."""
    if not name.startswith((*LIBRARY, "builtins.super().forward")) or name.startswith(SETUP):
        return False
    return not ("()." in name and name.rsplit(".", 1)[-1] in ABOUT)


def library_call(source: Source, node: ast.Call) -> str:
    """The library's name of a computation, or an empty string for anything else."""
    names = source.names(node.func)
    for name in sorted(names):
        if is_computation(name):
            return name.removeprefix("builtins.")
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    tensor = not names or any(name.startswith(("torch.", "numpy.", "cupy.")) for name in names)
    return f"Tensor.{method}" if tensor and method in TENSOR_METHODS else ""
