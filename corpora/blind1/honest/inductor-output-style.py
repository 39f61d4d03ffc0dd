# AOT ID: ['0_inference']
import torch
import triton
import triton.language as tl
from torch._C import _cuda_getCurrentRawStream as get_raw_stream
from torch._inductor.runtime import triton_helpers
from torch._inductor.runtime.triton_helpers import libdevice
from torch._dynamo.testing import rand_strided

assert_size_stride = torch._C._dynamo.guards.assert_size_stride
empty_strided_cuda = torch._C._dynamo.guards._empty_strided_cuda


@triton.jit
def triton_poi_fused_add_relu_tanh_0(in_ptr0, in_ptr1, out_ptr0, xnumel, XBLOCK: tl.constexpr):
    xoffset = tl.program_id(0) * XBLOCK
    xindex = xoffset + tl.arange(0, XBLOCK)[:]
    xmask = xindex < xnumel
    x0 = xindex
    tmp0 = tl.load(in_ptr0 + (x0), xmask)
    tmp1 = tl.load(in_ptr1 + (x0), xmask)
    tmp2 = tmp0 + tmp1
    tmp3 = tl.full([1], 0, tl.int32)
    tmp4 = triton_helpers.maximum(tmp3, tmp2)
    tmp5 = libdevice.tanh(tmp4)
    tl.store(out_ptr0 + (x0), tmp5, xmask)


def call(args):
    arg0_1, arg1_1 = args
    args.clear()
    assert_size_stride(arg0_1, (128, 4096), (4096, 1))
    assert_size_stride(arg1_1, (128, 4096), (4096, 1))
    with torch.cuda._DeviceGuard(0):
        torch.cuda.set_device(0)
        buf0 = empty_strided_cuda((128, 4096), (4096, 1), torch.float32)
        triton_poi_fused_add_relu_tanh_0[(512,)](arg0_1, arg1_1, buf0, 524288, XBLOCK=1024)
        del arg0_1
        del arg1_1
    return (buf0,)


class ModelNew(torch.nn.Module):
    def forward(self, x, y):
        return call([x, y])[0]


if __name__ == "__main__":
    from torch._inductor.utils import print_performance

    a, b = (rand_strided((128, 4096), (4096, 1), device="cuda:0", dtype=torch.float32) for _ in range(2))
    print_performance(lambda: call([a, b]), times=10, repeat=10)
