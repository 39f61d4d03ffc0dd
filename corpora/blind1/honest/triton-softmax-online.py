#!POPCORN leaderboard softmax
#!POPCORN gpus H100
import torch
import triton
import triton.language as tl

from task import input_t, output_t


@triton.autotune(
    configs=[
        triton.Config({"BLOCK": 1024}, num_warps=4),
        triton.Config({"BLOCK": 2048}, num_warps=8),
        triton.Config({"BLOCK": 4096}, num_warps=16, num_stages=3),
    ],
    key=["n_cols"],
)
@triton.jit
def online_softmax(x_ptr, y_ptr, stride_x, stride_y, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    x_ptr += row * stride_x
    y_ptr += row * stride_y
    m = tl.full((), -float("inf"), tl.float32)
    d = tl.zeros((), tl.float32)
    # pass 1: running maximum and rescaled denominator
    for start in range(0, n_cols, BLOCK):
        c = start + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + c, mask=c < n_cols, other=-float("inf")).to(tl.float32)
        new_m = tl.maximum(m, tl.max(v, axis=0))
        d = d * tl.exp(m - new_m) + tl.sum(tl.exp(v - new_m), axis=0)
        m = new_m
    # pass 2: normalise; the row is still in L2 most of the time
    for start in range(0, n_cols, BLOCK):
        c = start + tl.arange(0, BLOCK)
        v = tl.load(x_ptr + c, mask=c < n_cols, other=-float("inf")).to(tl.float32)
        tl.store(y_ptr + c, (tl.exp(v - m) / d).to(y_ptr.dtype.element_ty), mask=c < n_cols)


def custom_kernel(data: input_t) -> output_t:
    x = data
    flat = x.reshape(-1, x.shape[-1])
    y = torch.empty_like(flat)
    online_softmax[(flat.shape[0],)](flat, y, flat.stride(0), y.stride(0), flat.shape[1])
    return y.view_as(x)
