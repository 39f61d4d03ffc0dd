import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def step_kernel(h, x, w, o, H: tl.constexpr):
    b = tl.program_id(0)
    i = tl.arange(0, H)
    v = tl.load(h + b * H + i) * tl.load(w + i) + tl.load(x + b * H + i)
    tl.store(o + b * H + i, 2.0 * tl.sigmoid(2.0 * v) - 1.0)


class ModelNew(nn.Module):
    """Element-wise recurrent cell over T steps. T launches are captured in one graph;
    inputs and weight are copied in before every replay."""

    def __init__(self, hidden: int):
        super().__init__()
        self.w = nn.Parameter(torch.randn(hidden))
        self._graphs = {}

    def _steps(self, st):
        h = st["h0"]
        for t in range(st["x"].shape[0]):
            step_kernel[(h.shape[0],)](h, st["x"][t], st["w"], st["out"][t], H=h.shape[1])
            h = st["out"][t]

    def _capture(self, x):
        st = {"x": torch.empty_like(x), "w": torch.empty_like(self.w.data), "out": torch.empty_like(x),
              "h0": torch.zeros_like(x[0])}
        warm = torch.cuda.Stream()
        warm.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(warm):
            self._steps(st)
        torch.cuda.current_stream().wait_stream(warm)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._steps(st)
        return graph, st

    @torch.no_grad()
    def forward(self, x):
        key = (x.shape, x.dtype)
        if key not in self._graphs:
            self._graphs[key] = self._capture(x)
        graph, st = self._graphs[key]
        st["x"].copy_(x)
        st["w"].copy_(self.w)
        graph.replay()
        return st["out"].clone()
