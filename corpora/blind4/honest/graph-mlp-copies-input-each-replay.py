import torch
import torch.nn as nn
import torch.nn.functional as F
import triton
import triton.language as tl


@triton.jit
def _relu_bias_(x_ptr, b_ptr, n, N, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = o < n
    v = tl.load(x_ptr + o, mask=m, other=0.0) + tl.load(b_ptr + o % N, mask=m, other=0.0)
    tl.store(x_ptr + o, tl.maximum(v, 0.0), mask=m)


class Captured:
    def __init__(self, body, example):
        self.x = example.detach().clone()
        warm = torch.cuda.Stream()
        warm.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(warm):
            for _ in range(2):
                body(self.x)
        torch.cuda.current_stream().wait_stream(warm)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.y = body(self.x)

    def __call__(self, x):
        self.x.copy_(x)
        self.graph.replay()
        return self.y.clone()


class ModelNew(nn.Module):
    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        sizes = [input_size, *layer_sizes]
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        layers.append(nn.Linear(sizes[-1], output_size))
        self.network = nn.Sequential(*layers)
        self.captured = {}

    def _body(self, x):
        linears = [m for m in self.network if isinstance(m, nn.Linear)]
        for lin in linears[:-1]:
            x = x @ lin.weight.t()
            n = x.numel()
            _relu_bias_[(triton.cdiv(n, 1024),)](x, lin.bias, n, x.shape[1], BLOCK=1024)
        return F.linear(x, linears[-1].weight, linears[-1].bias)

    @torch.no_grad()
    def forward(self, x):
        # the graph holds raw parameter addresses, so a moved parameter needs a new capture
        key = (x.shape, x.dtype, x.device, tuple(p.data_ptr() for p in self.parameters()))
        run = self.captured.get(key)
        if run is None:
            run = self.captured[key] = Captured(self._body, x)
        return run(x)
