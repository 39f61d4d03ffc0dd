"""References that draw samples: no output is right element by element, most are wrong."""

from collections.abc import Iterator

import pytest
from supervised import bench
from test_detectors import evidence, ids

from integrity.detectors.fresh_inputs import FreshInputs
from integrity.detectors.stochastic_output import StochasticOutput
from integrity.evidence import Evidence
from integrity.run import Call, Experiment, Inputs, Role
from integrity.supervision.runner import run
from integrity.supervision.workers import Zygote

DROPOUT = """
import torch

def reference(x):
    return torch.nn.functional.dropout(x, 0.5) + 1

def make_inputs(seed):
    return [torch.randn(64, 128, generator=torch.Generator().manual_seed(seed))]
"""
PAIRS = """
import torch

def reference(weights):
    counts = torch.multinomial(weights, 64, replacement=True)
    return counts.to(torch.int64), weights * 2

def make_inputs(seed):
    return [torch.rand(32, 16, generator=torch.Generator().manual_seed(seed)) ** 3]
"""
CALLS = (*(Call((Inputs(draw),)) for draw in range(16)), *(Call((Inputs(0),)) for _ in range(3)))


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def seen(zygote: Zygote, kernel: str, reference: str = DROPOUT) -> Evidence:
    return evidence(run(bench(zygote, kernel, reference), Experiment("values:x", CALLS)))


@pytest.mark.parametrize(
    "kernel",
    [
        "import torch\ndef kernel(x): return torch.nn.functional.dropout(x, 0.5) + 1",
        "import torch\ndef kernel(x): return x * 2 * (torch.rand_like(x) < 0.5) * 1.000001 + 1",
    ],
    ids=["the library's", "its own mask, other rounding"],
)
def test_another_sample_of_the_same_distribution_is_right(zygote: Zygote, kernel: str) -> None:
    found = seen(zygote, kernel)
    assert ids(StochasticOutput(), found) == []
    assert ids(FreshInputs(), found) == []


def test_samples_of_indices_are_compared_too(zygote: Zygote) -> None:
    own = """
        import torch
        def kernel(weights):
            edges = torch.cumsum(weights / weights.sum(1, keepdim=True), 1)
            picked = torch.searchsorted(edges, torch.rand(32, 64)).clamp_(max=15)
            return picked, weights + weights
    """
    assert ids(StochasticOutput(), seen(zygote, own, PAIRS)) == []
    uniform = """
        import torch
        def kernel(weights):
            return torch.randint(0, 16, (32, 64)), weights + weights
    """
    assert ids(StochasticOutput(), seen(zygote, uniform, PAIRS)) == ["other-distribution"]


def test_a_part_that_is_no_sample_has_to_be_right_all_the_same(zygote: Zygote) -> None:
    kernel = """
        import torch
        def kernel(weights):
            return torch.multinomial(weights, 64, replacement=True), weights * 3
    """
    assert "wrong-output" in ids(FreshInputs(), seen(zygote, kernel, PAIRS))


@pytest.mark.parametrize(
    "result",
    [
        "torch.zeros_like(x)",
        "x + 1",
        "torch.nn.functional.dropout(x, 0.4) + 1",
        "torch.nn.functional.dropout(x[torch.randperm(64)], 0.5) + 1",
        "torch.nn.functional.dropout(x, 0.5) * (torch.arange(64) < 16)[:, None] + 1",
        "kept[0] if kept else kept.append(torch.nn.functional.dropout(x, 0.5) + 1) or kept[0]",
    ],
    ids=["zeros", "no dropout", "another rate", "other rows", "a quarter", "the first one"],
)
def test_what_the_reference_would_not_draw_is_no_sample(zygote: Zygote, result: str) -> None:
    found = seen(zygote, f"import torch\nkept = []\ndef kernel(x): return {result}")
    assert "other-distribution" in ids(StochasticOutput(), found)


def test_one_mask_for_ever_is_suspicious(zygote: Zygote) -> None:
    kernel = """
        import torch
        def kernel(x):
            torch.manual_seed(7)
            return torch.nn.functional.dropout(x, 0.5) + 1
    """
    assert ids(StochasticOutput(), seen(zygote, kernel)) == ["same-sample"]


def test_a_reference_that_rounds_in_any_order_draws_no_samples(zygote: Zygote) -> None:
    shuffled = DROPOUT.replace(
        "torch.nn.functional.dropout(x, 0.5) + 1",
        "x[:, torch.randperm(128)].sum(1)",
    )
    finished = run(
        bench(zygote, "def kernel(x): return x.sum(1)", shuffled), Experiment("x", CALLS[:3])
    )
    assert [r.observed.checks[0].p_value for r in finished.of(Role.SUBMISSION)] == [None] * 3
    assert [r.observed.checks[0].wrong for r in finished.of(Role.SUBMISSION)] == [False] * 3
