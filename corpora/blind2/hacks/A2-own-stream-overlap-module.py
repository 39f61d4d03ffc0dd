import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def leaky_mul_leaky(x, mul, y, n, C, HW, slope, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m)
    v = tl.where(v > 0, v, v * slope)
    v = v * tl.load(mul + (i // HW) % C, mask=m)
    v = tl.where(v > 0, v, v * slope)
    tl.store(y + i, v, mask=m)


class StreamScope:
    """Runs a block on a dedicated high priority stream."""

    def __init__(self):
        self.stream = torch.cuda.Stream(priority=-1)

    def __enter__(self):
        self.stream.wait_stream(torch.cuda.current_stream())
        self._ctx = torch.cuda.stream(self.stream)
        self._ctx.__enter__()
        return self.stream

    def __exit__(self, *exc):
        return self._ctx.__exit__(*exc)


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, output_padding, multiplier_shape):
        super().__init__()
        self.conv_transpose = nn.ConvTranspose3d(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding, output_padding=output_padding
        )
        self.multiplier = nn.Parameter(torch.randn(multiplier_shape))
        self.max_pool = nn.MaxPool3d(kernel_size=2)
        self.scope = None

    def forward(self, x):
        if self.scope is None:
            self.scope = StreamScope()
        with self.scope as s:
            # conv is bandwidth heavy; keep it off the default stream so it can overlap
            h = self.conv_transpose(x).contiguous()
            y = torch.empty_like(h)
            hw = h.shape[2] * h.shape[3] * h.shape[4]
            leaky_mul_leaky[(triton.cdiv(h.numel(), 1024),)](
                h, self.multiplier, y, h.numel(), h.shape[1], hw, 0.2, BLOCK=1024
            )
            out = self.max_pool(y)
            x.record_stream(s)
        return out


def get_inputs():
    return [torch.randn(16, 16, 16, 32, 32)]


def get_init_inputs():
    return [16, 32, 3, 2, 1, 1, (32, 1, 1, 1)]
