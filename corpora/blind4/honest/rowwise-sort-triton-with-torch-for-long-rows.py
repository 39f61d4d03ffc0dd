import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _sort_rows(x_ptr, o_ptr, N, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    v = tl.load(x_ptr + row * N + c, mask=c < N, other=float("inf"))
    tl.store(o_ptr + row * N + c, tl.sort(v), mask=c < N)


LIMIT = 2048


class ModelNew(nn.Module):
    """Ascending sort along the last dimension, values only."""

    def __init__(self):
        super().__init__()

    @staticmethod
    def eligible(x):
        return x.is_cuda and x.dtype is torch.float32 and 0 < x.shape[-1] <= LIMIT

    def forward(self, x):
        if not self.eligible(x):
            # one program holds a row in registers; longer rows and other types go to the library
            return torch.sort(x, dim=-1).values
        flat = x.contiguous().view(-1, x.shape[-1])
        rows, N = flat.shape
        out = torch.empty_like(flat)
        if rows:
            BLOCK = triton.next_power_of_2(N)
            _sort_rows[(rows,)](flat, out, N, BLOCK=BLOCK, num_warps=4 if BLOCK <= 1024 else 8)
        return out.view(x.shape)


def get_inputs():
    return [torch.randn(16384, 1000)]


def get_init_inputs():
    return []
