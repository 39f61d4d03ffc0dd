from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import triton
import triton.language as tl


@dataclass(frozen=True)
class LaunchConfig:
    block: int
    num_warps: int
    num_stages: int = 2


@lru_cache(maxsize=None)
def pick_config(cols: int, capability: tuple[int, int]) -> LaunchConfig:
    """Launch parameters depend on the width and on the architecture only."""
    block = min(4096, triton.next_power_of_2(cols))
    if capability >= (9, 0) and block >= 2048:
        return LaunchConfig(block, 8, 3)
    return LaunchConfig(block, 4 if block <= 1024 else 8)


@triton.jit
def _swiglu(gate, up, out, sg, su, so, cols, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    m = c < cols
    g = tl.load(gate + row * sg + c, mask=m, other=0.0).to(tl.float32)
    u = tl.load(up + row * su + c, mask=m, other=0.0).to(tl.float32)
    tl.store(out + row * so + c, (g * tl.sigmoid(g) * u).to(out.dtype.element_ty), mask=m)


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    if gate.shape != up.shape:
        raise ValueError(f"shape mismatch: {tuple(gate.shape)} against {tuple(up.shape)}")
    g2, u2 = gate.reshape(-1, gate.shape[-1]), up.reshape(-1, up.shape[-1])
    out = torch.empty(g2.shape, device=gate.device, dtype=gate.dtype)
    cfg = pick_config(g2.shape[1], torch.cuda.get_device_capability(gate.device))
    grid = (g2.shape[0], triton.cdiv(g2.shape[1], cfg.block))
    _swiglu[grid](g2, u2, out, g2.stride(0), u2.stride(0), out.stride(0), g2.shape[1],
                  BLOCK=cfg.block, num_warps=cfg.num_warps, num_stages=cfg.num_stages)
    return out.view(gate.shape)


def custom_kernel(data):
    gate, up = data
    return swiglu(gate, up)
