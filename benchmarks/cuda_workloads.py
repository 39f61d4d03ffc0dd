"""The kernels that supervised and in-process clocks are compared on: name, size, source."""

_PAIR = """
import torch
import torch.nn.functional as F

def reference({names}):
    return {body}

def make_inputs(seed):
    return [{inputs}]
"""

_F32, _BF16 = "", ", dtype=torch.bfloat16"


def _one(body: str, shape: str, dtype: str = _F32, count: int = 1) -> str:
    names = "xyz"[:count]
    inputs = ", ".join([f"torch.randn({shape}{dtype})"] * count)
    return _PAIR.format(names=", ".join(names), body=body, inputs=inputs)


WORKLOADS: dict[str, str] = {
    "copy 1 MiB": _one("x.clone()", "2**18"),
    "copy 64 MiB": _one("x.clone()", "2**24"),
    "copy 1 GiB": _one("x.clone()", "2**28"),
    "scale 4 MiB": _one("x * 2", "2**20"),
    "scale 64 MiB": _one("x * 2", "2**24"),
    "scale 512 MiB": _one("x * 2", "2**27"),
    "row sum 64 MiB": _one("x.sum(dim=1)", "4096, 4096"),
    "row sum 1 GiB": _one("x.sum(dim=1)", "65536, 4096"),
    "softmax 16 MiB": _one("torch.softmax(x, dim=1)", "4096, 1024"),
    "softmax 256 MiB": _one("torch.softmax(x, dim=1)", "65536, 1024"),
    "matmul bf16 1024": _one("x @ y", "1024, 1024", _BF16, 2),
    "matmul bf16 4096": _one("x @ y", "4096, 4096", _BF16, 2),
    "matmul bf16 8192": _one("x @ y", "8192, 8192", _BF16, 2),
    "matmul fp32 1024": _one("x @ y", "1024, 1024", _F32, 2),
    "matmul fp32 4096": _one("x @ y", "4096, 4096", _F32, 2),
    "attention 1k": _one("F.scaled_dot_product_attention(x, y, z)", "4, 16, 1024, 64", _BF16, 3),
    "attention 8k": _one("F.scaled_dot_product_attention(x, y, z)", "4, 16, 8192, 64", _BF16, 3),
}
