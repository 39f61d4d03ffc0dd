#!POPCORN leaderboard row-sumsq
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def _sumsq(x, out, d, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    total = 0.0
    for k in range(0, d, BLOCK):
        c = k + tl.arange(0, BLOCK)
        v = tl.maximum(tl.load(x + r * d + c, mask=c < d, other=0.0), 0.0)
        total += tl.sum(v * v, axis=0)
    tl.store(out + r, total)


def make_launcher(limit: int = 2048):
    """A launch function that remembers the block it chose for the last width."""
    width = -1
    block = 0

    def choose(columns: int) -> None:
        nonlocal width, block
        width = columns
        block = min(limit, triton.next_power_of_2(columns))
        launch.chosen = {**launch.chosen, columns: block}

    def launch(data: torch.Tensor) -> torch.Tensor:
        rows, columns = data.shape
        if columns != width:
            choose(columns)
        out = data.new_empty(rows)
        _sumsq[(rows,)](data, out, columns, BLOCK=block, num_warps=4)
        return out

    launch.chosen = {}
    return launch


launch = make_launcher()


def custom_kernel(data: input_t) -> output_t:
    return launch(data.contiguous())
