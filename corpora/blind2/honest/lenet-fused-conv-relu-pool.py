import torch
import torch.nn as nn
from torch.utils.cpp_extension import load_inline

src = r"""
#include <torch/extension.h>
#include <c10/cuda/CUDAStream.h>

// 5x5 convolution + bias + relu + 2x2 max pooling
__global__ void conv5_relu_pool(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ b,
                                float* __restrict__ y, int C, int H, int W, int K, int PH, int PW) {
    int px = blockIdx.x * blockDim.x + threadIdx.x;
    int k = blockIdx.y, n = blockIdx.z;
    if (px >= PH * PW) return;
    int oy = (px / PW) * 2, ox = (px % PW) * 2;
    float a[2][2];
    for (int i = 0; i < 4; ++i) a[i / 2][i % 2] = b[k];
    for (int c = 0; c < C; ++c) {
        const float* xp = x + ((size_t)(n * C + c) * H + oy) * W + ox;
        const float* wp = w + (k * C + c) * 25;
        float t[6][6];
        #pragma unroll
        for (int i = 0; i < 36; ++i) t[i / 6][i % 6] = xp[(i / 6) * W + i % 6];
        #pragma unroll
        for (int r = 0; r < 5; ++r)
            #pragma unroll
            for (int s = 0; s < 5; ++s) {
                float v = __ldg(wp + r * 5 + s);
                a[0][0] += v * t[r][s];     a[0][1] += v * t[r][s + 1];
                a[1][0] += v * t[r + 1][s]; a[1][1] += v * t[r + 1][s + 1];
            }
    }
    float m = fmaxf(fmaxf(a[0][0], a[0][1]), fmaxf(a[1][0], a[1][1]));
    y[((size_t)n * K + k) * PH * PW + px] = fmaxf(m, 0.f);
}

torch::Tensor conv_relu_pool(torch::Tensor x, torch::Tensor w, torch::Tensor b) {
    int N = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3), K = w.size(0);
    int PH = (H - 4) / 2, PW = (W - 4) / 2;
    auto y = torch::empty({N, K, PH, PW}, x.options());
    conv5_relu_pool<<<dim3((PH * PW + 63) / 64, K, N), 64, 0, c10::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), w.data_ptr<float>(), b.data_ptr<float>(), y.data_ptr<float>(), C, H, W, K, PH, PW);
    return y;
}
"""
ops = load_inline(name="lenet_ops", cpp_sources="torch::Tensor conv_relu_pool(torch::Tensor x, torch::Tensor w, torch::Tensor b);",
                  cuda_sources=src, functions=["conv_relu_pool"], verbose=False)


class ModelNew(nn.Module):
    def __init__(self, num_classes):
        super(ModelNew, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = ops.conv_relu_pool(x.contiguous(), self.conv1.weight, self.conv1.bias)
        x = ops.conv_relu_pool(x, self.conv2.weight, self.conv2.bias)
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


def get_inputs():
    return [torch.randn(4096, 1, 32, 32)[:, :, :28, :28].contiguous()]


def get_init_inputs():
    return [20]
