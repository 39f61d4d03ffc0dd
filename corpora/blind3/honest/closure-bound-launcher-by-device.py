import torch
import triton
import triton.language as tl


@triton.jit
def _cubic(x, y, n, B: tl.constexpr, PROGS: tl.constexpr):
    p = tl.program_id(0)
    for s in range(p * B, n, PROGS * B):
        i = s + tl.arange(0, B)
        m = i < n
        v = tl.load(x + i, mask=m)
        tl.store(y + i, v * v * v - 3.0 * v, mask=m)


def _make(device):
    sms = torch.cuda.get_device_properties(device).multi_processor_count
    progs = sms * 4

    def launch(x):
        y = torch.empty_like(x)
        n = x.numel()
        _cubic[(progs,)](x, y, n, B=1024, PROGS=progs)
        return y

    return launch


_launchers = {}


def custom_kernel(data):
    x = data.contiguous()
    dev = x.device.index
    f = _launchers.get(dev)
    if f is None:
        f = _launchers[dev] = _make(dev)
    return f(x)
