"""The corpus is well formed, and an audit says of every case what its label says."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from integrity.audit import audit
from integrity.corpora import LEVELS, ROOT, Case, cases
from integrity.detectors import DETECTORS
from integrity.detectors.detector import Detector, Probe
from integrity.finding import Family
from integrity.harness import load_task
from integrity.problem import Convention, Problem
from integrity.request import Level, Request
from integrity.submission import Submission
from integrity.verdict import Label, Verdict

CASES = tuple(cases())
HACKS = tuple(case for case in CASES if not case.honest)
HONEST = tuple(case for case in CASES if case.honest)
STATIC = tuple(case for case in CASES if "static" in case.expect)
CPU = tuple(case for case in CASES if "cpu" in case.expect)
SEED = 20240229


def is_timed(detector: Detector) -> bool:
    """Whether it asks for an experiment that is."""
    problem = Problem("pair", Convention.ARGUMENTS, {}, "reference", "make_inputs")
    asked = detector.experiments(problem, SEED) if isinstance(detector, Probe) else ()
    return any(experiment.timed for experiment in asked)


UNTIMED = tuple(detector for detector in DETECTORS if not is_timed(detector))
"""What tests beside each other can use: timing experiments would disturb one another."""

TIMED_ALONE = tuple(
    case
    for case in HONEST
    if case.id
    in {
        "honest/row-sumsq-c",
        "honest/gelu-dispatch-by-name",
        "honest/histogram-c",
        "honest/causal-mask-tail-path",
        # Not honest/sum-of-softmax-ones: one run in six gets another label on a busy machine, since
        # its kernel takes no time at all. `make test-slow` has it.
    }
)
"""One a kind; the others are timed by `make test-slow`."""

GROUPS = {
    Family.TIMING: "A",
    Family.OUTPUT: "B",
    Family.CACHING: "C",
    Family.HARNESS: "D",
    Family.INPUT: "E",
    Family.PRECISION: "F",
    Family.AUTHENTICITY: "G",
    Family.NATIVE: "H",
    Family.OBFUSCATION: "I",
    Family.PROBLEM: "J",
}
"""The letter of docs/taxonomy.md for every family a case can have."""

TELLTALE = re.compile(
    r"reward[ _-]?hack|\bhack(s|ed|ing)?\b|\bcheat|\bexploit|\bmalicious|\bdeceiv", re.IGNORECASE
)


def name(case: Case) -> str:
    return case.id


every_case = pytest.mark.parametrize("case", CASES, ids=name)


def test_there_are_at_least_24_hacks_in_8_families_and_24_honest_cases() -> None:
    assert len(HACKS) >= 24
    assert len({case.family for case in HACKS}) >= 8
    assert len(HONEST) >= 24


def test_hacks_cover_every_family_a_submission_can_attack() -> None:
    assert {case.family for case in HACKS} >= GROUPS.keys() - {Family.PROBLEM}


@every_case
def test_a_case_has_a_kernel_and_a_reference(case: Case) -> None:
    assert case.kernel.is_file()
    assert case.reference.is_file()
    assert case.entry in case.kernel.read_text(encoding="utf-8")


@every_case
def test_a_row_lies_in_the_group_of_its_family(case: Case) -> None:
    assert re.fullmatch(GROUPS[case.family] + r"[1-9]\d?", case.row)


@every_case
def test_a_case_expects_something_at_every_level_up_to_its_own(case: Case) -> None:
    assert tuple(case.expect) == LEVELS[: LEVELS.index(case.level) + 1]
    assert all(case.expect.values())


@every_case
def test_no_honest_case_may_be_called_a_hack(case: Case) -> None:
    accepted = frozenset[Label]().union(*case.expect.values())
    assert (Label.HACK in accepted) <= (not case.honest)
    assert (Label.GENUINE in accepted) <= case.honest


@every_case
def test_a_title_says_one_thing_without_a_full_stop(case: Case) -> None:
    assert case.title
    assert not case.title.endswith(".")


@pytest.mark.parametrize("case", HACKS, ids=name)
def test_a_hack_has_an_honest_twin(case: Case) -> None:
    assert case.twin in {honest.id for honest in HONEST}


def test_an_honest_case_is_the_twin_of_two_hacks_at_most() -> None:
    assert max(Counter(case.twin for case in HACKS).values()) <= 2


@pytest.mark.parametrize("case", HONEST, ids=name)
def test_an_honest_case_has_no_twin(case: Case) -> None:
    assert not case.twin


SILENT = tuple(case for case in HACKS if case.row != "I4")  # I4 is comments about the verdict


@pytest.mark.parametrize("case", SILENT, ids=name)
def test_a_kernel_does_not_tell_its_label(case: Case) -> None:
    assert not TELLTALE.search(case.kernel.read_text(encoding="utf-8"))
    assert not TELLTALE.search(case.kernel.parent.name)


def test_no_two_kernels_are_the_same() -> None:
    digests = Counter(Submission.read(case.kernel).digest for case in CASES)
    assert max(digests.values()) == 1


def test_every_problem_is_used() -> None:
    used = {case.problem for case in CASES}
    assert {path.name for path in (ROOT / "problems").iterdir() if path.is_dir()} == used


@every_case
def test_the_taxonomy_page_names_a_case_in_its_row(case: Case) -> None:
    rows = (ROOT.parent / "docs" / "taxonomy.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in rows if line.startswith(f"| {case.row} |"))
    assert f"`{case.id.partition('/')[2]}`" in row


def verdict_of(case: Case, level: Level, detectors: Sequence[Detector] = DETECTORS) -> Verdict:
    """The verdict on a case, from text that lies in no folder with a telling name."""
    submission = Submission.of(
        case.kernel.read_text(encoding="utf-8"), path=case.kernel.relative_to(case.kernel.parent)
    )
    task = load_task(submission, reference=case.reference, harness=case.harness, entry=case.entry)
    return audit(Request(submission, task, level=level, seed=SEED), detectors=detectors).verdict


def check(case: Case, level: Level, detectors: Sequence[Detector] = DETECTORS) -> None:
    verdict = verdict_of(case, level, detectors)
    assert verdict.label in case.expect[level], verdict.sentence
    assert case.findings <= {finding.id for finding in verdict.findings}


@pytest.mark.parametrize("case", STATIC, ids=name)
def test_case_gets_its_expected_label_at_level_static(case: Case) -> None:
    check(case, Level.STATIC)


def in_turn(cases: Sequence[Case], step: int) -> list[Any]:
    """Every so-manieth case at once, the rest in `make test-slow`: an audit takes ten seconds."""
    slow = pytest.mark.slow
    return [pytest.param(c, marks=[] if n % step == 0 else [slow]) for n, c in enumerate(cases)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", in_turn([c for c in CPU if not c.honest], 3), ids=name)
def test_hack_gets_its_expected_label_at_level_cpu(case: Case) -> None:
    check(case, Level.CPU, UNTIMED)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", in_turn([c for c in CPU if c.honest], 4), ids=name)
def test_nobody_accuses_an_honest_kernel(case: Case) -> None:
    label = verdict_of(case, Level.CPU, UNTIMED).label
    assert label in {Label.GENUINE, Label.INCONCLUSIVE, Label.DEGENERATE_PROBLEM}


@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", TIMED_ALONE, ids=name)
def test_honest_kernel_is_proven_at_level_cpu(case: Case) -> None:
    """Never accused; proven in one of three audits, since a busy machine may hide a speedup."""
    labels = []
    while Label.GENUINE not in labels and len(labels) < 3:
        labels.append(verdict_of(case, Level.CPU).label)
    assert labels[-1] in case.expect[Level.CPU]
    assert set(labels) <= {Label.GENUINE, Label.INCONCLUSIVE}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CPU, ids=name)
def test_every_case_gets_its_expected_label_with_timing(case: Case) -> None:
    check(case, Level.CPU)
