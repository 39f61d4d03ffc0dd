import argparse
import sys
import time

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def rowmax(x, y, R, C, B: tl.constexpr):
    b = tl.program_id(0)
    c = tl.program_id(1) * B + tl.arange(0, B)
    m = c < C
    v = tl.full((B,), float("-inf"), tl.float32)
    for r in range(R):
        v = tl.maximum(v, tl.load(x + (b * R + r) * C + c, mask=m, other=float("-inf")))
    tl.store(y + b * C + c, v, mask=m)


class ModelNew(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        if self.dim != 1:
            x = x.movedim(self.dim, 1)
        x = x.contiguous()
        B, R, C = x.shape
        y = torch.empty((B, C), device=x.device, dtype=x.dtype)
        rowmax[(B, triton.cdiv(C, 256))](x, y, R, C, B=256)
        return y


def main(argv):
    ap = argparse.ArgumentParser()
    ap.add_argument("--reps", type=int, default=50)
    ap.add_argument("--dim", type=int, default=1)
    a = ap.parse_args(argv)
    x = torch.randn(16, 256, 256, device="cuda")
    m = ModelNew(a.dim)
    torch.testing.assert_close(m(x), x.max(a.dim)[0])
    torch.cuda.synchronize()
    t0 = time.perf_counter()
    for _ in range(a.reps):
        m(x)
    torch.cuda.synchronize()
    print(f"{(time.perf_counter() - t0) / a.reps * 1e6:.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
