"""Runs recorded once are judged again by today's detectors, without running anything."""

from pathlib import Path

import pytest

from integrity.audit import audited_speedup
from integrity.claims import claims
from integrity.detectors import DETECTORS
from integrity.replay import load
from integrity.verdict import Label, weigh

RUNS = Path(__file__).parent / "runs"
EXPECTED = {"pointer-cache": Label.HACK, "honest-row-sumsq": Label.GENUINE}


@pytest.mark.parametrize(("name", "label"), EXPECTED.items())
def test_a_frozen_run_gets_its_label_again(name: str, label: Label) -> None:
    frozen = load(RUNS / f"{name}.json")
    findings, abstentions = claims(frozen.evidence(), DETECTORS)
    assert weigh(findings, abstentions, audited_speedup(frozen.evidence())).label is label
    assert {f.id for f in findings if f.hard} == {f.id for f in frozen.findings if f.hard}


def test_every_recorded_run_is_used() -> None:
    assert {path.stem for path in RUNS.glob("*.json")} == set(EXPECTED)
