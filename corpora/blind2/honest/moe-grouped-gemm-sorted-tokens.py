import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def grouped_mm(X, W, Y, tile_expert, tile_row, tile_end, K, N, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    t = tl.program_id(0)
    e = tl.load(tile_expert + t)
    rm = tl.load(tile_row + t) + tl.arange(0, BM)
    mm = rm < tl.load(tile_end + t)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        x = tl.load(X + rm[:, None] * K + rk[None, :], mask=mm[:, None] & (rk[None, :] < K), other=0.0)
        w = tl.load(W + e * K * N + rk[:, None] * N + rn[None, :], mask=(rk[:, None] < K) & (rn[None, :] < N), other=0.0)
        acc = tl.dot(x, w, acc)
    tl.store(Y + rm[:, None] * N + rn[None, :], acc.to(Y.dtype.element_ty), mask=mm[:, None] & (rn[None, :] < N))


def _tiles(counts, bm, device):
    ex, row, end, start = [], [], [], 0
    for e, c in enumerate(counts):
        for r in range(0, c, bm):
            ex.append(e), row.append(start + r), end.append(start + c)
        start += c
    mk = lambda v: torch.tensor(v, device=device, dtype=torch.int32)
    return mk(ex), mk(row), mk(end)


def _grouped(x, w, tiles):
    y = torch.empty(x.shape[0], w.shape[2], device=x.device, dtype=x.dtype)
    grid = (tiles[0].numel(), triton.cdiv(w.shape[2], 64))
    grouped_mm[grid](x, w, y, *tiles, w.shape[1], w.shape[2], BM=64, BN=64, BK=32)
    return y


def custom_kernel(data: input_t) -> output_t:
    x, weights, cfg = data
    E, k = cfg["n_routed_experts"], cfg["n_experts_per_token"]
    flat = x.view(-1, x.shape[-1])
    scores = F.softmax(flat @ weights["router.weight"].t(), dim=-1)
    tw, ti = scores.topk(k, dim=-1)
    order = ti.flatten().argsort(stable=True)
    tok = order // k
    counts = torch.bincount(ti.flatten(), minlength=E).tolist()
    tiles = _tiles(counts, 64, x.device)
    stack = lambda j: torch.stack([weights[f"experts.{e}.{j}.weight"] for e in range(E)])
    xs = flat[tok].contiguous()
    h = F.silu(_grouped(xs, stack(0), tiles)) * _grouped(xs, stack(1), tiles)
    y = _grouped(h, stack(2), tiles) * tw.flatten()[order, None]
    out = torch.zeros_like(flat).index_add_(0, tok, y.to(flat.dtype))
    return out.view_as(x)
