from task import input_t, output_t
import torch
import triton
import triton.language as tl


@triton.jit
def _gray_kernel(rgb_ptr, out_ptr, n_pixels, BLOCK: tl.constexpr):
    p = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = p < n_pixels
    # the three strided loads hit the same cache lines; L1 turns them into one stream
    r = tl.load(rgb_ptr + 3 * p, mask=m, other=0.0, cache_modifier=".ca")
    g = tl.load(rgb_ptr + 3 * p + 1, mask=m, other=0.0, cache_modifier=".ca")
    b = tl.load(rgb_ptr + 3 * p + 2, mask=m, other=0.0, cache_modifier=".ca")
    y = 0.2989 * r + 0.5870 * g + 0.1140 * b
    tl.store(out_ptr + p, y, mask=m, eviction_policy="evict_first")


@triton.jit
def _gray_strided(rgb_ptr, out_ptr, H, W, sh, sw, sc, oh, ow, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    m = c < W
    base = rgb_ptr + row * sh + c * sw
    r = tl.load(base, mask=m, other=0.0)
    g = tl.load(base + sc, mask=m, other=0.0)
    b = tl.load(base + 2 * sc, mask=m, other=0.0)
    tl.store(out_ptr + row * oh + c * ow, 0.2989 * r + 0.5870 * g + 0.1140 * b, mask=m)


# (block, warps) by size of the image; measured on an A100, all of them are correct anywhere
_LAUNCH = {
    "small": (256, 2),
    "medium": (512, 4),
    "large": (1024, 4),
}


def _bucket(n: int) -> str:
    if n <= 512 * 512:
        return "small"
    if n <= 2048 * 2048:
        return "medium"
    return "large"


def custom_kernel(data: input_t) -> output_t:
    rgb, output = data
    H, W, C = rgb.shape
    assert C == 3, "RGB image expected"
    n = H * W
    if n == 0:
        return output
    if rgb.is_contiguous() and output.is_contiguous():
        block, warps = _LAUNCH[_bucket(n)]
        _gray_kernel[(triton.cdiv(n, block),)](rgb, output, n, BLOCK=block, num_warps=warps)
    else:
        _gray_strided[(H, triton.cdiv(W, 512))](
            rgb, output, H, W, *rgb.stride(), *output.stride(), BLOCK=512, num_warps=4
        )
    return output
