"""Where a speedup holds: other baselines, other sizes, other dtypes."""

from collections.abc import Iterator
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from integrity import operating
from integrity.audit import audit
from integrity.commands.audit import parser
from integrity.detectors.shapes import Shapes
from integrity.evidence import Evidence
from integrity.operating import OperatingPoint, experiments, points, widened
from integrity.policy import Policy
from integrity.problem import CAST, CONSTANT, Convention, Problem, Task
from integrity.recording import record
from integrity.reports.points import point_lines
from integrity.request import Isolation, Level, Request
from integrity.run import Role
from integrity.submission import Submission
from integrity.supervision.machine import Machine, machine

PAIR = """
import torch

def reference(x):
    return 2 * x + 1

def make_inputs(seed, n=4096):
    return [torch.randn(n)]
"""
KERNEL = "def kernel(x): return x * 2 + 1"
BENCH = """
import torch
batch_size = 16
dim = 1024
eps = 1e-5
flag = True
class Model(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x)
def get_inputs():
    return [torch.rand(batch_size, dim)]
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[Machine]:
    with machine(Level.CPU, Isolation.AUTO) as started:
        yield started


def request(source: str = PAIR, kernel: str = KERNEL, **more: Any) -> Request:
    problem = Problem(
        "pair", Convention.ARGUMENTS, {"reference": dedent(source)}, "reference", "make_inputs"
    )
    return Request(Submission.of(kernel), Task("pair", "kernel", problem), **more)


def the_problem(asked: Request) -> Problem:
    assert asked.task.problem is not None
    return asked.task.problem


def test_without_the_flag_there_is_no_envelope() -> None:
    asked = request()
    every = widened(the_problem(asked), asked)
    names = [each.name for each in experiments(the_problem(asked), every, asked)]
    assert names == ["shapes-1", "shapes-2"]


def test_shapes_are_one_smaller_and_prime() -> None:
    asked = request()
    assert [each["n"] for each in widened(the_problem(asked), asked).workloads[1:]] == [4095, 4099]


@pytest.mark.parametrize(
    ("kernel", "found"),
    [
        ("def kernel(x): return x * 2 + 1", []),
        ("def kernel(x):\n    assert x.numel() == 4096\n    return x * 2 + 1", []),
        (
            "def kernel(x):\n    y = x * 2 + 1\n    y[4096:] = 0\n    return y",
            ["shape-specialised"],
        ),
    ],
    ids=["right everywhere", "refuses loudly", "wrong in the tail"],
)
def test_other_sizes_are_answered_rightly_or_refused(
    warm: Machine, kernel: str, found: list[str]
) -> None:
    asked = request(kernel=kernel)
    problem = the_problem(asked)
    every = widened(problem, asked)
    evidence, _ = record(asked, [Shapes()], warm=warm)
    assert set(evidence.runs) == {e.name for e in experiments(problem, every, asked)}
    assert [finding.id for finding in Shapes().detect(evidence)] == found
    strict = replace(evidence, policy=Policy(shapes_vary=True))
    assert [finding.hard for finding in Shapes().detect(strict)] == [True] * len(found)


def test_each_size_is_halved_doubled_and_made_odd() -> None:
    asked = request(envelope=True)
    around = widened(the_problem(asked), asked).workloads[3:]
    assert [each["n"] for each in around if "n" in each] == [2048, 8192, 4095]
    assert [each[CAST] for each in around if CAST in each] == ["bfloat16", "float16"]


def test_a_kernelbench_module_is_varied_by_its_constants() -> None:
    asked = request(BENCH, envelope=True)
    problem = replace(the_problem(asked), make_inputs="get_inputs")
    names = {name for each in widened(problem, asked).workloads[1:] for name in each}
    assert names == {CONSTANT + "batch_size", CONSTANT + "dim", CAST}


def test_declared_arguments_are_varied_rather_than_defaults() -> None:
    asked = request(envelope=True)
    problem = replace(the_problem(asked), workloads=({"n": 100, "seed": 7},))
    around = widened(problem, asked).workloads[3:]
    assert {each.get("n") for each in around} == {50, 200, 99, 100}
    assert all(each["seed"] == 7 for each in around)


def test_declared_workloads_are_timed_at_level_gpu() -> None:
    asked = request(level=Level.GPU)
    problem = replace(the_problem(asked), workloads=({"n": 64}, {"n": 128}))
    found = list(experiments(problem, problem, asked))
    assert [(each.name, each.workload) for each in found] == [("workload-1", 1)]


def test_a_compiled_baseline_takes_the_references_place() -> None:
    asked = request(baselines=(Role.REFERENCE, Role.COMPILED, Role.GRAPHED))
    found = list(experiments(the_problem(asked), the_problem(asked), asked))
    assert [each.roles[1] for each in found] == [Role.COMPILED, Role.GRAPHED]


def test_what_could_not_be_run_is_said() -> None:
    asked = request()
    evidence = Evidence(asked.submission, asked.task, skipped={"baseline-compiled": "no time left"})
    assert points(evidence, the_problem(asked)) == (
        OperatingPoint("compile", {}, None, note="no time left"),
    )


def test_points_are_printed_a_line_each() -> None:
    shown = list(
        point_lines(
            [
                OperatingPoint("compile", {}, 1.31, 1.28, 1.34, 10),
                OperatingPoint("eager", {CONSTANT + "dim": 7, CAST: "float16"}, None, note="no"),
            ]
        )
    )
    assert shown == [
        "1.31x (1.28 to 1.34) over compile",
        "no speedup over eager, dim=7, as float16: no",
    ]


def test_baselines_are_named_on_the_command_line(capsys: Any) -> None:
    asked = parser().parse_args(["k.py", "--baseline", "eager,compile"])
    assert asked.baseline == (Role.REFERENCE, Role.COMPILED)
    with pytest.raises(SystemExit):
        parser().parse_args(["k.py", "--baseline", "fastest"])
    assert "compile-graphs" in capsys.readouterr().err


def test_an_envelope_finds_the_size_at_which_a_kernel_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operating, "_MOST_POINTS", 3)
    monkeypatch.setattr(operating, "_THOROUGH", (3, 5, 2))
    kernel = "def kernel(x):\n    assert x.numel() % 2 == 0\n    return x * 2 + 1"
    asked = request(kernel=kernel, envelope=True, timeout_s=90)
    finished = audit(asked, detectors=())
    notes = {tuple(point.workload.items()): point for point in finished.points}
    assert "AssertionError" in notes[("n", 4095),].note
    assert "AssertionError" not in notes[("n", 8192),].note
    assert len(finished.points) == 3
