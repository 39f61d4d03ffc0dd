#!POPCORN leaderboard vectoradd_v2
#!POPCORN gpus A100;H100
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.autotune(
    configs=[
        triton.Config({"BLOCK_SIZE": 1024}, num_warps=4),
        triton.Config({"BLOCK_SIZE": 2048}, num_warps=8),
        triton.Config({"BLOCK_SIZE": 4096}, num_warps=8),
        triton.Config({"BLOCK_SIZE": 8192}, num_warps=16),
    ],
    key=["n_elements"],
)
@triton.jit
def add_kernel(a_ptr, b_ptr, c_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0)
    offsets = pid.to(tl.int64) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    a = tl.load(a_ptr + offsets, mask=mask)
    b = tl.load(b_ptr + offsets, mask=mask)
    tl.store(c_ptr + offsets, a + b, mask=mask)


def _add_strided(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    # Not reached by the task (inputs are square and contiguous), kept for safety.
    tmp = torch.empty(a.shape, device=a.device, dtype=a.dtype)
    n = a.numel()
    grid = lambda meta: (triton.cdiv(n, meta["BLOCK_SIZE"]),)
    add_kernel[grid](a.contiguous(), b.contiguous(), tmp, n)
    out.copy_(tmp)
    return out


def custom_kernel(data: input_t) -> output_t:
    """
    out = a + b for square fp16 matrices.
    """
    a, b, out = data
    assert a.is_cuda and b.is_cuda and out.is_cuda
    assert a.shape == b.shape == out.shape
    if not (a.is_contiguous() and b.is_contiguous() and out.is_contiguous()):
        return _add_strided(a, b, out)
    n = out.numel()
    grid = lambda meta: (triton.cdiv(n, meta["BLOCK_SIZE"]),)
    add_kernel[grid](a, b, out, n)
    return out
