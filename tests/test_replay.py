"""Evidence on file: whole, refused when it is not evidence, and run again."""

from pathlib import Path

import pytest

from integrity.audit import audit
from integrity.claims import claims
from integrity.detectors import DETECTORS
from integrity.errors import BadInput
from integrity.harness import load_task
from integrity.replay import load, replay, save
from integrity.request import Request
from integrity.submission import Submission
from integrity.verdict import Label

REFERENCE = """
import torch

def reference(x):
    return 2 * x + 1

def make_inputs(seed):
    return [torch.randn(16, 64, generator=torch.Generator().manual_seed(seed))]
"""
CACHE = """
kept = {}

def kernel(x):
    key = x.shape
    if key not in kept:
        kept[key] = 2 * x + 1
    return kept[key]
"""


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    (folder / "reference.py").write_text(REFERENCE)
    (folder / "kernel.py").write_text(CACHE)
    submission = Submission.read(folder / "kernel.py")
    finished = audit(Request(submission, load_task(submission)))
    assert finished.verdict.label is Label.HACK
    save(finished, folder / "evidence.json")
    return folder / "evidence.json"


def test_frozen_evidence_is_judged_again_without_running_anything(evidence: Path) -> None:
    frozen = load(evidence)
    findings, _ = claims(frozen.evidence(), DETECTORS)
    assert {finding.id for finding in findings} == {finding.id for finding in frozen.findings}


def test_every_hard_finding_reproduces_from_the_recorded_seed(evidence: Path) -> None:
    again = replay(evidence)
    assert again.missing == ()
    assert {finding.id for finding in again.reproduced} >= {"stale-output", "pointer-cache"}


def test_a_finding_that_does_not_come_back_is_named(evidence: Path, tmp_path: Path) -> None:
    honest = evidence.read_text().replace("if key not in kept:", "if True:")
    honest = honest.replace('"timeout_s": 120.0', '"timeout_s": 8.0')
    (tmp_path / "edited.json").write_text(honest)
    assert "stale-output" in {finding.id for finding in replay(tmp_path / "edited.json").missing}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', "not json", "\0"])
def test_what_is_no_evidence_is_refused_with_the_way_to_get_some(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match="--evidence"):
        load(tmp_path / "x.json")


def test_evidence_that_cannot_be_written_is_a_usage_error(evidence: Path, tmp_path: Path) -> None:
    frozen = load(evidence)
    finished = audit(frozen.request, detectors=())
    with pytest.raises(BadInput, match="can't be written"):
        save(finished, tmp_path / "missing" / "x.json")
