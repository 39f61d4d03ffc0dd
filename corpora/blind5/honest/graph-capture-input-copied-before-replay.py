import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def bias_relu_kernel(x_ptr, b_ptr, n, cols, BLOCK: tl.constexpr):
    offs = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offs < n
    v = tl.load(x_ptr + offs, mask=mask) + tl.load(b_ptr + offs % cols, mask=mask)
    tl.store(x_ptr + offs, tl.maximum(v, 0.0), mask=mask)


def bias_relu_(x, b):
    n = x.numel()
    bias_relu_kernel[(triton.cdiv(n, 1024),)](x, b, n, x.shape[-1], BLOCK=1024)
    return x


class _Captured:
    def __init__(self, fn, example):
        self.static_x = example.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                fn(self.static_x)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.static_y = fn(self.static_x)

    def __call__(self, x):
        # new data in, replay, private copy out
        self.static_x.copy_(x)
        self.graph.replay()
        return self.static_y.clone()


class ModelNew(nn.Module):
    """
    Small MLP. At these sizes launches dominate, so the forward pass is captured
    once per input shape. Parameters are read through their own storage, thus an
    in-place update of a weight is seen by the replay; a weight that was moved
    or replaced leads to a new capture.
    """

    def __init__(self, input_size, hidden_sizes, output_size):
        super().__init__()
        sizes = [input_size] + list(hidden_sizes)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.head = nn.Linear(sizes[-1], output_size)
        self._graphs = {}

    def _run(self, x):
        for layer in self.layers:
            x = bias_relu_(torch.matmul(x, layer.weight.t()), layer.bias)
        return torch.addmm(self.head.bias, x, self.head.weight.t())

    @torch.no_grad()
    def forward(self, x):
        if not x.is_cuda:
            raise ValueError("CUDA tensor expected")
        key = (tuple(x.shape), x.dtype, x.device, tuple(p.data_ptr() for p in self.parameters()))
        captured = self._graphs.get(key)
        if captured is None:
            captured = self._graphs[key] = _Captured(self._run, x)
        return captured(x)
