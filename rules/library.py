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


def library_call(source: Source, node: ast.Call) -> str:
    """The library's name of a computation, or an empty string for anything else."""
    for name in sorted(source.names(node.func)):
        library = name.startswith((*LIBRARY, "builtins.super().forward"))
        if library and not name.startswith(SETUP):
            return name.removeprefix("builtins.")
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return f"Tensor.{method}" if method in TENSOR_METHODS else ""
