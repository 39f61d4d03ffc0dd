#!POPCORN leaderboard rope
#!POPCORN gpus H100 B200
import torch
import triton
import triton.language as tl

from task import input_t, output_t


@triton.jit
def rope_kernel(
    x_ptr, cos_ptr, sin_ptr, y_ptr,
    T, H,
    HALF: tl.constexpr,
):
    pid = tl.program_id(0).to(tl.int64)
    pos = (pid // H) % T
    i = tl.arange(0, HALF)
    base = pid * 2 * HALF
    x1 = tl.load(x_ptr + base + i).to(tl.float32)
    x2 = tl.load(x_ptr + base + HALF + i).to(tl.float32)
    c = tl.load(cos_ptr + pos * HALF + i)
    s = tl.load(sin_ptr + pos * HALF + i)
    dt = y_ptr.dtype.element_ty
    tl.store(y_ptr + base + i, (x1 * c - x2 * s).to(dt))
    tl.store(y_ptr + base + HALF + i, (x2 * c + x1 * s).to(dt))


# cos/sin tables depend on (length, head size, theta) and not on the input values
_tables: dict = {}


def _cos_sin(T: int, half: int, theta: float, device):
    key = (T, half, theta, device)
    tab = _tables.get(key)
    if tab is None:
        inv = theta ** (-torch.arange(0, half, device=device, dtype=torch.float32) / half)
        ang = torch.outer(torch.arange(T, device=device, dtype=torch.float32), inv)
        tab = _tables[key] = (ang.cos().contiguous(), ang.sin().contiguous())
    return tab


def custom_kernel(data: input_t) -> output_t:
    x, theta = data
    b, t, h, d = x.shape
    assert d % 2 == 0 and (d // 2) & (d // 2 - 1) == 0
    cos, sin = _cos_sin(t, d // 2, float(theta), x.device)
    x = x.contiguous()
    y = torch.empty_like(x)
    rope_kernel[(b * t * h,)](x, cos, sin, y, t, h, HALF=d // 2, num_warps=1)
    return y
