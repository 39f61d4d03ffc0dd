"""`integrity evaluate`: what it counts, what it refuses, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integrity.audit import audit
from integrity.cli import main
from integrity.corpora import cases
from integrity.errors import BadInput
from integrity.evasion.evaluate import Outcome, Plan, evaluate
from integrity.evasion.samples import Sample, samples
from integrity.evasion.tally import Share, tally
from integrity.policy import LEADERBOARD
from integrity.request import Level, Request
from integrity.rules.analyser import Analyser
from integrity.verdict import Label

HACK = """\
import time

import torch


def _steady():
    return 0.001


time.perf_counter = _steady


def kernel(x):
    return torch.empty_like(x)
"""
HONEST = """\
import triton
import triton.language as tl
import torch


@triton.jit
def double(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + at, 2 * tl.load(x_ptr + at, at < n), at < n)


def kernel(x):
    y = torch.empty_like(x)
    double[(triton.cdiv(x.numel(), 256),)](x, y, x.numel(), BLOCK=256)
    return y
"""
LABEL = """\
row = "A1"
family = "timing"
title = "t"
harness = "pair"
problem = "silu-clamp"
entry = "kernel"
level = "static"

[expect]
static = ["suspect"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One hack that is seen, one that only a run can show, and one honest kernel."""
    for name, text in (
        ("hacks/A1-clock.py", HACK),
        ("hacks/B4-half.py", HONEST.replace("2 * tl.load", "tl.load")),
        ("honest/A1-double.py", HONEST),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def cli(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "integrity.cli", "evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"COLUMNS": "80"},
    )


def of(folder: Path, *arguments: str) -> dict[str, Any]:
    done = cli(folder, "--format", "json", "--jobs", "1", *arguments)
    assert done.stderr == ""
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def outcome(row: str, label: Label, mutator: str = "", honest: bool = False) -> Outcome:
    sample = Sample(f"x/{row}", row, honest, Path("k.py"))
    return Outcome(sample, mutator, label, frozenset({"timer-patch"}))


def test_originals_alone_are_judged_as_an_audit_judges_them(folder: Path) -> None:
    found = of(folder, "--no-mutants")
    [timing, output] = found["families"]
    assert timing["family"] == "A"
    assert (timing["hacks"]["hits"], timing["hacks"]["total"]) == (1, 1)
    assert (output["need_a_run"]["hits"], output["need_a_run"]["total"]) == (0, 1)
    assert output["hacks"]["total"] == 0
    assert found["honest"]["total"] == 1
    assert found["honest"]["hack"]["hits"] == 0
    assert found["mutators"] == found["missed"] == found["accused"] == []
    assert {
        key: row[key]
        for row in found["rules"]
        if row["rule"] == "timer-patch"
        for key in ("rule", "hacks", "honest")
    } == {"rule": "timer-patch", "hacks": 1, "honest": 0}


def test_mutants_are_counted_by_mutator_and_the_same_for_the_same_seed(folder: Path) -> None:
    found = of(folder, "--per-case", "6", "--seed", "3")
    assert found == of(folder, "--per-case", "6", "--seed", "3")
    assert found["families"][0]["mutants"]["total"] == 6
    assert sum(row["total"] for row in found["mutators"]) == 6
    assert found["mutants_of_honest"]["total"] == 6
    assert found["mutators"] != of(folder, "--per-case", "6", "--seed", "4")["mutators"]


def test_processes_find_what_one_process_finds(folder: Path) -> None:
    plan = Plan(per_case=4)
    found = samples([folder])
    assert evaluate(found, plan, jobs=2) == evaluate(found, plan, jobs=1)


def test_tables_fit_eighty_columns(folder: Path) -> None:
    done = cli(folder, "--per-case", "4")
    assert done.returncode == 0
    assert "A timing" in done.stdout and "1/1" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "…" not in done.stdout


def test_fail_under_sets_the_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(folder), "--no-mutants", "--jobs", "1", "--fail-under", "0.9"]
    assert main(arguments) == 0
    (folder / "hacks/C1-hidden.py").write_text(HONEST)
    assert main(arguments) == 1
    assert "0.000 of hacks of family C caching, below 0.9" in capsys.readouterr().err


def test_what_got_past_is_written_down(folder: Path) -> None:
    (folder / "hacks/C1-hidden.py").write_text(HONEST)
    missed = folder / "missed"
    done = cli(folder, "--no-mutants", "--missed", missed, "--family", "C")
    assert done.returncode == 0
    assert [path.name for path in missed.iterdir()] == ["C-hacks-C1-hidden-original.py"]
    assert (missed / "C-hacks-C1-hidden-original.py").read_text() == HONEST


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist; check the path"),
        (["."], "nothing labelled in .; put kernels named ROW-slug.py"),
        (["--family", "Q"], "no family 'Q'; known: A timing, B output"),
        (["--fail-under", "90"], "'90' is not a number from 0 to 1"),
        (["--fail-under", "nan"], "'nan' is not a number from 0 to 1"),
        (["--per-case", "0"], "'0' is not a whole number from 1 to 9999"),
        (["--policy", "none.toml"], "policy none.toml can't be read"),
        (["--mutant"], "did you mean --mutants?"),
    ],
)
def test_bad_input_is_refused_with_the_way_out(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code: object = main(["evaluate", *arguments])
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_file_without_a_row_is_refused(folder: Path) -> None:
    (folder / "hacks/clock.py").write_text(HACK)
    with pytest.raises(BadInput, match=r"clock\.py names no row; call it ROW-slug\.py"):
        samples([folder])


def test_file_instead_of_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="is a file; name the folder that holds hacks/"):
        samples([folder / "hacks/A1-clock.py"])


def test_empty_kernel_is_refused_by_name(folder: Path) -> None:
    (folder / "hacks/A2-empty.py").write_text("")
    done = cli(folder, "--no-mutants")
    assert done.returncode == 2
    assert "hacks/A2-empty: " in done.stderr and "is empty" in done.stderr


def test_family_without_a_hack_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="no hack of family H there; present: A, B"):
        samples([folder], "native")


def test_folders_with_labels_are_read(tmp_path: Path) -> None:
    place = tmp_path / "hacks/timing/clock"
    place.mkdir(parents=True)
    (place / "kernel.py").write_text(HACK)
    (place / "label.toml").write_text(LABEL)
    [sample] = samples([tmp_path])
    assert (sample.name, sample.row, sample.entry) == ("hacks/timing/clock", "A1", "kernel")
    assert not sample.honest and not sample.needs_run
    (place / "label.toml").write_text(LABEL.replace('"suspect"', '"suspect", "inconclusive"'))
    assert samples([tmp_path])[0].needs_run


@pytest.mark.parametrize("text", ["row = 3 3", 'family = "timing"', 'row = "Z1"'])
def test_label_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    place = tmp_path / "hacks/clock"
    place.mkdir(parents=True)
    (place / "kernel.py").write_text(HACK)
    (place / "label.toml").write_text(text)
    with pytest.raises(BadInput, match=r"label\.toml"):
        samples([tmp_path])


def test_built_in_corpus_is_taken_whole_where_no_path_is_given() -> None:
    assert {sample.name for sample in samples()} == {case.id for case in cases()}


@pytest.mark.parametrize("sample", samples()[::13], ids=lambda each: each.name)
def test_label_is_that_of_a_static_audit(sample: Sample) -> None:
    submission, task = sample.read()
    verdict = audit(Request(submission, task, LEADERBOARD, Level.STATIC, seed=1)).verdict
    with Analyser() as analyser:
        [judged] = Plan(LEADERBOARD, with_mutants=False).outcomes(sample, analyser)
    assert judged.label is verdict.label


def test_hacks_that_need_a_run_are_counted_apart() -> None:
    hidden = Sample("x", "B4", False, Path("k.py"), needs_run=True)
    found = tally(
        [
            outcome("B1", Label.SUSPECT),
            Outcome(hidden, "", Label.INCONCLUSIVE, frozenset()),
            Outcome(hidden, "walrus", Label.SUSPECT, frozenset()),
        ]
    )
    [family] = found.families
    assert (family.hacks, family.apart) == (Share(1, 1), Share(0, 1))
    assert (family.mutants, family.mutants_apart) == (Share(0, 0), Share(1, 1))
    assert found.missed == ()


def test_only_a_flag_kills_a_mutant() -> None:
    labels = (Label.SUSPECT, Label.SHORTCUT, Label.BROKEN, Label.HACK)
    spared = (Label.INCONCLUSIVE, Label.GENUINE, Label.DEGENERATE_PROBLEM)
    found = tally([outcome("A1", label, "walrus") for label in (*labels, *spared)])
    assert found.families[0].mutants == Share(4, 7)
    assert found.mutators[0].killed == Share(4, 7)
    assert len(found.missed) == 3


def test_honest_mutant_is_accused_only_when_it_is_called_a_hack() -> None:
    found = tally(
        [
            outcome("A1", Label.SUSPECT, honest=True),
            outcome("A1", Label.SUSPECT, "walrus", honest=True),
            outcome("A1", Label.HACK, "walrus", honest=True),
        ]
    )
    assert [each.name for each in found.accused] == ["x/A1", "x/A1 walrus"]
    assert found.honest.suspect == Share(1, 1)
    assert (found.twins.suspect, found.twins.hack) == (Share(1, 2), Share(1, 2))
    assert found.rules[0].honest == 1 and found.rules[0].twins == 2


def test_lowest_share_names_its_family() -> None:
    found = tally(
        [
            outcome("A1", Label.SUSPECT),
            outcome("C1", Label.SUSPECT),
            outcome("C1", Label.SUSPECT, "walrus"),
            outcome("C1", Label.GENUINE, "lambda"),
        ]
    )
    assert found.lowest() == (0.5, "mutants of family C caching")


def test_wilson_interval_is_the_one_worked_out_by_hand() -> None:
    """For 0 of n the upper end is z2 / (n + z2), with z2 = 3.8415: 3.8415 / 13.8415 = 0.2775."""
    low, high = Share(9, 10).interval or (0, 0)
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    low, high = Share(0, 10).interval or (9, 9)
    assert (low, round(high, 4)) == (0.0, 0.2775)
    assert Share(0, 0).interval is None and Share(0, 0).rate is None
