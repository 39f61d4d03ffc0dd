"""
Linear -> multiply by a scalar -> LeakyReLU (KernelBench level 2, problem 12), fp32.

The weight is kept a second time, tiled as (N/BN, K/BK, BK, BN) blocks, so that every
block the kernel loads is one contiguous run.  The tiled copy is derived data: it is
rebuilt whenever the parameter is another tensor, lives elsewhere, or was written to
since (load_state_dict, optimizer.step and ``with no_grad(): w.copy_`` all bump
``_version``).  ``invalidate()`` is for code that writes through raw pointers.
"""
import torch
import torch.nn as nn
import triton
import triton.language as tl

BN = 64
BK = 32


@triton.jit
def _pack_kernel(w_ptr, p_ptr, N, K, KB, BN: tl.constexpr, BK: tl.constexpr):
    pn = tl.program_id(0)
    pk = tl.program_id(1)
    rn = pn * BN + tl.arange(0, BN)
    rk = pk * BK + tl.arange(0, BK)
    w = tl.load(w_ptr + rn[None, :].to(tl.int64) * K + rk[:, None],
                mask=(rn < N)[None, :] & (rk < K)[:, None], other=0.0)
    base = p_ptr + (pn.to(tl.int64) * KB + pk) * (BN * BK)
    tl.store(base + tl.arange(0, BK)[:, None] * BN + tl.arange(0, BN)[None, :], w)


@triton.autotune(
    configs=[
        triton.Config({"BM": 32}, num_warps=4, num_stages=4),
        triton.Config({"BM": 64}, num_warps=4, num_stages=3),
        triton.Config({"BM": 128}, num_warps=8, num_stages=3),
    ],
    key=["M", "N", "K"],
)
@triton.jit
def _gemm_mul_leaky(
    x_ptr, p_ptr, b_ptr, y_ptr, M, N, K, KB, multiplier, slope,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    pm = tl.program_id(1)
    pn = tl.program_id(0)
    rm = pm * BM + tl.arange(0, BM)
    rn = pn * BN + tl.arange(0, BN)
    ck = tl.arange(0, BK)
    cn = tl.arange(0, BN)
    mm = rm < M
    mn = rn < N
    base = p_ptr + pn.to(tl.int64) * KB * (BN * BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for kb in range(0, KB):
        rk = kb * BK + ck
        x = tl.load(x_ptr + rm[:, None].to(tl.int64) * K + rk[None, :],
                    mask=mm[:, None] & (rk < K)[None, :], other=0.0)
        w = tl.load(base + kb * (BN * BK) + ck[:, None] * BN + cn[None, :])  # zero-padded
        acc = tl.dot(x, w, acc, input_precision="ieee")
    acc += tl.load(b_ptr + rn, mask=mn, other=0.0)[None, :]
    acc *= multiplier
    acc = tl.where(acc >= 0, acc, acc * slope)
    tl.store(y_ptr + rm[:, None].to(tl.int64) * N + rn[None, :], acc, mask=mm[:, None] & mn[None, :])


class ModelNew(nn.Module):
    def __init__(self, in_features, out_features, multiplier, negative_slope):
        super().__init__()
        self.gemm = nn.Linear(in_features, out_features)
        self.multiplier = multiplier
        self.leaky_relu = nn.LeakyReLU(negative_slope)
        self._packed = None
        self._packed_from = None

    def invalidate(self):
        self._packed = self._packed_from = None

    def _apply(self, fn, *args, **kwargs):
        self.invalidate()
        return super()._apply(fn, *args, **kwargs)

    def _weight(self):
        w = self.gemm.weight
        stamp = (w.data_ptr(), w._version, w.device, tuple(w.shape))
        if self._packed is None or self._packed_from != stamp:
            n, k = w.shape
            nb, kb = triton.cdiv(n, BN), triton.cdiv(k, BK)
            packed = torch.empty((nb, kb, BK, BN), device=w.device, dtype=w.dtype)
            _pack_kernel[(nb, kb)](w.detach().contiguous(), packed, n, k, kb, BN=BN, BK=BK)
            self._packed, self._packed_from = packed, stamp
        return self._packed

    def forward(self, x):
        x = x.contiguous()
        packed = self._weight()
        n, k = self.gemm.weight.shape
        m = x.shape[0]
        y = torch.empty((m, n), device=x.device, dtype=x.dtype)
        if m == 0:
            return y
        grid = lambda meta: (triton.cdiv(n, BN), triton.cdiv(m, meta["BM"]))
        _gemm_mul_leaky[grid](
            x, packed, self.gemm.bias, y, m, n, k, packed.shape[1],
            float(self.multiplier), float(self.leaky_relu.negative_slope),
            BN=BN, BK=BK,
        )
        return y


def get_inputs():
    return [torch.rand(1024, 8192)]


def get_init_inputs():
    return [8192, 8192, 2.0, 0.1]


if __name__ == "__main__":
    torch.manual_seed(1)
    m = ModelNew(300, 200, 2.0, 0.1).cuda()
    x = torch.randn(70, 300, device="cuda")

    def ref():
        h = (x.double() @ m.gemm.weight.double().t() + m.gemm.bias.double()) * 2.0
        return torch.nn.functional.leaky_relu(h, 0.1).float()

    torch.testing.assert_close(m(x), ref(), rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        m.gemm.weight.mul_(-0.5)  # the packed copy has to follow
    torch.testing.assert_close(m(x), ref(), rtol=1e-4, atol=1e-4)
    print("ok")
