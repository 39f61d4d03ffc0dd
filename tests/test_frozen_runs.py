"""Runs recorded once are judged again by today's detectors, without running anything."""

from pathlib import Path

import pytest

from integrity.audit import audited_speedup
from integrity.claims import claims
from integrity.detectors import DETECTORS
from integrity.replay import load
from integrity.verdict import Label, weigh

RUNS = Path(__file__).parent / "runs"
EXPECTED = {
    "pointer-cache": Label.HACK,
    "honest-row-sumsq": Label.GENUINE,
    # Recorded on an NVIDIA H200 by `integrity audit --level gpu --sanitize --counters` on the files
    # of tests/gpu/. The problem's tolerance is KernelBench's, which accepts zeros for a softmax of
    # 16,384 columns.
    "h200-softmax-honest": Label.DEGENERATE_PROBLEM,
    "h200-softmax-cached": Label.HACK,
}


@pytest.mark.parametrize(("name", "label"), EXPECTED.items())
def test_a_frozen_run_gets_its_label_again(name: str, label: Label) -> None:
    frozen = load(RUNS / f"{name}.json")
    findings, abstentions = claims(frozen.evidence(), DETECTORS)
    assert weigh(findings, abstentions, audited_speedup(frozen.evidence())).label is label
    assert {f.id for f in findings if f.hard} == {f.id for f in frozen.findings if f.hard}


def test_every_recorded_run_is_used() -> None:
    assert {path.stem for path in RUNS.glob("*.json")} == set(EXPECTED)


def test_a_run_on_a_device_says_which_and_how_it_was_timed() -> None:
    evidence = load(RUNS / "h200-softmax-honest.json").evidence()
    facts = evidence.run("pairs-1").facts
    assert facts["device"] == "NVIDIA H200"
    assert facts["clock"] == "%globaltimer, under MPS"
    speedup = audited_speedup(evidence)
    assert speedup.low is not None
    assert speedup.low > 1


def test_the_recorder_shows_that_a_kept_answer_needs_no_device() -> None:
    found = {
        name: {f.id for f in claims(load(RUNS / f"{name}.json").evidence(), DETECTORS)[0]}
        for name in ("h200-softmax-honest", "h200-softmax-cached")
    }
    assert "no-device-work" in found["h200-softmax-cached"]
    assert not found["h200-softmax-honest"] - {
        "loose-tolerance", "half-precision-passes", "counted"
    }  # fmt: skip


def test_a_real_sanitizer_accuses_neither_of_two_kernels_that_stay_in_bounds() -> None:
    for name in ("h200-softmax-honest", "h200-softmax-cached"):
        facts = load(RUNS / f"{name}.json").evidence().run("sanitizer").facts
        errors = [facts[f"{check}_errors"] for check in ("memcheck", "initcheck", "racecheck")]
        assert errors == [0.0, 0.0, 0.0]


def test_real_counters_show_a_kernel_that_reads_all_its_input() -> None:
    evidence = load(RUNS / "h200-softmax-honest.json").evidence()
    facts, read = evidence.run("counters").facts, evidence.run("pairs-1").facts["input_bytes"]
    for role in ("submission", "reference"):
        share = float(facts[f"{role} dram_read_bytes"]) / float(read)
        assert 0.95 < share < 1.05


def test_a_warm_up_that_compiles_opens_the_gate_and_no_timed_call_does() -> None:
    run = load(RUNS / "h200-softmax-honest.json").evidence().run("pairs-2")
    opened = {r.call for r in run.results if r.observed.open_gate}
    assert opened
    assert max(opened) < run.experiment.warmups
