#!POPCORN leaderboard mla-like-small-batch
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def rms_scale(x, w, y, D, eps, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    m = c < D
    v = tl.load(x + r * D + c, mask=m, other=0.0).to(tl.float32)
    s = tl.rsqrt(tl.sum(v * v, 0) / D + eps)
    tl.store(y + r * D + c, (v * s * tl.load(w + c, mask=m).to(tl.float32)).to(y.dtype.element_ty), mask=m)


def _step(x, w_norm, w_up, w_down):
    y = torch.empty_like(x)
    D = x.shape[-1]
    rms_scale[(x.shape[0],)](x, w_norm, y, D, 1e-6, BLOCK=triton.next_power_of_2(D))
    return x + torch.relu(y @ w_up) @ w_down


class GraphRunner:
    def __init__(self, args):
        self.static = [a.clone() for a in args]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                _step(*self.static)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.out = _step(*self.static)

    def __call__(self, args):
        # every operand is refreshed before the replay, weights included
        torch._foreach_copy_(self.static, list(args))
        self.graph.replay()
        return self.out.clone()


_runners = {}


def custom_kernel(data: input_t) -> output_t:
    args = tuple(t.contiguous() for t in data)
    key = tuple((tuple(t.shape), t.dtype) for t in args)
    runner = _runners.get(key)
    if runner is None:
        runner = _runners[key] = GraphRunner(args)
    return runner(args)
