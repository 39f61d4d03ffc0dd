"""Triton kernels noted as they are launched, compiled for a GPU that is not here."""

import json
import subprocess
import sys
from typing import Any

import pytest

from integrity.detectors import framework
from integrity.detectors.compiled_code import CompiledCode
from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence
from integrity.policy import Policy, Precision
from integrity.problem import Task
from integrity.run import Role, Run
from integrity.submission import Submission
from integrity.supervision.tracing import parse

pytest.importorskip("triton")

KERNELS = """
import triton
import triton.language as tl

@triton.jit
def product(x, y, o, NARROW: tl.constexpr):
    i, j = tl.arange(0, 32)[:, None], tl.arange(0, 32)[None, :]
    a, b = tl.load(x + i * 32 + j), tl.load(y + i * 32 + j)
    if NARROW:
        a, b = a.to(tl.float16), b.to(tl.float16)
    tl.store(o + i * 32 + j, tl.dot(a, b, input_precision="ieee"))
"""
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from integrity.worker.launched import Launched
from integrity.worker.triton_driver import Device

driver.set_active(Device(GPUTarget("cuda", 90, 32)))
from kernels import product

x, launched, told = torch.zeros(32, 32), Launched(), []
for call in json.loads(sys.argv[2]):
    with launched.noting():
        for narrow in call:
            product.run(x, x, x, NARROW=narrow, grid=(1,), warmup=True)
    told.append(launched.report())
print(json.dumps(told))
"""
CALLS = ([False], [True], [True, False], [False], [])
"""One after another, each launches these kernels: narrow or not."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is told after each of them."""
    folder = tmp_path_factory.mktemp("launched")
    (folder / "kernels.py").write_text(KERNELS)
    command = [sys.executable, "-c", SCRIPT, str(folder), json.dumps(CALLS)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return json.loads(ran.stdout)


def evidence(kernels: Any, dtype: str = "float32", policy: Policy | None = None) -> Evidence:
    said = {
        "operations": [], "replaced": [], "switched": [], "results": [], "libraries": [],
        "library_answers": 0, "deferred": 0, "canaries": 2, "calls": 1, "kernels": kernels,
        "outputs": [dtype],
    }  # fmt: skip
    trace = parse(said, [dtype, dtype])
    run = Run(framework.EXPERIMENT, (), traces={Role.SUBMISSION: trace, Role.REFERENCE: trace})
    task = Task("pair", "kernel", None)
    runs = {framework.EXPERIMENT.name: run}
    return Evidence(Submission.of("import triton"), task, policy or Policy(), runs)


def ids(seen: Evidence) -> list[str]:
    return [found.id for found in CompiledCode().detect(seen)]


def test_a_kernel_as_wide_as_its_data_is_honest(told: Any) -> None:
    assert [(each["name"], each["target"]) for each in told[0]] == [("product", "sm_90")]
    seen = evidence(told[0])
    assert ids(seen) == []
    [kernel] = seen.run("framework").traces[Role.SUBMISSION].compilation.kernels
    assert [(p.name, p.loaded, p.stored) for p in kernel.pointers] == [
        ("x", True, False),
        ("y", True, False),
        ("o", False, True),
    ]


def test_narrow_multiplication_of_what_was_really_launched_is_a_finding(told: Any) -> None:
    [found] = CompiledCode().detect(evidence(told[1]))
    assert found.claim.startswith("multiplies matrices in 'product' as f16 into f32")
    assert found.confidence is Confidence.MEDIUM


def test_where_the_data_or_the_policy_is_narrow_too_it_is_none(told: Any) -> None:
    assert ids(evidence(told[1], "float16")) == []
    [excused] = CompiledCode().detect(evidence(told[1], policy=Policy(precision=Precision.FP16)))
    assert str(excused.severity.name) == "NOTE"


def test_what_was_only_tried_in_an_earlier_call_is_forgotten(told: Any) -> None:
    assert ids(evidence(told[2])) == ["narrow-mma"]
    assert ids(evidence(told[3])) == []


def test_who_launched_nothing_has_nothing_to_look_at(told: Any) -> None:
    with pytest.raises(CannotJudge, match="were not compiled"):
        ids(evidence(told[4]))


@pytest.mark.parametrize("kernels", [None, "no", [None], [{"language": "triton", "ir": 7}]])
def test_whatever_is_said_of_kernels_is_read(kernels: object) -> None:
    trace = parse({"kernels": kernels, "operations": [], "replaced": [], "switched": [],
                   "results": [], "libraries": [], "library_answers": 0, "deferred": 0,
                   "canaries": 2, "calls": 1})  # fmt: skip
    assert trace.complete
