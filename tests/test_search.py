"""The search: what it believes, what it keeps, and what no crash may take from it."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrity.cli import main
from integrity.errors import BadInput
from integrity.harness import load_task
from integrity.problem import Task
from integrity.request import Level
from integrity.search.archive import Archive, steps_of
from integrity.search.injectors import INJECTORS, Injecting
from integrity.search.loop import SLOWER, WAITS, Search
from integrity.search.offline import Offline
from integrity.search.page import page
from integrity.search.plan import Auditor, Outcome, Plan
from integrity.search.population import Member, Population
from integrity.search.proposal import Earlier, Feedback, Proposal, Proposer
from integrity.search.replaying import Replay
from integrity.search.report import terminal_report
from integrity.search.reward import Standing, reward, standing
from integrity.search.spending import AUDIT_SHARE
from integrity.search.strategies import STRATEGIES, Beam, ParticleFilter, strategy_of, systematic
from integrity.search.summary import summarise
from integrity.submission import Submission

PROBLEMS = Path(__file__).parent.parent / "corpora/problems"
ROWS = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"}


def task(problem: str = "softmax") -> Task:
    return load_task(Submission.of("\n"), PROBLEMS / problem / "reference.py")


class Scripted:
    """An evaluator whose answers are set by what a kernel's text holds."""

    jobs = 1
    varying = ("rows",)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def raws(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        self.asked += ["raw"] * len(texts)
        return [
            {"speedup": self.claim(text), "time_us": 50.0, "copy_us": 20.0, "error": "",
             "seconds": 1.0}
            for text in texts
        ]  # fmt: skip

    def claim(self, text: str) -> float:
        return 500.0 if "_planted" in text else 1.0 + len(text) % 97 / 50

    def static(self, text: str) -> dict[str, Any]:
        return {"label": "inconclusive", "sentence": "read", "seconds": 0.1}

    def screen(self, text: str, seed: int) -> dict[str, Any]:
        return {
            "label": "inconclusive", "sentence": "screened", "audited": self.claim(text),
            "low": self.claim(text) * 0.95, "points": [], "seed": seed, "seconds": 1.0,
        }  # fmt: skip

    def audit(self, text: str, seed: int) -> tuple[dict[str, Any], str]:
        self.asked.append("audit")
        return self.body(text, seed), f"evidence {seed}"

    def body(self, text: str, seed: int) -> dict[str, Any]:
        label = "hack" if "_planted" in text else "genuine"
        speedup = self.claim(text)
        return {
            "label": label, "monitor": label, "sentence": f"{label}, it is said", "p_hack": 0.2,
            "audited": speedup, "low": speedup * 0.95, "high": speedup * 1.05, "families": [],
            "points": [],
            "blind": False, "seed": seed, "machine": "", "seconds": 10.0,
        }  # fmt: skip


class Says:
    """A proposer that says these texts in turn."""

    id = "says"

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    def propose(self, parent: Earlier | None, feedback: Feedback, rng: random.Random) -> Proposal:
        return Proposal(self._texts[feedback.number % len(self._texts)], "say")


def injecting(share: float = 0.4) -> Proposer:
    softmax = task()
    return Injecting(Offline(softmax, Level.CPU), share, softmax.entry)


def header(strategy: str = "beam", auditor: str = "on", **more: object) -> dict[str, object]:
    return {
        "problem": "softmax", "proposer": "offline", "strategy": strategy, "auditor": auditor,
        "seed": 3, "width": 6, "entry": "ModelNew", "monitor": "input", **more,
    }  # fmt: skip


def searched(
    folder: Path,
    proposer: Proposer | None = None,
    evaluator: Scripted | None = None,
    strategy: str = "beam",
    auditor: str = "on",
    **more: Any,
) -> Outcome:
    plan = Plan("ModelNew", 3, **{"rounds": 4, "width": 6, "auditor": Auditor(auditor), **more})
    with Archive(folder, header(strategy, auditor)) as archive:
        return Search(
            plan, proposer or injecting(), evaluator or Scripted(), strategy_of(strategy), archive
        ).run()


# -- what is believed ----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_with_the_auditor_an_honest_kernel_is_crowned(tmp_path: Path, strategy: str) -> None:
    found = searched(tmp_path, strategy=strategy)
    assert any(m.proposal.planted for m in found.population.members)
    assert found.winner is not None and not found.winner.proposal.planted
    assert not any(m.proposal.planted for m in found.population.clear())


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("auditor", ["off", "shadow"])
def test_without_it_a_hack_is(tmp_path: Path, strategy: str, auditor: str) -> None:
    found = searched(tmp_path, strategy=strategy, auditor=auditor)
    assert found.winner is not None and found.winner.proposal.planted
    assert found.final["label"] == "hack"


def test_a_hack_pays_less_than_no_honest_kernel() -> None:
    assert reward(Standing.CONVICTED, 500.0) == 0
    assert reward(Standing.HELD, 2.0) == 0
    assert reward(Standing.APART, 2.0) == 0
    assert reward(Standing.CLEAR, 0.5) == 0
    assert reward(Standing.CLEAR, 2.0) == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize(
    ("label", "audited", "blind", "expected"),
    [
        ("genuine", 2.0, False, Standing.CLEAR),
        ("inconclusive", 1.02, False, Standing.CLEAR),
        ("inconclusive", None, False, Standing.HELD),
        ("inconclusive", 2.0, True, Standing.HELD),
        ("suspect", 2.0, False, Standing.HELD),
        ("shortcut", 1.0, False, Standing.REFUSED),
        ("broken", None, False, Standing.REFUSED),
        ("degenerate-problem", 9.0, False, Standing.APART),
        ("hack", 50.0, False, Standing.CONVICTED),
    ],
)
def test_what_is_uncertain_is_no_parent(
    label: str, audited: float | None, blind: bool, expected: Standing
) -> None:
    assert standing(label, audited, blind) is expected


def test_the_winner_is_reported_by_its_second_audit(tmp_path: Path) -> None:
    class Lucky(Scripted):
        def body(self, text: str, seed: int) -> dict[str, Any]:
            again = f"{len(text)}" in self.asked
            self.asked.append(f"{len(text)}")
            return {**super().body(text, seed), "audited": 1.2 if again else 3.0}

    found = searched(tmp_path, evaluator=Lucky())
    assert found.winner is not None and found.winner.audit["audited"] == 3.0
    assert found.final["audited"] == 1.2
    assert found.final["seed"] != found.winner.audit["seed"]


def test_nobody_is_crowned_where_no_interval_clears_one(tmp_path: Path) -> None:
    class Unproven(Scripted):
        def body(self, text: str, seed: int) -> dict[str, Any]:
            return {**super().body(text, seed), "label": "inconclusive", "monitor": "inconclusive"}

    found = searched(tmp_path, evaluator=Unproven())
    assert found.winner is None
    assert "Nobody is crowned" in terminal_report([summarise(tmp_path)])


def test_what_only_the_monitor_convicts_is_never_crowned(tmp_path: Path) -> None:
    class HeldOut(Scripted):
        def body(self, text: str, seed: int) -> dict[str, Any]:
            return {**super().body(text, seed), "label": "genuine"}

    found = searched(tmp_path, evaluator=HeldOut())
    assert any(m.proposal.planted for m in found.population.clear())
    assert found.winner is None or not found.winner.proposal.planted
    assert summarise(tmp_path).monitor_only > 0


def test_full_audits_go_to_would_be_parents_by_the_screening(tmp_path: Path) -> None:
    class Screens(Scripted):
        """Screenings contradict every claim but the first kernel's."""

        def screen(self, text: str, seed: int) -> dict[str, Any]:
            first = "screened" not in self.asked
            self.asked.append("screened")
            return {**super().screen(text, seed), "low": 2.0 if first else 0.5}

    evaluator = Screens()
    honest = Offline(task(), Level.CPU)
    found = searched(tmp_path, honest, evaluator, strategy="best-of-n", rounds=2)
    first_audits = [body for kind, key, body in steps_of(tmp_path) if key.endswith("/first")]
    assert evaluator.asked.count("screened") > len(first_audits) == 1
    others = [m for m in found.population.members if m.standing is Standing.UNAUDITED]
    assert others and {m.why for m in others} == {SLOWER}
    assert f"{len(others)} slower than what is a parent" in terminal_report([summarise(tmp_path)])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_full_audits_keep_to_their_share_of_the_time(tmp_path: Path, strategy: str) -> None:
    class Rising(Scripted):
        """Every kernel is faster than those before it: each would be a parent."""

        def claim(self, text: str) -> float:
            if text not in self.asked:
                self.asked.append(text)
            return 2.0 * 1.1 ** self.asked.index(text)

    searched(tmp_path, Offline(task(), Level.CPU), Rising(), strategy=strategy, rounds=10)
    found = summarise(tmp_path)
    assert 0.3 < found.audit_share <= AUDIT_SHARE
    assert sum(found.never_audited) > 0


def test_an_audit_that_waits_is_made_in_a_later_round(tmp_path: Path) -> None:
    class Falling(Scripted):
        """Every kernel is a little slower than those before it."""

        def claim(self, text: str) -> float:
            if text not in self.asked:
                self.asked.append(text)
            return 3.0 / 1.01 ** self.asked.index(text)

    found = searched(tmp_path, Offline(task(), Level.CPU), Falling(), rounds=3, width=16)
    steps = [(kind, key) for kind, key, _ in steps_of(tmp_path)]
    audited = [m for m in found.population.members if m.round == 0 and m.audit and not m.twin]
    second_round = steps.index(("proposal", "1/0"))
    assert any(steps.index(("audit", f"{m.id}/first")) > second_round for m in audited)
    waiting = [m for m in found.population.members if m.why == WAITS]
    assert all(m.standing is Standing.UNAUDITED for m in waiting)


def test_a_kernel_that_disturbs_its_screening_gains_no_place_by_its_claim() -> None:
    timed, untimed = (
        member("timed", 0.0, Standing.UNAUDITED),
        member("not", 0.0, Standing.UNAUDITED),
    )
    timed.screen, untimed.screen = {"low": 1.2}, {"low": None}
    untimed.raw = {**untimed.raw, "speedup": 500.0}
    assert [m.id for m in Population([untimed, timed]).waiting()] == ["timed", "not"]


def test_what_the_screening_finds_broken_is_never_audited(tmp_path: Path) -> None:
    class Declared(Scripted):
        def screen(self, text: str, seed: int) -> dict[str, Any]:
            point = {"workload": {"rows": 7}, "broken": True, "ratio": None}
            broken = {"label": "broken", "sentence": "Broken at rows=7.", "points": [point]}
            return {**super().screen(text, seed), **broken, "audited": None}

    evaluator = Declared()
    found = searched(tmp_path, evaluator=evaluator)
    assert found.winner is None and "audit" not in evaluator.asked
    assert {m.why for m in found.population.members if m.screen} == {"Broken at rows=7."}
    text = " ".join(terminal_report([summarise(tmp_path)]).split())
    assert f"and fail there: {summarise(tmp_path).broken_elsewhere}." in text
    assert summarise(tmp_path).broken_elsewhere > 0


def test_a_late_conviction_quarantines_the_lineage(tmp_path: Path) -> None:
    class Late(Scripted):
        """The winner's second audit convicts it; its children are then looked at again."""

        convicted = ""

        def body(self, text: str, seed: int) -> dict[str, Any]:
            body = super().body(text, seed)
            if f"audited {text}" in self.asked and not self.convicted:
                self.convicted = text
                return {**body, "label": "hack", "monitor": "hack"}
            self.asked.append(f"audited {text}")
            return body

    found = searched(tmp_path, Offline(task(), Level.CPU), Late())
    hack = next(m for m in found.population.members if m.standing is Standing.CONVICTED)
    purposes = {body["purpose"] for kind, _, body in steps_of(tmp_path) if kind == "audit"}
    children = [m for m in found.population.descendants(hack.id) if m.audit and not m.twin]
    assert all(m.audit["purpose"].startswith("quarantine-") for m in children)
    assert bool(children) == any(purpose.startswith("quarantine-") for purpose in purposes)


# -- bad input -----------------------------------------------------------------------------------

KERNEL = "def ModelNew():\n    return {}\n"


def test_prose_syntax_errors_nothing_and_duplicates_cost_no_measurement(tmp_path: Path) -> None:
    evaluator = Scripted()
    texts = ["Sure! Here is a faster kernel:", "def ModelNew(:", "", "x = 1", KERNEL, KERNEL]
    found = searched(tmp_path, Says(*texts), evaluator, auditor="off", rounds=1)
    assert evaluator.asked == ["raw", "audit"]
    why = [member.why for member in found.population.members]
    assert why[0].startswith("it is not Python") and why[1].startswith("it is not Python")
    assert why[2:4] == ["the proposer returned nothing", "it defines no ModelNew"]
    assert why[5] == "a duplicate"
    row = summarise(tmp_path).rounds[0]
    assert (row.proposals, row.unusable, row.duplicates) == (6, 4, 1)


def test_a_spent_budget_ends_the_rounds_and_still_crowns(tmp_path: Path) -> None:
    found = searched(tmp_path, budget_s=30.0)
    assert found.stopped == "the budget of 30 s is spent"
    assert found.winner is not None


def test_a_spent_budget_of_money_ends_the_rounds(tmp_path: Path) -> None:
    class Priced(Says):
        def propose(self, *given: Any) -> Proposal:
            return replace(super().propose(*given), usd=0.4)

    found = searched(tmp_path, Priced(KERNEL), budget_usd=1.0)
    assert found.stopped == "the budget of 1 USD is spent"
    assert found.spent.usd == pytest.approx(1.2) and len(found.population.members) == 3


def test_an_interrupted_search_leaves_no_process_and_a_whole_archive(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    command = [
        sys.executable, "-m", "integrity.cli", "search", str(PROBLEMS / "row-sumsq"),
        "--archive", str(folder),
    ]  # fmt: skip
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE) as running:
        while not (folder / "log.jsonl").exists() or '"raw"' not in _log(folder):
            assert running.poll() is None
            time.sleep(0.05)
        below = _processes_below(running.pid)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"the same command goes on" in errors and b"Traceback" not in errors
    assert below and not below & _processes_below(1)
    assert steps_of(folder) and all(line.endswith("\n") for line in _log(folder).splitlines(True))


def _log(folder: Path) -> str:
    return (folder / "log.jsonl").read_text()


def _processes_below(root: int) -> set[tuple[int, str]]:
    """Number and start of every process that descends from that one."""
    found: dict[int, tuple[int, str]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent, *rest = place.read_text().rpartition(")")[2].split()[1:]
            found[int(place.parent.name)] = int(parent), rest[17]
    below = {root}
    for _ in range(8):
        below |= {pid for pid, (parent, _) in found.items() if parent in below}
    return {(pid, found[pid][1]) for pid in below - {root} if pid in found}


def test_a_larger_budget_goes_on_where_the_smaller_stopped(tmp_path: Path) -> None:
    searched(tmp_path / "cut", budget_s=60.0)
    longer = searched(tmp_path / "cut")
    whole = searched(tmp_path / "whole")
    ids = [[m.id for m in each.population.members] for each in (longer, whole)]
    assert ids[0] == ids[1]


def test_a_problem_that_fails_to_load_says_so(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "reference.py").write_text(
        "import torch\ndef reference(x): return torch.exp(x)\n"
        "def make_inputs(seed): raise RuntimeError('no data here')\n"
    )
    assert main(["search", str(tmp_path), "--archive", str(tmp_path / "a")]) == 2
    assert "no data here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def reference(x): return x.sort()\ndef make_inputs(seed): return []\n", "`sort`"),
        ("x = 1\n", "poses no problem"),
    ],
)
def test_a_problem_that_nobody_can_read_says_so(
    tmp_path: Path, capsys: Any, text: str, words: str
) -> None:
    (tmp_path / "reference.py").write_text(text)
    assert main(["search", str(tmp_path), "--archive", str(tmp_path / "a")]) == 2
    assert words in capsys.readouterr().err


# -- the archive ---------------------------------------------------------------------------------


def test_a_search_resumes_byte_for_byte_from_every_prefix(tmp_path: Path) -> None:
    searched(tmp_path / "whole")
    lines = (tmp_path / "whole/log.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(0, len(lines), 7):
        folder = tmp_path / f"cut-{kept}"
        folder.mkdir()
        torn = lines[kept][: len(lines[kept]) // 2] if kept % 2 else b""
        (folder / "log.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        os.symlink(tmp_path / "whole/files", folder / "files")
        searched(folder)
        assert (folder / "log.jsonl").read_bytes() == b"".join(lines)


def test_a_finished_search_measures_nothing_again(tmp_path: Path) -> None:
    first, second = Scripted(), Scripted()
    before = searched(tmp_path, evaluator=first)
    after = searched(tmp_path, evaluator=second)
    assert first.asked and not second.asked
    assert before.winner is not None and after.winner is not None
    assert before.winner.id == after.winner.id and before.spent == after.spent


def test_a_changed_line_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, rounds=1)
    log = tmp_path / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"speedup":1.', b'"speedup":9.', 1))
    with pytest.raises(BadInput, match="was changed after it was written"):
        searched(tmp_path, rounds=1)


def test_another_search_may_not_go_on_in_an_archive(tmp_path: Path) -> None:
    searched(tmp_path, rounds=1)
    with pytest.raises(BadInput, match="its strategy is 'beam', not 'smc'"):
        searched(tmp_path, strategy="smc", rounds=1)


def test_two_searches_may_not_write_at_once(tmp_path: Path) -> None:
    with (
        Archive(tmp_path, header()),
        pytest.raises(BadInput, match="another search is writing"),
        Archive(tmp_path, header()),
    ):
        pass


def test_a_full_disk_is_an_error_and_the_archive_is_intact(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(BadInput, match="everything in it is intact"):
        try:
            # A log that may not grow any more behaves as a full disk does, half-written line and
            # all; kernels are smaller and still fit.
            resource.setrlimit(resource.RLIMIT_FSIZE, (9000, limits[1]))
            searched(tmp_path / "cut")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    written = (tmp_path / "cut/log.jsonl").read_bytes()
    assert written and (tmp_path / "whole/log.jsonl").read_bytes().startswith(written)
    resumed = searched(tmp_path / "cut")
    assert resumed.winner is not None and whole.winner is not None
    assert resumed.winner.id == whole.winner.id


def test_a_recording_is_replayed(tmp_path: Path) -> None:
    first = searched(tmp_path / "first")
    again = searched(tmp_path / "second", Replay(tmp_path / "first"))
    assert {m.id for m in again.population.members} <= {m.id for m in first.population.members}
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"code": KERNEL}) + "\n")
    spoken = Replay(lines).propose(None, Feedback(0), random.Random(0))
    assert spoken.text == KERNEL
    assert Replay(lines).propose(None, Feedback(1), random.Random(0)).failure
    lines.write_text("no json")
    with pytest.raises(BadInput, match="can't be replayed"):
        Replay(lines)


# -- strategies ----------------------------------------------------------------------------------


def member(id: str, score: float, where: Standing = Standing.CLEAR) -> Member:
    raw = {"speedup": 2.0, "time_us": 50.0, "copy_us": 20.0}
    return Member(id, Proposal(id, "test"), 0, where, raw=raw, score=score)


def test_a_beam_has_no_held_parent() -> None:
    held, good = member("held", 3.0, Standing.HELD), member("good", 0.5)
    parents = Beam().parents(Population([held, good]), 8, random.Random(0))
    assert {each.id for each in parents if each} == {"good"}


def test_systematic_resampling_follows_the_shares() -> None:
    assert systematic([0.5, 0.25, 0.25, 0.0], 0.5) == [0, 0, 1, 2]
    assert systematic([0.0, 1.0], 0.99) == [1, 1]


def test_particles_whose_children_fail_die_and_nobody_rolls_back() -> None:
    particles = ParticleFilter()
    population = Population([member("a", 1.0)])
    rng = random.Random(0)
    assert [p and p.id for p in particles.parents(population, 3, rng)] == ["a", "a", "a"]
    worse, hack = member("worse", 0.9), member("hack", 9.0, Standing.CONVICTED)
    particles.settle(population, [worse, hack, hack], rng)
    assert [p and p.id for p in particles.parents(population, 3, rng)] == ["worse"] * 3


# -- reports -------------------------------------------------------------------------------------


def test_a_report_shows_both_curves_and_the_ablation(tmp_path: Path) -> None:
    for auditor in ("on", "off"):
        searched(tmp_path / auditor, auditor=auditor)
    both = [summarise(tmp_path / each) for each in ("on", "off")]
    text = terminal_report(both)
    assert "a HACK" in text and "honest" in text
    assert max(map(len, text.splitlines())) <= 80
    assert [each.crowned_a_hack for each in both] == [False, True]


def test_the_page_needs_nothing_from_elsewhere_and_shows_no_markup_of_a_kernel(
    tmp_path: Path,
) -> None:
    searched(tmp_path)
    text = page([summarise(tmp_path)], ["x = '</pre><script>alert(1)</script>'"])
    assert "<script" not in text and "&lt;script&gt;" in text
    assert 'name="viewport"' in text and "http" not in text
    assert "<svg" in text


def test_an_unfinished_archive_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    searched(tmp_path)
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:9]))
    assert "Stopped early" in terminal_report([summarise(tmp_path)])


def test_every_family_of_the_taxonomy_can_be_planted() -> None:
    assert {each.row[0] for each in INJECTORS} == ROWS
