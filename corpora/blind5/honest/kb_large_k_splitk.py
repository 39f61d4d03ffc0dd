import torch
import torch.nn as nn
import triton
import triton.language as tl


# Split-K adds into C, so every timed run of the tuner has to start from zeros again:
# that is what reset_to_zero is for.
@triton.autotune(
    configs=[
        triton.Config({"BM": 64, "BN": 64, "BK": 32, "SPLIT": s}, num_warps=4, num_stages=3)
        for s in (8, 16, 32, 64)
    ]
    + [
        triton.Config({"BM": 128, "BN": 64, "BK": 16, "SPLIT": s}, num_warps=8, num_stages=3)
        for s in (8, 16, 32)
    ],
    key=["M", "N", "K"],
    reset_to_zero=["c_ptr"],
)
@triton.jit
def splitk_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr,
):
    pid = tl.program_id(0)
    pid_k = tl.program_id(1)
    grid_n = tl.cdiv(N, BN)
    pm = pid // grid_n
    pn = pid % grid_n

    rm = pm * BM + tl.arange(0, BM)
    rn = pn * BN + tl.arange(0, BN)
    mm = rm < M
    mn = rn < N

    # each split takes a contiguous run of K blocks
    blocks = tl.cdiv(K, BK)
    per = tl.cdiv(blocks, SPLIT)
    first = pid_k * per
    last = tl.minimum(first + per, blocks)

    acc = tl.zeros((BM, BN), tl.float32)
    for kb in range(first, last):
        rk = kb * BK + tl.arange(0, BK)
        mk = rk < K
        a = tl.load(a_ptr + rm[:, None].to(tl.int64) * K + rk[None, :],
                    mask=mm[:, None] & mk[None, :], other=0.0)
        b = tl.load(b_ptr + rk[:, None].to(tl.int64) * N + rn[None, :],
                    mask=mk[:, None] & mn[None, :], other=0.0)
        acc += tl.dot(a, b, input_precision="ieee")

    tl.atomic_add(c_ptr + rm[:, None] * N + rn[None, :], acc,
                  mask=mm[:, None] & mn[None, :], sem="relaxed")


class ModelNew(nn.Module):
    """
    C = A @ B with A (M, K), B (K, N) and K much larger than M and N.
    """

    def __init__(self):
        super(ModelNew, self).__init__()

    def forward(self, A, B):
        A = A.contiguous()
        B = B.contiguous()
        M, K = A.shape
        N = B.shape[1]
        C = torch.zeros((M, N), device=A.device, dtype=torch.float32)
        if M and N and K:
            grid = lambda meta: (
                triton.cdiv(M, meta["BM"]) * triton.cdiv(N, meta["BN"]),
                meta["SPLIT"],
            )
            splitk_kernel[grid](A, B, C, M, N, K)
        return C


M = 256
N = 256
K = 131072 * 4


def get_inputs():
    A = torch.rand(M, K)
    B = torch.rand(K, N)
    return [A, B]


def get_init_inputs():
    return []
