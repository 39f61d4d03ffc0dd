import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def scale_shift_relu(x, s, t, y, C, HW, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    c = (o // HW) % C
    v = tl.load(x + o, mask=m) * tl.load(s + c, mask=m) + tl.load(t + c, mask=m)
    tl.store(y + o, tl.maximum(v, 0.0), mask=m)


class ModelNew(nn.Module):
    """Eval-mode BatchNorm folded into scale and shift, then ReLU."""

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        ref = nn.BatchNorm2d(num_features, eps=eps)
        self.weight = nn.Parameter(ref.weight.detach().clone())
        self.bias = nn.Parameter(ref.bias.detach().clone())
        for name, buf in ref.named_buffers():
            self.register_buffer(name, buf.clone())
        self.eps = eps

    @classmethod
    def from_reference(cls, model: nn.Module) -> "ModelNew":
        new = cls(model.bn.num_features, model.bn.eps)
        new.load_state_dict({k.removeprefix("bn."): v for k, v in model.state_dict().items()})
        return new

    def forward(self, x):
        s = self.weight * torch.rsqrt(self.running_var + self.eps)
        t = self.bias - self.running_mean * s
        x = x.contiguous()
        y = torch.empty_like(x)
        scale_shift_relu[(triton.cdiv(x.numel(), 1024),)](x, s, t, y, x.shape[1], x.shape[2] * x.shape[3],
                                                          x.numel(), BLOCK=1024)
        return y
