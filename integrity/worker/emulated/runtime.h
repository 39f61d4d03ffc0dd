// Words of CUDA C++ and calls of its runtime and of torch's, where there is only main memory and
// one thing happens after another. What is not here does not compile, and is an abstention.
#include <chrono>
#include <cstdlib>

#define __global__
#define __device__
#define __host__
#define __forceinline__
#define __constant__
#define __managed__
#define __grid_constant__
#define __shared__ static
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_assume(condition)
#define __trap() throw std::runtime_error("the kernel trapped")

using cudaError_t = int;
using cudaError = int;
constexpr cudaError_t cudaSuccess = 0, cudaErrorNotReady = 600;
using cudaStream_t = struct CUstream_st*;
using cudaFuncAttribute = int;
enum cudaMemcpyKind {
    cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
constexpr int cudaFuncAttributeMaxDynamicSharedMemorySize = 8;
constexpr int cudaFuncAttributePreferredSharedMemoryCarveout = 9;
constexpr int cudaDevAttrMultiProcessorCount = 16, cudaDevAttrMaxThreadsPerBlock = 1;
constexpr int cudaDevAttrMaxSharedMemoryPerBlock = 8, cudaDevAttrMaxSharedMemoryPerBlockOptin = 97;
constexpr int cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76;
constexpr unsigned cudaStreamNonBlocking = 1, cudaStreamDefault = 0;
constexpr unsigned cudaEventDisableTiming = 2, cudaEventDefault = 0;
constexpr int cudaMemAttachGlobal = 1;
static const cudaStream_t cudaStreamLegacy = nullptr, cudaStreamPerThread = nullptr;

struct cudaDeviceProp {
    char name[256] = "NVIDIA H100 80GB HBM3";
    int major = 9, minor = 0, multiProcessorCount = 132, warpSize = 32, maxThreadsPerBlock = 1024;
    int maxThreadsPerMultiProcessor = 2048, l2CacheSize = 50 << 20, regsPerBlock = 65536;
    size_t sharedMemPerBlock = 49152, sharedMemPerBlockOptin = 232448;
    size_t sharedMemPerMultiprocessor = 233472, totalGlobalMem = size_t(80) << 30;
    int maxGridSize[3] = {2147483647, 65535, 65535}, maxThreadsDim[3] = {1024, 1024, 64};
};

inline cudaError_t cudaPeekAtLastError() { return emulated::machine().last_error; }
inline cudaError_t cudaGetLastError() { return std::exchange(emulated::machine().last_error, 0); }
inline const char* cudaGetErrorString(cudaError_t e) {
    return e == 0 ? "no error" : e == emulated::INVALID_CONFIGURATION ? "invalid configuration argument" : "invalid argument";
}
inline const char* cudaGetErrorName(cudaError_t e) { return cudaGetErrorString(e); }
inline cudaError_t cudaDeviceSynchronize() { return 0; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return 0; }
inline cudaError_t cudaStreamQuery(cudaStream_t) { return 0; }
inline cudaError_t cudaGetDevice(int* device) { return *device = 0; }
inline cudaError_t cudaSetDevice(int) { return 0; }
inline cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return 0; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* found, int) { *found = {}; return 0; }
inline cudaError_t cudaDeviceGetAttribute(int* value, int what, int) {
    switch (what) {
        case cudaDevAttrMultiProcessorCount: *value = 132; return 0;
        case cudaDevAttrMaxThreadsPerBlock: *value = 1024; return 0;
        case cudaDevAttrMaxSharedMemoryPerBlock: *value = 49152; return 0;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 232448; return 0;
        case cudaDevAttrComputeCapabilityMajor: *value = 9; return 0;
        case cudaDevAttrComputeCapabilityMinor: *value = 0; return 0;
    }
    throw std::runtime_error("an attribute of a device that is not known here");
}
template <class K> cudaError_t cudaFuncSetAttribute(K, int, int) { return 0; }
template <class K> cudaError_t cudaFuncSetCacheConfig(K, int) { return 0; }
template <class K>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, K, int threads, size_t) {
    *blocks = std::max(1, 2048 / std::max(threads, 1));
    return 0;
}
template <class K>
cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, K, size_t = 0, int = 0) {
    *grid = 132 * 2, *block = 1024;
    return 0;
}

template <class T> cudaError_t cudaMalloc(T** place, size_t bytes) {
    *place = static_cast<T*>(std::malloc(bytes));
    return 0;
}
template <class T> cudaError_t cudaMallocAsync(T** place, size_t bytes, cudaStream_t) { return cudaMalloc(place, bytes); }
template <class T> cudaError_t cudaMallocHost(T** place, size_t bytes) { return cudaMalloc(place, bytes); }
inline cudaError_t cudaFree(void* place) { std::free(place); return 0; }
inline cudaError_t cudaFreeAsync(void* place, cudaStream_t) { return cudaFree(place); }
inline cudaError_t cudaFreeHost(void* place) { return cudaFree(place); }
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) { std::memmove(to, from, bytes); return 0; }
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t = nullptr) { std::memmove(to, from, bytes); return 0; }
inline cudaError_t cudaMemset(void* to, int value, size_t bytes) { std::memset(to, value, bytes); return 0; }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t = nullptr) { return cudaMemset(to, value, bytes); }
template <class T>
cudaError_t cudaMemcpyToSymbol(T& symbol, const void* from, size_t bytes, size_t offset = 0, int = 1) {
    std::memcpy(reinterpret_cast<char*>(&symbol) + offset, from, bytes);
    return 0;
}
template <class T>
cudaError_t cudaMemcpyToSymbolAsync(T& symbol, const void* from, size_t bytes, size_t offset, int, cudaStream_t = nullptr) {
    return cudaMemcpyToSymbol(symbol, from, bytes, offset);
}
template <class T>
cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, size_t bytes, size_t offset = 0, int = 1) {
    std::memcpy(to, reinterpret_cast<const char*>(&symbol) + offset, bytes);
    return 0;
}
template <class T> cudaError_t cudaGetSymbolAddress(void** place, T& symbol) { *place = &symbol; return 0; }

struct CUevent_st { std::chrono::steady_clock::time_point at; };
using cudaEvent_t = CUevent_st*;
inline cudaError_t cudaStreamCreate(cudaStream_t* made) { *made = nullptr; return 0; }
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* made, unsigned) { return cudaStreamCreate(made); }
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* made, unsigned, int) { return cudaStreamCreate(made); }
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return 0; }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned = 0) { return 0; }
inline cudaError_t cudaEventCreate(cudaEvent_t* made) { *made = new CUevent_st; return 0; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) { return cudaEventCreate(made); }
inline cudaError_t cudaEventDestroy(cudaEvent_t event) { delete event; return 0; }
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t = nullptr) { event->at = std::chrono::steady_clock::now(); return 0; }
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return 0; }
inline cudaError_t cudaEventQuery(cudaEvent_t) { return 0; }
inline cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
    *ms = std::chrono::duration<float, std::milli>(to->at - from->at).count();
    return 0;
}

// -- torch's ------------------------------------------------------------------------------------

namespace c10::cuda {
struct CUDAStream {
    cudaStream_t stream() const { return nullptr; }
    operator cudaStream_t() const { return nullptr; }
    void synchronize() const {}
    bool query() const { return true; }
    int device_index() const { return 0; }
};
inline CUDAStream getCurrentCUDAStream(int = -1) { return {}; }
inline CUDAStream getDefaultCUDAStream(int = -1) { return {}; }
inline CUDAStream getStreamFromPool(bool = false, int = -1) { return {}; }
inline void setCurrentCUDAStream(CUDAStream) {}
struct CUDAGuard {
    template <class... T> explicit CUDAGuard(const T&...) {}
};
using OptionalCUDAGuard = CUDAGuard;
struct CUDAStreamGuard {
    explicit CUDAStreamGuard(CUDAStream) {}
};
inline int current_device() { return 0; }
inline int device_count() { return 1; }
inline void device_synchronize() {}
}  // namespace c10::cuda

namespace at::cuda {
using c10::cuda::CUDAGuard, c10::cuda::OptionalCUDAGuard, c10::cuda::CUDAStream;
using c10::cuda::CUDAStreamGuard, c10::cuda::getCurrentCUDAStream;
using c10::cuda::getDefaultCUDAStream, c10::cuda::getStreamFromPool;
using c10::cuda::setCurrentCUDAStream;
inline cudaDeviceProp* getCurrentDeviceProperties() {
    static cudaDeviceProp one;
    return &one;
}
inline cudaDeviceProp* getDeviceProperties(int) { return getCurrentDeviceProperties(); }
struct CUDAEvent {
    explicit CUDAEvent(unsigned = 0) {}
    void record() {}
    void record(CUDAStream) {}
    void recordOnce(CUDAStream) {}
    void block(CUDAStream) {}
    void synchronize() const {}
    bool query() const { return true; }
};
template <class T> T ATenCeilDiv(T a, T b) { return (a + b - 1) / b; }
}  // namespace at::cuda
namespace at { using cuda::ATenCeilDiv; }
namespace torch::cuda { inline void synchronize(int = -1) {} }

#define C10_CUDA_CHECK(called) TORCH_CHECK((called) == 0, "CUDA error")
#define C10_CUDA_CHECK_WARN(called) (void)(called)
#define AT_CUDA_CHECK(called) C10_CUDA_CHECK(called)
#define CUDA_CHECK_TORCH(called) C10_CUDA_CHECK(called)
#define C10_CUDA_KERNEL_LAUNCH_CHECK() C10_CUDA_CHECK(cudaGetLastError())
