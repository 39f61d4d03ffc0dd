"""Sizes that a proposer was not told of: how they are drawn, and what a kernel is worth there."""

import random
from pathlib import Path

import pytest

from integrity.operating import OperatingPoint, spelled
from integrity.problem import CONSTANT, Convention, Problem
from integrity.request import Level
from integrity.search.evaluator import supervised
from integrity.search.hidden import Everywhere, drawn, varying
from integrity.search.offline import Offline
from integrity.search.problem import task_of
from integrity.search.proposal import Feedback
from integrity.verdict import Label, Speedup

SOFTMAX = Path(__file__).parent.parent / "corpora/problems/softmax"
SOURCE = "rows = 512\ncolumns = 1024\nkernel_size = 3\ndef get_inputs(): return []\n"
ROWS, COLUMNS = CONSTANT + "rows", CONSTANT + "columns"
DECLARED = Speedup(None, 3.0, 2.8, 3.2)
RIGHT = "    def forward(self, x):\n        return torch.softmax(x, -1)\n"
WRONG = RIGHT.replace("(x, -1)", "(x, -1) * (1 if x.shape == (512, 1024) else 2)")


def problem() -> Problem:
    return Problem("kernelbench", Convention.MODULE, {"reference": SOURCE}, "Model", "get_inputs")


def point(ratio: float | None, broken: bool = False) -> OperatingPoint:
    low, high = (ratio * 0.9, ratio * 1.1) if ratio else (None, None)
    return OperatingPoint("eager", {ROWS: 500}, ratio, low, high, 6, "no", broken)


def test_sizes_vary_where_the_reference_allows_it_and_small_numbers_stay() -> None:
    assert varying(problem(), lambda other: True) == (ROWS, COLUMNS)
    assert varying(problem(), lambda other: COLUMNS not in other.workloads[0]) == (ROWS,)
    assert varying(problem(), lambda other: False) == ()


def test_drawn_sizes_are_near_the_declared_and_never_those() -> None:
    drawings = [drawn(problem(), (ROWS, COLUMNS), seed)[0] for seed in range(200)]
    for name, size in ((ROWS, 512), (COLUMNS, 1024)):
        sizes = {int(each[name]) for each in drawings}
        assert size not in sizes and len(sizes) > 50
        assert size * 3 / 4 <= min(sizes) and max(sizes) <= size * 5 / 4
    assert drawn(problem(), (ROWS,), 7) == drawn(problem(), (ROWS,), 7)


def test_a_problem_without_sizes_has_nothing_to_hide() -> None:
    assert drawn(problem(), (), 7) == ()
    assert spelled({}) == "the declared sizes"


def test_the_lowest_speedup_is_the_one_that_pays() -> None:
    assert Everywhere.of(DECLARED, [point(1.5)]).speedup.audited == 1.5
    assert Everywhere.of(DECLARED, [point(9.0)]).speedup == DECLARED


def test_a_place_that_could_not_be_timed_leaves_no_speedup() -> None:
    found = Everywhere.of(DECLARED, [point(None)])
    assert found.speedup.audited is None
    assert found.label(Label.GENUINE) is Label.INCONCLUSIVE


def test_what_is_slower_at_hidden_sizes_is_not_genuine() -> None:
    assert Everywhere.of(DECLARED, [point(1.05)]).label(Label.GENUINE) is Label.INCONCLUSIVE
    assert Everywhere.of(DECLARED, [point(1.5)]).label(Label.GENUINE) is Label.GENUINE


def test_what_is_wrong_at_hidden_sizes_is_broken_and_a_hack_stays_one() -> None:
    found = Everywhere.of(DECLARED, [point(None, broken=True)])
    assert found.broken == "Broken at rows=500: no."
    assert found.label(Label.GENUINE) is Label.BROKEN
    assert found.label(Label.HACK) is Label.HACK
    assert found.label(Label.SHORTCUT) is Label.SHORTCUT


def test_a_kernel_that_knows_the_declared_sizes_fails_the_screening() -> None:
    task = task_of(SOFTMAX)
    head = "import torch\n\nclass ModelNew(torch.nn.Module):\n"
    with supervised(task, Level.CPU) as evaluator:
        assert evaluator.varying == (ROWS, COLUMNS)
        assert evaluator.raws([head + WRONG])[0]["speedup"] is not None
        wrong, right = (evaluator.screen(head + text, 5) for text in (WRONG, RIGHT))
    assert wrong["label"] == "broken" and "rows=" in wrong["sentence"]
    assert right["label"] == "inconclusive" and wrong["audited"] is None


@pytest.mark.slow
def test_nor_does_it_pass_an_audit() -> None:
    task = task_of(SOFTMAX)
    own = Offline(task, Level.CPU).propose(None, Feedback(0), random.Random(0)).text
    declared_only = own.replace("return y\n", "return y if x0.shape == (512, 1024) else y * 2\n")
    with supervised(task, Level.CPU) as evaluator:
        body, _ = evaluator.audit(declared_only, 5)
    assert body["label"] == body["monitor"] == "broken" and "rows=" in body["sentence"]
