#!POPCORN leaderboard conv2d_v2
from task import input_t, output_t

import torch
import triton
import triton.language as tl

# Valid 2D convolution (stride 1, no padding) as an implicit GEMM:
#   rows    = output pixels (batch, oh, ow)
#   columns = output channels
#   K       = (cin, r, s), walked in the order in which the weights are stored
# fp32 throughout: no TF32.

_SPACE = [
    triton.Config({"BM": 128, "BN": 64, "BK": 16}, num_warps=8, num_stages=3),
    triton.Config({"BM": 64, "BN": 64, "BK": 32}, num_warps=4, num_stages=3),
    triton.Config({"BM": 128, "BN": 32, "BK": 16}, num_warps=4, num_stages=3),
    triton.Config({"BM": 64, "BN": 32, "BK": 32}, num_warps=4, num_stages=4),
]


@triton.autotune(configs=_SPACE, key=["B", "C", "H", "W", "CO", "KH", "KW"])
@triton.jit
def _conv_kernel(
    x_ptr, w_ptr, y_ptr,
    B, C, H, W, CO, OH, OW,
    KH: tl.constexpr, KW: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    ow = rm % OW
    oh = (rm // OW) % OH
    b = rm // (OW * OH)
    mm = b < B
    mn = rn < CO

    K = C * KH * KW
    x_row = b.to(tl.int64) * (C * H * W) + oh * W + ow
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        rk = k0 + tl.arange(0, BK)
        mk = rk < K
        s = rk % KW
        r = (rk // KW) % KH
        c = rk // (KW * KH)
        x_off = x_row[:, None] + (c * (H * W) + r * W + s)[None, :]
        x = tl.load(x_ptr + x_off, mask=mm[:, None] & mk[None, :], other=0.0)
        w = tl.load(w_ptr + rn[None, :] * K + rk[:, None], mask=mn[None, :] & mk[:, None], other=0.0)
        acc = tl.dot(x, w, acc, input_precision="ieee")

    y_off = b.to(tl.int64)[:, None] * (CO * OH * OW) + rn[None, :] * (OH * OW) + (oh * OW + ow)[:, None]
    tl.store(y_ptr + y_off, acc, mask=mm[:, None] & mn[None, :])


@triton.jit
def _conv_few_channels(
    x_ptr, w_ptr, y_ptr, total, C, H, W, CO, OH, OW,
    KH: tl.constexpr, KW: tl.constexpr, BLOCK: tl.constexpr,
):
    """Direct form for CO < 16, where a GEMM tile would be mostly padding."""
    o = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = o < total
    ow = o % OW
    oh = (o // OW) % OH
    co = (o // (OW * OH)) % CO
    b = o // (CO * OH * OW)
    acc = tl.zeros((BLOCK,), tl.float32)
    for c in range(0, C):
        for r in range(0, KH):
            for s in range(0, KW):
                x = tl.load(x_ptr + ((b * C + c) * H + oh + r) * W + ow + s, mask=m, other=0.0)
                w = tl.load(w_ptr + ((co * C + c) * KH + r) * KW + s, mask=m, other=0.0)
                acc += x * w
    tl.store(y_ptr + o, acc, mask=m)


def custom_kernel(data: input_t) -> output_t:
    x, weight, output = data
    x = x.contiguous()
    weight = weight.contiguous()
    B, C, H, W = x.shape
    CO, _, KH, KW = weight.shape
    OH, OW = H - KH + 1, W - KW + 1
    assert output.shape == (B, CO, OH, OW) and output.is_contiguous()
    if output.numel() == 0:
        return output

    if CO < 16:
        total = output.numel()
        _conv_few_channels[(triton.cdiv(total, 256),)](
            x, weight, output, total, C, H, W, CO, OH, OW, KH=KH, KW=KW, BLOCK=256
        )
    else:
        grid = lambda meta: (triton.cdiv(B * OH * OW, meta["BM"]), triton.cdiv(CO, meta["BN"]))
        _conv_kernel[grid](x, weight, output, B, C, H, W, CO, OH, OW, KH=KH, KW=KW)
    return output
