import cupy as cp
import torch
import torch.nn as nn

_code = r"""
template <typename T, int OP>
__global__ void reduce_mid(const T* __restrict__ x, T* __restrict__ y, int D, int inner) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= inner) return;
    const T* p = x + (size_t)blockIdx.y * D * inner + i;
    float acc = OP == 0 ? 0.f : (OP == 1 ? 1.f : 3.4e38f);
    #pragma unroll 8
    for (int d = 0; d < D; ++d) {
        float v = (float)p[(size_t)d * inner];
        acc = OP == 0 ? acc + v : (OP == 1 ? acc * v : fminf(acc, v));
    }
    y[(size_t)blockIdx.y * inner + i] = (T)acc;
}
"""
_names = {"sum": "reduce_mid<float, 0>", "prod": "reduce_mid<float, 1>", "min": "reduce_mid<float, 2>"}
_module = cp.RawModule(code=_code, options=("-std=c++14",), name_expressions=list(_names.values()))


class _TorchStream:
    def __enter__(self):
        self.s = cp.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
        return self.s.__enter__()

    def __exit__(self, *a):
        return self.s.__exit__(*a)


class ModelNew(nn.Module):
    """Product over one dimension."""

    op = "prod"

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.fn = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fn is None:
            self.fn = _module.get_function(_names[self.op])
        x = x.contiguous()
        outer = x.shape[: self.dim].numel()
        D = x.shape[self.dim]
        inner = x.shape[self.dim + 1:].numel()
        y = torch.empty(x.shape[: self.dim] + x.shape[self.dim + 1:], device=x.device, dtype=x.dtype)
        with _TorchStream():
            self.fn(((inner + 127) // 128, outer), (128,), (x.data_ptr(), y.data_ptr(), cp.int32(D), cp.int32(inner)))
        return y


def get_inputs():
    return [torch.randn(16, 256, 256)]


def get_init_inputs():
    return [1]
