"""Writes the texts beside it: `python tests/ir/generate.py`, where Triton is (here 3.9.0)."""

from pathlib import Path

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from integrity.worker.launches import Device


@triton.jit
def narrowed(x):
    return x.to(tl.float16)


@triton.jit
def hidden_half(a_ptr, b_ptr, c_ptr, K, BLOCK: tl.constexpr):
    rows = tl.arange(0, BLOCK)
    a = a_ptr + rows[:, None] * K + rows[None, :]
    b = b_ptr + rows[:, None] * BLOCK + rows[None, :]
    acc = tl.zeros((BLOCK, BLOCK), tl.float32)
    for _ in range(0, K, BLOCK):
        acc += tl.dot(narrowed(tl.load(a)), narrowed(tl.load(b)))
        a += BLOCK
        b += BLOCK * BLOCK
    tl.store(c_ptr + rows[:, None] * BLOCK + rows[None, :], acc)


@triton.jit
def split_bf16(a_ptr, b_ptr, c_ptr, BLOCK: tl.constexpr):
    rows = tl.arange(0, BLOCK)
    at = rows[:, None] * BLOCK + rows[None, :]
    a, b = tl.load(a_ptr + at), tl.load(b_ptr + at)
    high = a.to(tl.bfloat16)
    low = (a - high.to(tl.float32)).to(tl.bfloat16)
    c = tl.dot(high, b.to(tl.bfloat16)) + tl.dot(low, b.to(tl.bfloat16))
    tl.store(c_ptr + at, c)


@triton.jit
def ignores_b(a_ptr, b_ptr, o_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    tl.load(b_ptr + at, mask=inside)
    tl.store(o_ptr + at, 2 * tl.load(a_ptr + at, mask=inside), mask=inside)


@triton.jit
def stores_never(a_ptr, o_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = (at < n) & False
    tl.store(o_ptr + at, tl.load(a_ptr + at, mask=inside), mask=inside)


@triton.jit
def chooses(a_ptr, b_ptr, o_ptr, flag, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    i = 0
    while i < n:
        if flag > 0:  # noqa: SIM108
            p = a_ptr + i
        else:
            p = b_ptr + i
        total += tl.load(p + at)
        i += BLOCK
    tl.atomic_add(o_ptr + at, total)


@triton.jit
def by_descriptor(a_ptr, o_ptr, M, N, BLOCK: tl.constexpr):
    a = tl.make_tensor_descriptor(a_ptr, shape=[M, N], strides=[N, 1], block_shape=[BLOCK, BLOCK])
    o = tl.make_tensor_descriptor(o_ptr, shape=[M, N], strides=[N, 1], block_shape=[BLOCK, BLOCK])
    o.store([0, 0], a.load([0, 0]))


@triton.jit
def halves(a_ptr, o_ptr, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x = tl.load(a_ptr + at).to(tl.float16)
    tl.store(o_ptr + at, (x * x + x).to(tl.float32))


@triton.jit
def in_assembly(a_ptr, o_ptr, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x = tl.load(a_ptr + at)
    rounds: tl.constexpr = "cvt.rna.tf32.f32 $0, $1;"
    y = tl.inline_asm_elementwise(rounds, "=r,r", [x], dtype=tl.float32, is_pure=True, pack=1)
    tl.store(o_ptr + at, y)


X = torch.zeros(64, 64)
LAUNCHES = {
    hidden_half: (X, X, X, 64, 16),
    split_bf16: (X, X, X, 16),
    ignores_b: (X, X, X, 4096, 128),
    stores_never: (X, X, 4096, 128),
    chooses: (X, X, X, 3, 64, 128),
    by_descriptor: (X, X, 64, 64, 16),
    halves: (X, X, 128),
    in_assembly: (X, X, 128),
}


def compiled(function, target):
    """The texts of one kernel, by the name of their stage."""
    driver.set_active(Device([target]))
    function.device_caches.clear()
    return function.run(*LAUNCHES[function], grid=(1,), warmup=True, num_warps=1).asm


if __name__ == "__main__":
    folder = Path(__file__).parent
    for function in LAUNCHES:
        texts = compiled(function, GPUTarget("cuda", 90, 32))
        (folder / f"{function.__name__}.ttir").write_text(texts["ttir"])
    texts = compiled(hidden_half, GPUTarget("cuda", 90, 32))
    (folder / "hidden_half.sm_90.ptx").write_text(texts["ptx"].partition("\t.section")[0])
    texts = compiled(hidden_half, GPUTarget("hip", "gfx942", 64))
    (folder / "hidden_half.gfx942.amdgcn").write_text(texts["amdgcn"].partition("\t.section")[0])
