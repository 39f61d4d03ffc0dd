import torch
import triton
import triton.language as tl


@triton.jit
def swiglu(a, b, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    x = tl.load(a + i, mask=m).to(tl.float32)
    y = tl.load(b + i, mask=m).to(tl.float32)
    tl.store(o + i, (x * tl.sigmoid(x) * y).to(o.dtype.element_ty), mask=m)


class Replay:
    def __init__(self, a, b):
        self.a, self.b = torch.empty_like(a), torch.empty_like(b)
        self.o = torch.empty_like(a)
        self.a.copy_(a)
        self.b.copy_(b)
        s = torch.cuda.Stream()
        s.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(s):
            self._go()
        torch.cuda.current_stream().wait_stream(s)
        self.g = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.g):
            self._go()

    def _go(self):
        n = self.a.numel()
        swiglu[(triton.cdiv(n, 2048),)](self.a, self.b, self.o, n, B=2048)

    def __call__(self, a, b):
        self.a.copy_(a)
        self.b.copy_(b)
        self.g.replay()
        return self.o.clone()


_graphs = {}


def custom_kernel(data):
    a, b = data
    key = (a.shape, a.dtype, a.device)
    r = _graphs.get(key)
    if r is None:
        r = _graphs[key] = Replay(a, b)
    return r(a, b)
