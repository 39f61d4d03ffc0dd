import torch
import torch.nn as nn
import triton
import triton.language as tl

BLOCK = 4096


@triton.jit
def partial_sumsq(x_ptr, part_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    offs = pid.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x_ptr + offs, mask=offs < n, other=0.0).to(tl.float32)
    tl.store(part_ptr + pid, tl.sum(v * v, axis=0))


@triton.jit
def finish_norm(part_ptr, norm_ptr, n_parts, BLOCK: tl.constexpr):
    offs = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, n_parts, BLOCK):
        idx = start + offs
        acc += tl.load(part_ptr + idx, mask=idx < n_parts, other=0.0)
    tl.store(norm_ptr, tl.sqrt(tl.sum(acc, axis=0)))


@triton.jit
def divide_by_norm(x_ptr, norm_ptr, y_ptr, n, BLOCK: tl.constexpr):
    offs = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n
    norm = tl.load(norm_ptr)
    v = tl.load(x_ptr + offs, mask=mask, other=0.0)
    tl.store(y_ptr + offs, v / norm, mask=mask)


class ModelNew(nn.Module):
    """x / ||x||_F.  The scratch for the partial sums is kept between calls;
    every element that is read has been written by the same call."""

    def __init__(self):
        super().__init__()
        self._scratch = {}

    def _workspace(self, n_parts, device):
        key = (device, n_parts)
        ws = self._scratch.get(key)
        if ws is None:
            ws = (
                torch.empty(n_parts, device=device, dtype=torch.float32),
                torch.empty(1, device=device, dtype=torch.float32),
            )
            self._scratch[key] = ws
        return ws

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.is_cuda and x.dtype == torch.float32
        x = x.contiguous()
        n = x.numel()
        n_parts = triton.cdiv(n, BLOCK)
        parts, norm = self._workspace(n_parts, x.device)
        y = torch.empty_like(x)
        partial_sumsq[(n_parts,)](x, parts, n, BLOCK=BLOCK, num_warps=8)
        finish_norm[(1,)](parts, norm, n_parts, BLOCK=1024, num_warps=8)
        divide_by_norm[(n_parts,)](x, norm, y, n, BLOCK=BLOCK, num_warps=8)
        return y
