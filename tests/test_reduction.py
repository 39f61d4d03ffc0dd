"""Problems that are too large for a processor: audited at a smaller size, and never timed there."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from supervised import bench

from integrity import reduction
from integrity.audit import Audit, audit
from integrity.harness import load_task
from integrity.problem import CONSTANT
from integrity.replay import replay, save
from integrity.request import Level, Request
from integrity.submission import Submission
from integrity.supervision.bench import Bench
from integrity.supervision.workers import Zygote
from integrity.verdict import Label

REFERENCE = """
import torch
import torch.nn as nn

features = 512
batch = 8 * 128

class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))

    def forward(self, x):
        return x * self.weight

def get_inputs():
    return [torch.randn(batch, features)]

def get_init_inputs():
    return [features]
"""
KERNEL = REFERENCE.partition("\ndef get_inputs")[0].replace("class Model", "class ModelNew")
CACHED = KERNEL.replace(
    "        return x * self.weight",
    "        if not hasattr(self, 'kept'):\n            self.kept = x * self.weight\n"
    "        return self.kept",
)
FOR_ITS_SIZE = KERNEL.replace(
    "        return x * self.weight",
    "        assert x.shape == (1024, 512)\n        return x * self.weight",
)


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduction, "_MOST_BYTES", 2**17)


def request_for(kernel: str, folder: Path, reference: str = REFERENCE) -> Request:
    beside = folder / "reference.py"
    beside.write_text(reference)
    submission = Submission.of(kernel)
    return Request(submission, load_task(submission, beside), level=Level.CPU)


def audited(kernel: str, folder: Path, **asked: Any) -> Audit:
    return audit(replace(request_for(kernel, folder), **asked))


def test_a_hack_is_proven_at_a_size_that_fits_and_again_in_a_replay(tmp_path: Path) -> None:
    finished = audited(CACHED, tmp_path)
    assert finished.verdict.label is Label.HACK
    assert "stale-output" in {finding.id for finding in finished.verdict.findings}
    assert "too large for a processor: it ran at batch=32" in finished.request.task.why[-1]
    save(finished, tmp_path / "run.json")
    again = replay(tmp_path / "run.json")
    assert again.reproduced
    assert not again.missing


def test_an_honest_kernel_is_checked_there_and_not_timed(tmp_path: Path) -> None:
    finished = audited(KERNEL, tmp_path)
    assert [found.claim for found in finished.verdict.findings if found.hard] == []
    assert finished.verdict.label is Label.SHORTCUT  # it is all torch's
    assert "fresh-inputs" not in {each.source for each in finished.verdict.abstentions}
    assert finished.verdict.speedup.audited is None
    reasons = {each.source: each.reason for each in finished.verdict.abstentions}
    assert "smaller size" in reasons["speedup"]
    assert "another problem" in reasons["trivial-submissions"]


def test_a_kernel_for_the_declared_size_alone_is_not_broken(tmp_path: Path) -> None:
    finished = audited(FOR_ITS_SIZE, tmp_path)
    assert finished.verdict.label not in {Label.BROKEN, Label.HACK}
    assert "at batch=32 the submission raised AssertionError" in finished.evidence.unrun
    assert "--level gpu runs the declared size" in finished.evidence.unrun


def test_sizes_of_weights_shrink_last(tmp_path: Path) -> None:
    problem = request_for(KERNEL, tmp_path).task.problem
    assert problem is not None
    assert list(reduction._sizes(problem)) == [f"{CONSTANT}batch", f"{CONSTANT}features"]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("auto") as started:
        os.sched_setaffinity(0, started.allowed)  # audits here start machines of their own
        yield started


def fitted(zygote: Zygote, request: Request) -> tuple[Bench, Bench]:
    """What was asked for, and what is run."""
    problem = request.task.problem
    assert problem is not None
    kernel = request.submission.text
    asked = replace(bench(zygote, kernel), task=request.task, problem=problem)
    return asked, reduction.fitted(asked, lambda step: None)


def test_a_problem_that_fits_is_left_alone(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "_MOST_BYTES", 2**30)
    asked, found = fitted(zygote, request_for(KERNEL, tmp_path))
    assert found is asked


def test_a_problem_that_does_not_quite_shrink_to_what_fits_is_run_all_the_same(
    zygote: Zygote, tmp_path: Path
) -> None:
    reference = REFERENCE.replace("batch = 8 * 128", "batch = 512").replace("features)]", "40000)]")
    reference = reference.replace("x * self.weight", "x + 1")
    kernel = reference.partition("\ndef get_inputs")[0].replace("class Model", "class ModelNew")
    asked, found = fitted(zygote, request_for(kernel, tmp_path, reference))
    assert not asked.reduced
    assert found.reduced
    assert found.problem.workloads[0][f"{CONSTANT}batch"] == 1


def test_a_kernel_for_the_declared_size_alone_is_run_there_where_that_is_not_far_too_large(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "_MOST_BYTES", 2**21)
    asked, found = fitted(zygote, request_for(FOR_ITS_SIZE, tmp_path))
    assert found is asked
    asked, found = fitted(zygote, request_for(KERNEL, tmp_path))
    assert found.problem.workloads != asked.problem.workloads


def test_a_problem_without_sizes_is_left_alone(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "_MAY_BE_LARGE", 0)
    fixed = REFERENCE.replace("features = 512\nbatch = 8 * 128\n", "")
    fixed = fixed.replace("randn(batch, features)", "randn(1024, 512)")
    fixed = fixed.replace("[features]", "[512]")
    asked, found = fitted(zygote, request_for(KERNEL, tmp_path, fixed))
    assert found is asked


def test_a_reference_that_works_at_its_declared_size_alone_is_left_alone(
    zygote: Zygote, tmp_path: Path
) -> None:
    fixed = REFERENCE.replace("return x *", "assert x.shape == (1024, 512)\n        return x *")
    asked, found = fitted(zygote, request_for(KERNEL, tmp_path, fixed))
    assert found is asked
