"""Eight-bit inputs are jittered and perturbed like wide ones: what a low-bit oracle needs (C11)."""

from collections.abc import Iterator

import numpy as np
import pytest
from supervised import bench
from test_detectors import evidence, ids

from integrity.detectors.fresh_inputs import FreshInputs
from integrity.detectors.input_jitter import InputJitter
from integrity.evidence import Evidence
from integrity.supervision.compare import decode
from integrity.supervision.jitter import encode
from integrity.supervision.memory import Tensor
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

BLOCK_SCALED = """
import torch

def reference(x, scales):
    return (x.float().view(64, 4, 256) * scales[:, :, None]).sum((1, 2))

def make_inputs(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(64, 1024, generator=generator).to(torch.float8_e4m3fn)
    return [x, torch.rand(64, 1, generator=generator).expand(64, 4).contiguous()]
"""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def seen(zygote: Zygote, body: str) -> Evidence:
    kernel = f"import torch\ndef kernel(x, scales): return {body}"
    [experiment] = InputJitter().experiments(bench(zygote, kernel).problem, 1)
    return evidence(run(bench(zygote, kernel, BLOCK_SCALED), experiment))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_every_finite_code_survives_and_others_are_rounded_as_torch_does(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    codes = np.arange(256, dtype=np.uint8)
    values = decode(Tensor((256,), dtype), codes)
    finite = np.isfinite(values)
    assert (encode(Tensor((256,), dtype), values)[finite] == codes[finite]).all()
    drawn = np.random.default_rng(0).normal(size=10_000).astype(np.float32) * 8
    rounded = torch.from_numpy(drawn).to(getattr(torch, dtype)).view(torch.uint8).numpy()
    assert (encode(Tensor((10_000,), dtype), drawn.astype(np.float64)) == rounded).mean() > 0.995


def test_e4m3_has_no_infinity_and_says_so() -> None:
    tensor = Tensor((3,), "float8_e4m3fn")
    beyond = encode(tensor, np.array([1e9, -1e9, np.nan]))
    assert decode(tensor, beyond)[:2].tolist() == [448.0, -448.0]
    assert np.isnan(decode(tensor, beyond)[2])


def test_block_scales_in_another_order_are_honest(zygote: Zygote) -> None:
    honest = seen(zygote, "(x.float().view(64, 4, 256).sum(2) * scales).sum(1)")
    assert ids(InputJitter(), honest) == []
    assert ids(FreshInputs(), honest) == []


def test_one_scale_for_a_row_is_right_only_where_all_are_equal(zygote: Zygote) -> None:
    coarse = seen(zygote, "x.float().sum(1) * scales[:, 0]")
    assert ids(FreshInputs(), coarse) == []
    assert ids(InputJitter(), coarse) == ["input-specialised"]
