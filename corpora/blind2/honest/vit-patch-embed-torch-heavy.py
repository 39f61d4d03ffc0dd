"""Level 3 network: most time is in cuBLAS GEMMs, so only the glue is replaced."""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def add_ln(x, r, w, b, s_out, y, D, eps, BLOCK: tl.constexpr):
    i = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    m = c < D
    v = tl.load(x + i * D + c, mask=m, other=0.0) + tl.load(r + i * D + c, mask=m, other=0.0)
    tl.store(s_out + i * D + c, v, mask=m)
    mu = tl.sum(v, 0) / D
    d = tl.where(m, v - mu, 0.0)
    inv = tl.rsqrt(tl.sum(d * d, 0) / D + eps)
    tl.store(y + i * D + c, d * inv * tl.load(w + c, mask=m) + tl.load(b + c, mask=m), mask=m)


def fused_add_norm(x, residual, ln):
    x = x.contiguous()
    s, y = torch.empty_like(x), torch.empty_like(x)
    D = x.shape[-1]
    add_ln[(x.numel() // D,)](x, residual, ln.weight, ln.bias, s, y, D, ln.eps, BLOCK=triton.next_power_of_2(D))
    return s, y


class Block(nn.Module):
    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))

    def forward(self, x):
        a, _ = self.attn(self.n1(x), self.n1(x), self.n1(x), need_weights=False)
        x, h = fused_add_norm(a, x.contiguous(), self.n2)
        return x + self.mlp(h)


class ModelNew(nn.Module):
    def __init__(self, image_size, patch_size, num_classes, dim, depth, heads, mlp_dim, channels=3):
        super().__init__()
        n = (image_size // patch_size) ** 2
        self.patch = nn.Conv2d(channels, dim, patch_size, patch_size)
        self.pos = nn.Parameter(torch.randn(1, n + 1, dim))
        self.cls = nn.Parameter(torch.randn(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, mlp_dim) for _ in range(depth))
        self.head = nn.Linear(dim, num_classes)

    def forward(self, img):
        t = self.patch(img).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(t.shape[0], -1, -1), t), 1) + self.pos
        for blk in self.blocks:
            x = blk(x)
        return self.head(x[:, 0])


def get_inputs():
    return [torch.randn(2, 3, 224, 224)]


def get_init_inputs():
    return [224, 16, 10, 512, 6, 8, 2048]
