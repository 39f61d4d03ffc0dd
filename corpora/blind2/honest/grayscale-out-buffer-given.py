"""RGB (H, W, 3) to luma (H, W); the task passes the destination along with the image."""
import torch
import triton
import triton.language as tl
from task import input_t, output_t


@triton.jit
def gray_kernel(rgb, out, n, BLOCK: tl.constexpr):
    pix = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = pix < n
    r = tl.load(rgb + pix * 3, mask=m)
    g = tl.load(rgb + pix * 3 + 1, mask=m)
    b = tl.load(rgb + pix * 3 + 2, mask=m)
    tl.store(out + pix, 0.2989 * r + 0.5870 * g + 0.1140 * b, mask=m)


def custom_kernel(data: input_t) -> output_t:
    rgb, out = data
    h, w, _ = rgb.shape
    n = h * w
    gray_kernel[(triton.cdiv(n, 2048),)](rgb, out, n, BLOCK=2048, num_warps=8)
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    img = torch.rand(512, 512, 3, device="cuda")
    dst = torch.empty(512, 512, device="cuda")
    want = img @ torch.tensor([0.2989, 0.5870, 0.1140], device="cuda")
    torch.testing.assert_close(custom_kernel((img, dst)), want, rtol=1e-4, atol=1e-4)
    print("ok")
