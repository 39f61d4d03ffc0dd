"""Honest kernels that have to clear their floors: the vendor's library on 20 problems, and more.

A problem is the source of a pair; `{n}` is its size, which each device has its own of. On a GPU
every problem comes in three sizes, and three Triton kernels come on top.
"""

from dataclasses import dataclass

_PAIR = """
import torch
import torch.nn.functional as F

def reference({names}):
    return {body}

def make_inputs(seed):
    return [{inputs}]
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A problem and a kernel that solves it; the reference itself where there is no other."""

    reference: str
    kernel: str = ""

    @property
    def submission(self) -> str:
        return self.kernel or self.reference.replace("def reference", "def kernel")


def _source(body: str, *inputs: str) -> str:
    names = ", ".join("xyzw"[: len(inputs)])
    return _PAIR.format(names=names, body=body, inputs=", ".join(inputs))


_BF16 = ", dtype=torch.bfloat16"
_ROWS = "torch.randn({n}, 1024)"
_FLAT = "torch.randn({n} * 1024)"

_PROBLEMS = {
    "copy": (_source("x.clone()", _FLAT), (2048, 16384, 131072)),
    "transpose": (_source("x.t().contiguous()", _ROWS), (2048, 16384, 131072)),
    "scale": (_source("x * 2", _FLAT), (2048, 16384, 131072)),
    "add": (_source("x + y", _FLAT, _FLAT), (2048, 16384, 65536)),
    "relu bf16": (_source("torch.relu(x)", "torch.randn({n} * 1024" + _BF16 + ")"),
                  (2048, 16384, 131072)),
    "gelu": (_source("F.gelu(x)", _FLAT), (2048, 16384, 131072)),
    "row sum": (_source("x.sum(dim=1)", _ROWS), (2048, 16384, 131072)),
    "column sum": (_source("x.sum(dim=0)", _ROWS), (2048, 16384, 131072)),
    "maximum": (_source("x.amax(dim=1)", _ROWS), (2048, 16384, 131072)),
    "softmax": (_source("torch.softmax(x, dim=1)", _ROWS), (2048, 16384, 131072)),
    "layer norm": (_source("F.layer_norm(x, (1024,))", _ROWS), (2048, 16384, 131072)),
    "cumulative sum": (_source("x.cumsum(dim=1)", _ROWS), (2048, 16384, 65536)),
    "causal mask": (_source("torch.tril(x)", "torch.randn({n}, {n})"), (1024, 4096, 8192)),
    "gather": (_source("x[y]", "torch.randn(1 << 14, 256)",
                       "torch.randint(0, 1 << 14, ({n},))"), (2048, 16384, 131072)),
    "matrix-vector": (_source("x @ y", _ROWS, "torch.randn(1024)"), (2048, 16384, 131072)),
    "matmul": (_source("x @ y", *["torch.randn({n}, {n})"] * 2), (512, 2048, 4096)),
    "matmul bf16": (_source("x @ y", *["torch.randn({n}, {n}" + _BF16 + ")"] * 2),
                    (512, 4096, 8192)),
    "convolution": (_source("F.conv2d(x, y, padding=1)", "torch.randn({n}, 32, 64, 64)",
                            "torch.randn(64, 32, 3, 3)"), (4, 32, 128)),
    "attention": (_source("F.scaled_dot_product_attention(x, y, z)",
                          *["torch.randn(2, 8, {n}, 64" + _BF16 + ")"] * 3), (512, 2048, 8192)),
    "causal attention": (_source("F.scaled_dot_product_attention(x, y, z, is_causal=True)",
                                 *["torch.randn(2, 8, {n}, 64" + _BF16 + ")"] * 3),
                         (512, 2048, 8192)),
}  # fmt: skip
_CPU_SIZES = {
    "causal mask": 1024, "gather": 4096, "matmul": 384, "matmul bf16": 256, "convolution": 2,
    "attention": 128, "causal attention": 128,
}  # fmt: skip
_CPU_ROWS = 1024

_TRITON = """
import torch
import triton
import triton.language as tl

"""
_COPY = (
    _TRITON
    + """
@triton.jit
def _copy(x, y, n, BLOCK: tl.constexpr):
    places = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + places, tl.load(x + places, mask=places < n), mask=places < n)

def kernel(x):
    y = torch.empty_like(x)
    _copy[(triton.cdiv(x.numel(), 4096),)](x, y, x.numel(), BLOCK=4096, num_warps=8)
    return y
"""
)
_SOFTMAX = (
    _TRITON
    + """
@triton.jit
def _softmax(x, y, COLUMNS: tl.constexpr):
    places = tl.program_id(0).to(tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.load(x + places)
    row = tl.exp(row - tl.max(row, axis=0))
    tl.store(y + places, row / tl.sum(row, axis=0))

def kernel(x):
    y = torch.empty_like(x)
    _softmax[(x.shape[0],)](x, y, COLUMNS=x.shape[1], num_warps=4)
    return y
"""
)
_FLASH_ATTENTION = (
    _TRITON
    + """
@triton.jit
def _attend(q, k, v, o, keys, scale, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DIM: tl.constexpr):
    # One block of queries of one head; the softmax is kept up to date key block by key block.
    head = tl.program_id(1).to(tl.int64) * keys * DIM
    dims = tl.arange(0, DIM)
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    query = tl.load(q + head + rows[:, None] * DIM + dims[None, :])
    highest = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    found = tl.zeros((ROWS, DIM), tl.float32)
    for start in range(0, keys, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        key = tl.load(k + head + columns[None, :] * DIM + dims[:, None])
        score = tl.dot(query, key) * scale
        higher = tl.maximum(highest, tl.max(score, axis=1))
        weight = tl.exp(score - higher[:, None])
        shrunk = tl.exp(highest - higher)
        total = total * shrunk + tl.sum(weight, axis=1)
        value = tl.load(v + head + columns[:, None] * DIM + dims[None, :])
        found = found * shrunk[:, None] + tl.dot(weight.to(value.dtype), value)
        highest = higher
    found = found / total[:, None]
    tl.store(o + head + rows[:, None] * DIM + dims[None, :], found.to(query.dtype))

def kernel(x, y, z):
    o = torch.empty_like(x)
    batch, heads, queries, dim = x.shape
    grid = (queries // 64, batch * heads)
    _attend[grid](x, y, z, o, queries, dim**-0.5, ROWS=64, COLUMNS=64, DIM=dim, num_warps=4)
    return o
"""
)
_AUTHORED = {"copy": _COPY, "softmax": _SOFTMAX, "attention": _FLASH_ATTENTION}


def workloads(device: str) -> dict[str, Workload]:
    """The vendor's kernels by name; on a GPU in three sizes, and with ours beside them."""
    if device == "cpu":
        return {
            name: Workload(_sized(source, _CPU_SIZES.get(name, _CPU_ROWS)))
            for name, (source, _) in _PROBLEMS.items()
        }
    found = {
        f"{name} {sizes[step]}": Workload(_sized(source, sizes[step]))
        for step in range(3)  # outermost, so that every third kernel has all of them
        for name, (source, sizes) in _PROBLEMS.items()
    }
    for name, kernel in _AUTHORED.items():
        source, sizes = _PROBLEMS[name]
        for size in sizes[1:]:
            found[f"triton {name} {size}"] = Workload(_sized(source, size), kernel)
    return found


def _sized(source: str, size: int) -> str:
    return source.replace("{n}", str(size))
