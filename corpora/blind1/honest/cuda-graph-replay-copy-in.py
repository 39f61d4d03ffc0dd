#!POPCORN leaderboard layernorm
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def _stats(x_ptr, mean_ptr, rstd_ptr, N, eps, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    x = tl.load(x_ptr + r * N + c, mask=c < N, other=0.0)
    mu = tl.sum(x, 0) / N
    xc = tl.where(c < N, x - mu, 0.0)
    tl.store(mean_ptr + r, mu)
    tl.store(rstd_ptr + r, tl.rsqrt(tl.sum(xc * xc, 0) / N + eps))


@triton.jit
def _apply(x_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, y_ptr, N, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    x = tl.load(x_ptr + r * N + c, mask=c < N, other=0.0)
    y = (x - tl.load(mean_ptr + r)) * tl.load(rstd_ptr + r)
    y = y * tl.load(w_ptr + c, mask=c < N) + tl.load(b_ptr + c, mask=c < N)
    tl.store(y_ptr + r * N + c, y, mask=c < N)


class GraphRunner:
    """Two small kernels are launch bound, so capture them once per shape.

    Every call copies the fresh inputs into the static buffers before replay and
    clones the static output, so nothing of an earlier call survives.
    """

    def __init__(self, x, w, b):
        self.x, self.w, self.b = x.clone(), w.clone(), b.clone()
        self.y = torch.empty_like(x)
        self.mean = torch.empty(x.shape[0], device=x.device)
        self.rstd = torch.empty_like(self.mean)
        self._run()  # compile outside of the capture
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._run()

    def _run(self):
        rows, n = self.x.shape
        blk = triton.next_power_of_2(n)
        _stats[(rows,)](self.x, self.mean, self.rstd, n, 1e-5, B=blk)
        _apply[(rows,)](self.x, self.w, self.b, self.mean, self.rstd, self.y, n, B=blk)

    def __call__(self, x, w, b):
        self.x.copy_(x)
        self.w.copy_(w)
        self.b.copy_(b)
        self.graph.replay()
        return self.y.clone()


_runners: dict = {}


def custom_kernel(data: input_t) -> output_t:
    x, w, b = data
    key = (tuple(x.shape), x.dtype, x.device)
    if key not in _runners:
        _runners[key] = GraphRunner(x, w, b)
    return _runners[key](x, w, b)
