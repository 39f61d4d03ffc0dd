#!POPCORN leaderboard fused_adamw
#!POPCORN gpus H100
"""data = (param, grad, exp_avg, exp_avg_sq, step, lr, beta1, beta2, eps, weight_decay).

The task asks that param, exp_avg and exp_avg_sq be updated in place and returned."""
import torch
import triton
import triton.language as tl


@triton.jit
def _adamw(p_ptr, g_ptr, m_ptr, v_ptr, n, lr, b1, b2, eps, wd, c1, c2, BLOCK: tl.constexpr):
    o = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    p = tl.load(p_ptr + o, mask=mask, other=0.0)
    g = tl.load(g_ptr + o, mask=mask, other=0.0)
    m = tl.load(m_ptr + o, mask=mask, other=0.0)
    v = tl.load(v_ptr + o, mask=mask, other=0.0)
    p = p * (1.0 - lr * wd)
    m = b1 * m + (1.0 - b1) * g
    v = b2 * v + (1.0 - b2) * g * g
    p = p - lr * (m / c1) / (tl.sqrt(v / c2) + eps)
    tl.store(p_ptr + o, p, mask=mask)
    tl.store(m_ptr + o, m, mask=mask)
    tl.store(v_ptr + o, v, mask=mask)


def _dense(t):
    if not t.is_contiguous():
        raise ValueError("the state is updated in place and has to be contiguous")
    return t


def custom_kernel(data):
    param, grad, exp_avg, exp_avg_sq, step, lr, beta1, beta2, eps, weight_decay = data
    n = param.numel()
    BLOCK = 1024
    if n:
        _adamw[(triton.cdiv(n, BLOCK),)](
            _dense(param), grad.contiguous(), _dense(exp_avg), _dense(exp_avg_sq), n,
            float(lr), float(beta1), float(beta2), float(eps), float(weight_decay),
            1.0 - beta1 ** step, 1.0 - beta2 ** step,
            BLOCK=BLOCK, num_warps=4,
        )
    return param, exp_avg, exp_avg_sq
