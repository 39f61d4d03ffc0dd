"""CUDA C++ is built for a processor, and there computes what a GPU would."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from supervised import checks, run_calls

from integrity.errors import CannotJudge
from integrity.harness.device import needs_gpu, pretends_gpu, runs_interpreted
from integrity.run import PRETENDED
from integrity.supervision.workers import Zygote
from integrity.worker.emulated_cuda import Untranslatable, translated

KERNELS = r"""
#include <torch/extension.h>
#include <ATen/cuda/CUDAContext.h>
#include <cuda_fp16.h>
#define CHECK(x) TORCH_CHECK(x.device().is_cuda() && x.is_contiguous(), "must be a CUDA tensor")

template <typename T, int WIDTH>
__device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
    for (int by = WIDTH / 2; by > 0; by >>= 1) v += __shfl_down_sync(0xffffffff, v, by);
    return v;
}

// Rows are summed by warps, whose sums meet in dynamic shared memory.
template <typename T, int WIDTH>
__global__ void __launch_bounds__(256) row_sums(const T* __restrict__ x, T* y, int columns) {
    extern __shared__ __align__(16) unsigned char raw[];
    T* parts = reinterpret_cast<T*>(raw);
    T mine = 0;
    for (int at = threadIdx.x; at < columns; at += blockDim.x) mine += x[blockIdx.x * columns + at];
    mine = warp_sum<T, WIDTH>(mine);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = mine;
    __syncthreads();
    if (threadIdx.x < 32) {
        mine = threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : T(0);
        mine = warp_sum<T, WIDTH>(mine);
        if (threadIdx.x == 0) y[blockIdx.x] = mine;
    }
}

__global__ void reversed(const float* x, float* y) {
    __shared__ float tile[64];
    if (threadIdx.x >= 64) return;  // whoever ended is not waited for
    tile[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * 64 + threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void counted(const float4* x, int* counts, int n) {
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= n) return;
    const float4 v = __ldg(x + at);
    const unsigned up = __ballot_sync(__activemask(), v.x + v.y + v.z + v.w > 0);
    atomicAdd(&counts[__popc(up) > 0], 1);
}

__global__ void halved(const half* x, half2* y) {
    y[threadIdx.x] = __hmul2(__halves2half2(x[2 * threadIdx.x], x[2 * threadIdx.x + 1]),
                             __float2half2_rn(0.5f));
}

torch::Tensor sums(torch::Tensor x) {
    CHECK(x);
    const auto options = torch::TensorOptions().dtype(x.dtype()).device(torch::kCUDA);
    auto y = torch::empty({x.size(0)}, options);
    const auto stream = at::cuda::getCurrentCUDAStream();
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "sums", [&] {
        row_sums<scalar_t, 32><<<x.size(0), 256, 8 * sizeof(scalar_t), stream>>>(
            x.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), x.size(1));
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return y;
}
torch::Tensor reverse(torch::Tensor x) {
    auto y = torch::empty_like(x);
    reversed<<<dim3(x.numel() / 64), dim3(96)>>>(x.data_ptr<float>(), y.data_ptr<float>());
    return y;
}
torch::Tensor count(torch::Tensor x) {
    auto counts = torch::zeros({2}, x.options().dtype(torch::kInt32));
    const int n = x.numel() / 4;
    counted<<<(n + 31) / 32, 32>>>(reinterpret_cast<const float4*>(x.data_ptr<float>()),
                                   counts.data_ptr<int>(), n);
    return counts;
}
torch::Tensor halve(torch::Tensor x) {
    auto y = torch::empty_like(x);
    halved<<<1, x.numel() / 2>>>(reinterpret_cast<const half*>(x.data_ptr<at::Half>()),
                                 reinterpret_cast<half2*>(y.data_ptr<at::Half>()));
    return y;
}
int64_t too_wide(torch::Tensor x) {
    reversed<<<1, 2048>>>(x.data_ptr<float>(), x.data_ptr<float>());
    return cudaGetLastError();
}
"""
FUNCTIONS = ["sums", "reverse", "count", "halve", "too_wide"]

ASKS = f"""
import json, torch
from torch.utils import cpp_extension
from integrity.worker import emulated_cuda
emulated_cuda.stand_in(["load_inline"])
declared = '''
#include <torch/extension.h>
torch::Tensor sums(torch::Tensor x); torch::Tensor reverse(torch::Tensor x);
torch::Tensor count(torch::Tensor x); torch::Tensor halve(torch::Tensor x);
int64_t too_wide(torch::Tensor x);
'''
built = cpp_extension.load_inline(
    "emulated", declared, r'''{KERNELS}''', functions={FUNCTIONS}, extra_cuda_cflags=["-O3"]
)
x = torch.randn(5, 1000, generator=torch.Generator().manual_seed(0))
found = {{
    "sums": bool(torch.allclose(built.sums(x), x.sum(1), atol=1e-4)),
    "wide sums": bool(torch.allclose(built.sums(x.double()), x.double().sum(1))),
    "reversed": bool(torch.equal(built.reverse(x[0, :640].contiguous()),
                                 x[0, :640].view(-1, 64).flip(1).reshape(-1))),
    "counted": int(built.count(x).sum()),
    "halved": bool(torch.equal(built.halve(x[0, :64].half()), x[0, :64].half() * 0.5)),
    "too wide": built.too_wide(x),
}}
print(json.dumps(found))
"""

DOUBLED = """
import torch
from torch.utils.cpp_extension import load_inline
SOURCE = '''
__global__ void doubled(const float* x, float* y, int64_t n) {
    const int64_t at = blockIdx.x * int64_t(blockDim.x) + threadIdx.x;
    if (at < n) y[at] = 2 * x[at] + 1;
}
torch::Tensor run(torch::Tensor x) {
    TORCH_CHECK(x.is_cuda());
    auto y = torch::empty_like(x);
    doubled<<<(x.numel() + 255) / 256, 256>>>(x.data_ptr<float>(), y.data_ptr<float>(), x.numel());
    return y;
}
'''
built = load_inline("doubled_here", "torch::Tensor run(torch::Tensor x);", SOURCE, ["run"])

def kernel(x):
    assert x.is_cuda
    return built.run(x.contiguous())
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What all functions say; one build takes half a minute."""
    import json

    folder = str(tmp_path_factory.mktemp("extensions"))
    said = subprocess.run(
        [sys.executable, "-c", ASKS], capture_output=True, text=True, check=True,
        env={**os.environ, "TORCH_EXTENSIONS_DIR": folder},
    )  # fmt: skip
    answers: dict[str, object] = json.loads(said.stdout.splitlines()[-1])
    return answers


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


@pytest.mark.parametrize("what", ["sums", "wide sums", "reversed", "halved"])
def test_barriers_warps_and_shared_memory_give_what_a_gpu_gives(
    found: dict[str, object], what: str
) -> None:
    assert found[what] is True


def test_atomics_and_ballots_count_every_thread_once(found: dict[str, object]) -> None:
    assert found["counted"] == 1250


def test_a_block_that_no_gpu_would_take_is_not_run_and_says_so(found: dict[str, object]) -> None:
    assert found["too wide"] == 9  # cudaErrorInvalidConfiguration


def test_a_submission_in_cuda_cpp_is_run_and_checked_without_a_gpu(zygote: Zygote) -> None:
    finished = run_calls(zygote, DOUBLED)
    assert checks(finished) == [0.0] * 3
    assert finished.facts[PRETENDED] == 1.0


def test_one_that_does_not_build_is_an_abstention(zygote: Zygote) -> None:
    broken = DOUBLED.replace("2 * x[at] + 1", "unheard_of(x[at])").replace("doubled_here", "broken")
    with pytest.raises(CannotJudge, match="does not build for a processor"):
        run_calls(zygote, broken)


def test_a_submission_in_cuda_cpp_is_pretended_and_not_timed() -> None:
    assert "compiles CUDA sources" in needs_gpu(DOUBLED)
    assert pretends_gpu([DOUBLED])
    assert "built for a processor" in runs_interpreted(DOUBLED)


@pytest.mark.parametrize(
    "asked",
    [
        "#include <mma.h>",
        'asm volatile("bar.sync 0;");',
        "#include <cub/cub.cuh>",
        "#include <cooperative_groups.h>",
        "cuda::atomic<int> a;",
        "cublasCreate(&handle);",
        "__device__ void f(volatile float* s) {}",
        "__shared__ float s[32];",
    ],
)
def test_what_a_processor_can_not_do_needs_a_gpu(asked: str) -> None:
    assert not pretends_gpu([DOUBLED.replace("__global__", f"{asked}\n__global__", 1)])


@pytest.mark.parametrize(
    ("launch", "call"),
    [
        ("k<<<1, 2>>>(x);", "emulated::Launch(1, 2)([&](auto&... given) { k(given...); }, x);"),
        ("k<<<g, b, 0, s>>>();",
         "emulated::Launch(g, b, 0, s)([&](auto&... given) { k(given...); });"),
        ("a::k<T, (N > 2)><<<1, 2>>>(f(x), y);",
         "emulated::Launch(1, 2)([&](auto&... given) { a::k<T, (N > 2)>(given...); }, f(x), y);"),
        ("NAME(4)<<<1, 2>>>( \\\n  x)",
         "emulated::Launch(1, 2)([&](auto&... given) { NAME(4)(given...); }, x)"),
    ],
)  # fmt: skip
def test_a_launch_becomes_a_call(launch: str, call: str) -> None:
    assert translated(f"void f() {{ {launch} }}") == f"void f() {{ {call} }}"


def test_text_that_is_not_code_stays_as_it_is() -> None:
    quoted = dedent("""
        // k<<<1, 2>>>(x) on kCUDA
        const char* said = "k<<<1, 2>>>(x).is_cuda()";
    """)
    assert translated(quoted) == quoted


def test_machine_code_is_not_translated() -> None:
    with pytest.raises(Untranslatable, match="PTX"):
        translated('__device__ void f() { asm volatile("bar.sync 0;"); }')


def test_the_headers_are_packaged() -> None:
    from integrity.worker import emulated_cuda

    names = {path.name for path in Path(emulated_cuda.__file__).parent.glob("emulated/*.h")}
    assert names == {"launch.h", "numbers.h", "runtime.h"}
