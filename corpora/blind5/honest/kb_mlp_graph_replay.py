"""
KernelBench level 3, problem 1: a deep MLP (Linear + ReLU ... Linear) on a small batch.

At batch 128 the layers are short, so launch overhead counts.  Every layer is one Triton
kernel (GEMM + bias + ReLU), and the chain of launches is recorded as a CUDA graph, one per
input shape.  Before each replay the caller's input is copied into the graph's input, and
the graph's output is cloned afterwards, since the next replay overwrites it.  The graph
reads the parameters where they live, so updates in place are seen; if a parameter moves
(``.to()``, assignment), the graph is recorded anew.
"""
import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def _linear_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, M, N, K,
    RELU: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    rm = tl.program_id(1) * BM + tl.arange(0, BM)
    rn = tl.program_id(0) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    mm = rm < M
    mn = rn < N
    acc = tl.zeros((BM, BN), tl.float32)
    for k0 in range(0, K, BK):
        mk = (k0 + rk) < K
        x = tl.load(x_ptr + rm[:, None] * K + (k0 + rk)[None, :], mask=mm[:, None] & mk[None, :], other=0.0)
        w = tl.load(w_ptr + rn[None, :] * K + (k0 + rk)[:, None], mask=mn[None, :] & mk[:, None], other=0.0)
        acc = tl.dot(x, w, acc, input_precision="ieee")
    acc += tl.load(b_ptr + rn, mask=mn, other=0.0)[None, :]
    if RELU:
        acc = tl.where(acc < 0.0, 0.0, acc)
    tl.store(y_ptr + rm[:, None] * N + rn[None, :], acc, mask=mm[:, None] & mn[None, :])


def _linear(x, layer, relu):
    M, K = x.shape
    N = layer.weight.shape[0]
    y = torch.empty((M, N), device=x.device, dtype=x.dtype)
    BM, BN, BK = 32, 64, 32
    grid = (triton.cdiv(N, BN), triton.cdiv(M, BM))
    _linear_kernel[grid](x, layer.weight, layer.bias, y, M, N, K,
                         RELU=relu, BM=BM, BN=BN, BK=BK, num_warps=4, num_stages=3)
    return y


class _Recorded:
    def __init__(self, graph, static_in, static_out, params):
        self.graph = graph
        self.static_in = static_in
        self.static_out = static_out
        self.params = params


class ModelNew(nn.Module):
    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        layers = []
        current = input_size
        for size in layer_sizes:
            layers.append(nn.Linear(current, size))
            layers.append(nn.ReLU())
            current = size
        layers.append(nn.Linear(current, output_size))
        self.network = nn.Sequential(*layers)
        self._graphs = {}

    def _run(self, x):
        linears = [m for m in self.network if isinstance(m, nn.Linear)]
        for i, layer in enumerate(linears):
            x = _linear(x, layer, relu=i + 1 < len(linears))
        return x

    def _param_key(self):
        return tuple(p.data_ptr() for p in self.parameters())

    def _record(self, x):
        static_in = torch.empty_like(x)
        static_in.copy_(x)
        # Compile outside of the capture, on a stream that is joined again.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self._run(static_in)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            static_out = self._run(static_in)
        return _Recorded(graph, static_in, static_out, self._param_key())

    @torch.no_grad()
    def forward(self, x):
        x = x.contiguous()
        key = (tuple(x.shape), x.dtype, x.device)
        rec = self._graphs.get(key)
        if rec is None or rec.params != self._param_key():
            rec = self._graphs[key] = self._record(x)
        rec.static_in.copy_(x)
        rec.graph.replay()
        return rec.static_out.clone()


batch_size = 128
input_size = 16384
layer_sizes = [16384, 16384]
output_size = 8192


def get_inputs():
    return [torch.rand(batch_size, input_size)]


def get_init_inputs():
    return [input_size, layer_sizes, output_size]
