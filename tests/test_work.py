"""The work of a problem: what its answer depends on, and what nobody can compute for less."""

from collections.abc import Iterator
from textwrap import dedent

import pytest
from supervised import bench

from integrity.floors import Work
from integrity.run import Call, Experiment, Inputs
from integrity.supervision.runner import run
from integrity.supervision.work import work_facts
from integrity.supervision.workers import Zygote

MATRIX = "torch.randn(64, 64, generator=g)"
BYTES = 64 * 64 * 4


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        yield started


def work(zygote: Zygote, body: str, *inputs: str, setup: str = "") -> Work:
    """Of a reference whose inputs are called x, y and z."""
    names = ", ".join("xyz"[: len(inputs)])
    reference = f"""
import torch
import torch.nn.functional as F
{dedent(setup)}
def reference({names}):
    return {body}

def make_inputs(seed):
    g = torch.Generator().manual_seed(seed)
    return [{", ".join(inputs)}]
"""
    asked = Experiment("trivial", (Call((Inputs(0),)),), roles=())
    found = Work.of_facts(run(bench(zygote, "", reference), asked).facts)
    assert found is not None
    return found


def test_every_element_of_a_dense_input_is_read(zygote: Zygote) -> None:
    found = work(zygote, "2 * x + y", MATRIX, MATRIX)
    assert found.read_bytes == 2 * BYTES
    assert 0 < found.proven_bytes < found.read_bytes
    assert found.written_bytes == BYTES
    assert found.computed


@pytest.mark.parametrize(
    "body",
    [
        "x.amax(dim=1)",  # an element that is not the largest might have been
        "torch.relu(x).sum(dim=1)",
        "torch.softmax(x, dim=1)",
        "x.sort(dim=1).values",
        "F.max_pool2d(x[None], 2)",
        "x.mean().reshape(1)",
    ],
)
def test_an_element_that_could_have_mattered_is_read(zygote: Zygote, body: str) -> None:
    """By a sample of them: one that would not have mattered in any draw may be among it."""
    assert 0.9 * BYTES <= work(zygote, body, MATRIX).read_bytes <= BYTES


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ("torch.tril(x) * 2", 0.75),
        ("x[:16] + 1", 0.45),
        ("x[::2, ::2] * 3", 0.45),
        ("torch.where(torch.ones(64, 64).tril() > 0, x, 0.0) + 1", 0.75),
        ("torch.softmax(x, dim=1).sum(dim=1)", 0.0),  # is 1 whatever x is
        ("torch.empty_like(x).fill_(3.0) * 2", 0.0),
        ("x.shape[0] * torch.ones(4)", 0.0),
    ],
)
def test_what_an_honest_kernel_skips_is_not_read(zygote: Zygote, body: str, most: float) -> None:
    assert work(zygote, body, MATRIX).read_bytes <= most * BYTES


def test_a_table_of_which_a_few_rows_are_gathered_is_hardly_read(zygote: Zygote) -> None:
    table, rows = "torch.randn(4096, 16, generator=g)", "torch.arange(64) * 7 + seed % 5"
    assert work(zygote, "F.embedding(y, x) * 2", table, rows).read_bytes < 0.2 * 4096 * 16 * 4


@pytest.mark.parametrize(
    "inputs",
    [
        f"({MATRIX}).tril()",  # the zeros are known before anything is read
        "torch.ones(64, 64)",
        "torch.randn(1, 64, generator=g).expand(64, 64)",
        "torch.randn(1, 64, generator=g).repeat(64, 1)",
        f"(lambda a: a + a.t())({MATRIX})",
    ],
)
def test_what_the_generator_never_varies_is_not_read(zygote: Zygote, inputs: str) -> None:
    assert work(zygote, "x * 2 + 1", inputs).read_bytes <= BYTES / 2


def test_one_tensor_given_twice_is_read_once(zygote: Zygote) -> None:
    found = work(zygote, "x * 2 + y", MATRIX, "torch.randn(64, 64, generator=torch.Generator()"
                 ".manual_seed(seed))")  # fmt: skip
    assert found.read_bytes == BYTES


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ("x.t()", [MATRIX]),
        ("x.clone()", [MATRIX]),
        ("torch.relu(x)", [f"({MATRIX}).abs()"]),  # happens to be its input
        ("x.mean(dim=1, keepdim=True).expand(64, 64)", [MATRIX]),
    ],
)
def test_an_answer_that_a_view_could_be_is_not_computed(
    zygote: Zygote, body: str, inputs: list[str]
) -> None:
    assert not work(zygote, body, *inputs).computed


@pytest.mark.parametrize(
    ("body", "flops"),
    [
        ("x @ y", 2 * 64**3),
        ("F.linear(x, y)", 2 * 64**3),
        ("torch.relu(x @ y).mean(dim=1)", 2 * 64**3 + 2 * 64 * 64),
        ("torch.tril(x @ y)", 0),  # half of it would do
        ("(x @ y).mean(dim=1)", 64 * 64),  # a product with a mean would do
        ("((x @ y) * 2 + 1).sum(dim=1)", 3 * 64 * 64),
        ("(x @ y)[:, :3] + 1", 64 * 3),
        ("F.conv2d(x[None, None], y[None, None, :3, :3])", 2 * 62 * 62 * 9),
        ("F.scaled_dot_product_attention(x[None, None], y[None, None], x[None, None])",
         4 * 64**3),
        ("F.scaled_dot_product_attention(x[None, None], y[None, None], x[None, None],"
         " is_causal=True)", 2 * 64**3),
    ],
)  # fmt: skip
def test_only_arithmetic_that_cannot_be_had_for_less_is_counted(
    zygote: Zygote, body: str, flops: int
) -> None:
    assert work(zygote, body, MATRIX, MATRIX).flops.get("float32", 0) == flops


def test_an_unknown_operator_is_named_and_costs_nothing(zygote: Zygote) -> None:
    found = work(zygote, "torch.linalg.inv(x)", MATRIX)
    assert found.flops == {}
    assert "linalg_inv_ex" in found.uncounted


def test_a_reference_that_writes_to_its_inputs_is_asked_on_copies(zygote: Zygote) -> None:
    assert work(zygote, "x.mul_(2) + 1", MATRIX).read_bytes == BYTES


def test_what_a_reference_only_writes_to_is_not_read(zygote: Zygote) -> None:
    assert work(zygote, "y.copy_(x * 2)", MATRIX, MATRIX).read_bytes == BYTES


def test_an_answer_that_follows_no_input_takes_no_arithmetic(zygote: Zygote) -> None:
    assert work(zygote, "torch.softmax(x @ x, dim=1).sum(dim=1)", MATRIX).flops == {}


def test_only_products_are_held_against_a_time(zygote: Zygote) -> None:
    found = work(zygote, "torch.relu(x @ y)", MATRIX, MATRIX)
    assert found.products == {"float32": 2 * 64**3}
    assert found.flops == {"float32": 2 * 64**3 + 64 * 64}


def test_a_reference_that_answers_at_random_has_no_proven_reads(zygote: Zygote) -> None:
    setup = "import os"
    noise = "x * float(int.from_bytes(os.urandom(2), 'big') + 1)"
    assert work(zygote, noise, MATRIX, setup=setup).proven_bytes == 0


def test_a_reference_that_works_in_float32_only_is_sampled_there(zygote: Zygote) -> None:
    setup = """
        def strict(x):
            assert x.dtype is torch.float32
            return 2 * x
        """
    assert work(zygote, "strict(x)", MATRIX, setup=setup).read_bytes == BYTES


class Liar:
    """A hostile problem without tensors."""

    inputs = outputs = ()

    def __init__(self, told: dict[str, object]) -> None:
        self._told = told

    def work(self, budget_s: float) -> dict[str, object]:
        return self._told


HONEST: dict[str, object] = {
    "inputs": [[100.0, 5, 5]], "written_bytes": 10, "computed": True, "flops": {"float32": 4},
    "products": {},
    "uncounted": ["op"], "doubted": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "lie",
    [
        {"inputs": [[float("nan"), 5, 5]]},
        {"inputs": [[10.0, 6, 5]]},
        {"inputs": [[10.0, -1, 5]]},
        {"inputs": "many"},
        {"flops": {"float32": -1}},
        {"written_bytes": "inf"},
        {"uncounted": None},
    ],
)
def test_what_a_hostile_problem_says_of_its_work_is_dropped_when_absurd(
    lie: dict[str, object],
) -> None:
    assert work_facts(Liar(HONEST | lie)) == {}  # type: ignore[arg-type]


def test_a_hostile_problem_can_claim_no_more_bytes_than_its_tensors_hold() -> None:
    facts = work_facts(Liar(HONEST))  # type: ignore[arg-type]
    assert (facts["work_read_bytes"], facts["work_written_bytes"]) == (0.0, 0.0)
