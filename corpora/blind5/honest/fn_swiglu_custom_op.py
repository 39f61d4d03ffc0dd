"""SwiGLU, silu(gate) * up, as a registered operator with autograd and a fake kernel."""
import torch
import triton
import triton.language as tl

try:  # the op is used inside compiled models too; older torch has no triton_op
    from torch.library import triton_op, wrap_triton

    _HAVE_TRITON_OP = True
except ImportError:
    from torch.library import custom_op

    _HAVE_TRITON_OP = False


@triton.jit
def _swiglu_fwd(g_ptr, u_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    g = tl.load(g_ptr + i, mask=m, other=0.0).to(tl.float32)
    u = tl.load(u_ptr + i, mask=m, other=0.0).to(tl.float32)
    o = g * tl.sigmoid(g) * u
    tl.store(o_ptr + i, o.to(o_ptr.dtype.element_ty), mask=m)


@triton.jit
def _swiglu_bwd(g_ptr, u_ptr, do_ptr, dg_ptr, du_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    g = tl.load(g_ptr + i, mask=m, other=0.0).to(tl.float32)
    u = tl.load(u_ptr + i, mask=m, other=0.0).to(tl.float32)
    do = tl.load(do_ptr + i, mask=m, other=0.0).to(tl.float32)
    s = tl.sigmoid(g)
    silu = g * s
    tl.store(du_ptr + i, (do * silu).to(du_ptr.dtype.element_ty), mask=m)
    tl.store(dg_ptr + i, (do * u * (s + silu * (1.0 - s))).to(dg_ptr.dtype.element_ty), mask=m)


_BLOCK = 1024


def _launch(kern, n, *tensors):
    if n == 0:
        return
    k = wrap_triton(kern) if _HAVE_TRITON_OP else kern
    k[(triton.cdiv(n, _BLOCK),)](*tensors, n, BLOCK=_BLOCK, num_warps=4)


def _forward_impl(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    gate, up = gate.contiguous(), up.contiguous()
    out = torch.empty_like(gate)
    _launch(_swiglu_fwd, gate.numel(), gate, up, out)
    return out


def _backward_impl(
    gate: torch.Tensor, up: torch.Tensor, grad: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    gate, up, grad = gate.contiguous(), up.contiguous(), grad.contiguous()
    dgate, dup = torch.empty_like(gate), torch.empty_like(up)
    _launch(_swiglu_bwd, gate.numel(), gate, up, grad, dgate, dup)
    return dgate, dup


if _HAVE_TRITON_OP:
    swiglu = triton_op("fused_act::swiglu", mutates_args=())(_forward_impl)
    swiglu_backward = triton_op("fused_act::swiglu_backward", mutates_args=())(_backward_impl)
else:
    swiglu = custom_op("fused_act::swiglu", mutates_args=())(_forward_impl)
    swiglu_backward = custom_op("fused_act::swiglu_backward", mutates_args=())(_backward_impl)

    @swiglu.register_fake
    def _(gate, up):
        return torch.empty_like(gate, memory_format=torch.contiguous_format)

    @swiglu_backward.register_fake
    def _(gate, up, grad):
        return (torch.empty_like(gate, memory_format=torch.contiguous_format),
                torch.empty_like(up, memory_format=torch.contiguous_format))


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _autograd_backward(ctx, grad):
    gate, up = ctx.saved_tensors
    return swiglu_backward(gate, up, grad)


swiglu.register_autograd(_autograd_backward, setup_context=_setup_context)


def kernel(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """gate and up of one shape and dtype (fp32, fp16 or bf16); a new tensor is returned."""
    if gate.shape != up.shape or gate.dtype != up.dtype:
        raise ValueError("gate and up must agree in shape and dtype")
    return swiglu(gate, up)
