#!POPCORN leaderboard histogram
import torch
from task import input_t, output_t
from torch.utils.cpp_extension import load_inline

cpp_source = r"""
#include <torch/extension.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstring>
#include <stdexcept>

namespace {

constexpr int64_t BINS = 256;

// Whole pages for every thread's table, so that no two threads share a cache line.
class Workspace {
  public:
    explicit Workspace(int64_t tables) : stride_(round_up(BINS * sizeof(int64_t))), bytes_(stride_ * tables) {
        base_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base_ == MAP_FAILED) throw std::runtime_error("no memory for the workspace");
        madvise(base_, bytes_, MADV_HUGEPAGE);
    }
    ~Workspace() { munmap(base_, bytes_); }
    Workspace(const Workspace&) = delete;
    int64_t* table(int64_t i) const { return reinterpret_cast<int64_t*>(static_cast<char*>(base_) + i * stride_); }

  private:
    static size_t round_up(size_t n) {
        const size_t page = sysconf(_SC_PAGESIZE);
        return (n + page - 1) & ~(page - 1);
    }
    size_t stride_, bytes_;
    void* base_;
};

}  // namespace

torch::Tensor histogram(torch::Tensor values, int64_t threads) {
    Workspace workspace(threads);
    const int32_t* v = values.data_ptr<int32_t>();
    const int64_t n = values.numel();
    #pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t t = 0; t < threads; ++t) {
        int64_t* counts = workspace.table(t);
        for (int64_t i = n * t / threads; i < n * (t + 1) / threads; ++i) ++counts[v[i]];
    }
    auto total = torch::empty({BINS}, torch::kInt64);
    int64_t* out = total.data_ptr<int64_t>();
    std::memcpy(out, workspace.table(0), BINS * sizeof(int64_t));
    for (int64_t t = 1; t < threads; ++t)
        for (int64_t b = 0; b < BINS; ++b) out[b] += workspace.table(t)[b];
    return total;
}
"""

module = load_inline(name="histogram_tables", cpp_sources=[cpp_source], functions=["histogram"],
                     extra_cflags=["-O3", "-fopenmp"], extra_ldflags=["-fopenmp"])


def custom_kernel(data: input_t) -> output_t:
    return module.histogram(data.contiguous(), torch.get_num_threads())
