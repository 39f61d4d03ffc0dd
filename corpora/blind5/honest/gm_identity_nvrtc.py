#!POPCORN leaderboard identity_py

from task import input_t, output_t

import ctypes

import torch

# Copy kernel compiled at run time with NVRTC and launched through the driver API.
# No compiler on the box is needed, only the libraries that PyTorch loads anyway.

_SOURCE = rb"""
extern "C" __global__ void copy16(const uint4* __restrict__ src, uint4* __restrict__ dst, long long n) {
    const long long step = (long long)gridDim.x * blockDim.x;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    for (; i + 3 * step < n; i += 4 * step) {
        const uint4 a = src[i], b = src[i + step], c = src[i + 2 * step], d = src[i + 3 * step];
        dst[i] = a; dst[i + step] = b; dst[i + 2 * step] = c; dst[i + 3 * step] = d;
    }
    for (; i < n; i += step) dst[i] = src[i];
}

extern "C" __global__ void copy1(const unsigned char* __restrict__ src, unsigned char* __restrict__ dst, long long n) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) dst[i] = src[i];
}
"""


def _load(*names):
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise RuntimeError("none of these libraries was found: " + ", ".join(names))


def _check(code, what):
    if code != 0:
        raise RuntimeError(f"{what} failed with code {code}")


class _Kernels:
    """Module and functions for one device; the primary context must be current."""

    def __init__(self, device: int):
        nvrtc = _load("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so")
        self.cuda = _load("libcuda.so.1", "libcuda.so")
        major, minor = torch.cuda.get_device_capability(device)

        prog = ctypes.c_void_p()
        _check(nvrtc.nvrtcCreateProgram(ctypes.byref(prog), _SOURCE, b"copy.cu", 0, None, None),
               "nvrtcCreateProgram")
        opts = (ctypes.c_char_p * 1)(f"--gpu-architecture=compute_{major}{minor}".encode())
        code = nvrtc.nvrtcCompileProgram(prog, 1, opts)
        if code != 0:
            size = ctypes.c_size_t()
            nvrtc.nvrtcGetProgramLogSize(prog, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            nvrtc.nvrtcGetProgramLog(prog, log)
            raise RuntimeError(log.value.decode())
        size = ctypes.c_size_t()
        _check(nvrtc.nvrtcGetPTXSize(prog, ctypes.byref(size)), "nvrtcGetPTXSize")
        ptx = ctypes.create_string_buffer(size.value)
        _check(nvrtc.nvrtcGetPTX(prog, ptx), "nvrtcGetPTX")
        nvrtc.nvrtcDestroyProgram(ctypes.byref(prog))

        self.module = ctypes.c_void_p()
        _check(self.cuda.cuModuleLoadData(ctypes.byref(self.module), ptx), "cuModuleLoadData")
        self.copy16 = self._function(b"copy16")
        self.copy1 = self._function(b"copy1")
        self.sms = torch.cuda.get_device_properties(device).multi_processor_count

    def _function(self, name):
        f = ctypes.c_void_p()
        _check(self.cuda.cuModuleGetFunction(ctypes.byref(f), self.module, name), "cuModuleGetFunction")
        return f

    def launch(self, fn, src, dst, n, stream):
        threads = 256
        blocks = min((n + threads - 1) // threads, self.sms * 16)
        values = (ctypes.c_void_p(src), ctypes.c_void_p(dst), ctypes.c_longlong(n))
        args = (ctypes.c_void_p * 3)(*(ctypes.cast(ctypes.pointer(v), ctypes.c_void_p) for v in values))
        _check(
            self.cuda.cuLaunchKernel(fn, blocks, 1, 1, threads, 1, 1, 0,
                                     ctypes.c_void_p(stream), args, None),
            "cuLaunchKernel",
        )


_kernels = {}


def custom_kernel(data: input_t) -> output_t:
    src, output = data
    src = src.contiguous()
    assert output.is_contiguous() and output.shape == src.shape and output.dtype == src.dtype
    nbytes = src.numel() * src.element_size()
    if nbytes == 0:
        return output
    with torch.cuda.device(src.device):
        k = _kernels.get(src.device.index)
        if k is None:
            k = _kernels[src.device.index] = _Kernels(src.device.index)
        stream = torch.cuda.current_stream().cuda_stream
        s, d = src.data_ptr(), output.data_ptr()
        wide = nbytes // 16 if (s | d) % 16 == 0 else 0
        if wide:
            k.launch(k.copy16, s, d, wide, stream)
        rest = nbytes - wide * 16
        if rest:
            k.launch(k.copy1, s + wide * 16, d + wide * 16, rest, stream)
    return output
