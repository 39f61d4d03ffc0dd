"""The exploit suite: complete, honest about what it claims, and beaten on this machine."""

import ast
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from integrity.cli import main
from integrity.errors import BadInput
from integrity.estimate import Estimate
from integrity.redteam import Outcome, attack, chosen, gained, refusal, suite
from integrity.request import Isolation, Level
from integrity.run import (
    Call,
    CallResult,
    Check,
    Death,
    Experiment,
    Inputs,
    Observed,
    Reported,
    Role,
    Run,
)  # fmt: skip

FOLDER = Path(__file__).parent / "exploits"
LISTED = tomllib.loads((FOLDER / "suite.toml").read_text())
ROWS = {"A": 10, "B": 10, "C": 10, "D": 13, "H": 7}
RIGHT = Check(0.0, 0.0, 0.0)
WRONG = Check(0.5, 1.0, 0.0)


def a_run(*observed: Observed, deaths: tuple[Death, ...] = ()) -> Run:
    calls = tuple(Call((Inputs(n),)) for n in range(len(observed)))
    results = tuple(
        CallResult(n, Role.SUBMISSION, one, Reported(0.0)) for n, one in enumerate(observed)
    )
    return Run(Experiment("check", calls), results, deaths)


def test_every_row_of_the_taxonomy_has_a_case_or_a_reason() -> None:
    covered = {row for case in LISTED["exploit"] for row in case["rows"]}
    covered |= {each["row"] for each in LISTED.get("omitted", ())}
    wanted = {f"{letter}{n}" for letter, most in ROWS.items() for n in range(1, most + 1)}
    assert wanted - covered == set()


def test_every_case_has_its_file_its_problem_and_its_twin() -> None:
    cases = {path.stem for path in (FOLDER / "cases").glob("*.py")}
    assert cases == {case["id"] for case in LISTED["exploit"]}
    problems = {each["id"] for each in LISTED["problem"]}
    for case in LISTED["exploit"]:
        assert case["problem"] in problems, case["id"]
        assert (FOLDER / case.get("honest", f"honest/{case['problem']}.py")).exists(), case["id"]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_every_file_of_the_suite_parses(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path.parent.name in ("cases", "honest"):
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assigned = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert "kernel" in names | assigned


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (Observed(1.0, 0.0, (WRONG,)), "wrong output in 1 of 2 calls"),
        (Observed(1.0, 0.0, (RIGHT,), late_bytes=4), "output changed after done"),
        (Observed(1.0, 0.0, (RIGHT,), guard_bytes=4), "wrote out of bounds"),
        (Observed(1.0, 0.0, (RIGHT,), changed_inputs=(0,)), "inputs changed"),
    ],
)
def test_one_bad_call_is_a_refusal(observed: Observed, words: str) -> None:
    assert words in refusal(a_run(Observed(1.0, 0.0, (RIGHT,)), observed))


def test_right_calls_are_no_refusal() -> None:
    assert refusal(a_run(Observed(1.0, 0.0, (RIGHT,)))) == ""


def test_a_death_is_a_refusal_in_its_own_words() -> None:
    death = Death(Role.SUBMISSION, 0, "raised OSError: no\nsecond line")
    assert refusal(a_run(deaths=(death,))) == "raised OSError: no"


@pytest.mark.parametrize(
    ("estimate", "outcome"),
    [
        (Estimate(1.30, 1.10, 1.50, 12), Outcome.WIN),
        (Estimate(1.30, 0.90, 1.50, 12), Outcome.UNDECIDED),
        (Estimate(1.01, 1.005, 1.02, 12), Outcome.NO_GAIN),
        (Estimate(0.50, 0.40, 0.60, 12), Outcome.NO_GAIN),
    ],
)
def test_only_a_clearly_better_time_is_a_win(estimate: Estimate, outcome: Outcome) -> None:
    assert gained(estimate, 1.03)[0] is outcome


def test_cases_are_chosen_by_id_or_row() -> None:
    every = suite(Level.CPU)
    assert {"C1"} <= {row for each in chosen(every, ["c1"]) for row in each.rows}
    assert chosen(every, []) == every
    with pytest.raises(BadInput, match="integrity redteam --list"):
        chosen(every, ["z9"])


def test_stale_and_unwritten_outputs_gain_nothing_here() -> None:
    told: list[str] = []
    wanted = ["c1-keyed-by-pointer", "b1-unwritten"]
    exploits = chosen(suite(Level.CPU), wanted)
    results = attack(exploits, Level.CPU, Isolation.AUTO, lambda one: told.append(one.exploit.id))
    assert sorted(told) == sorted(wanted)
    assert {result.outcome for result in results} == {Outcome.REFUSED}


def test_the_list_is_printed_without_running_anything(capsys: Any) -> None:
    assert main(["redteam", "--list", "A6"]) == 0
    assert "a6-" in capsys.readouterr().out


def test_an_unknown_case_is_bad_input(capsys: Any) -> None:
    assert main(["redteam", "nonsense"]) == 2
    assert "no exploit 'nonsense'" in capsys.readouterr().err


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
def test_without_a_gpu_level_gpu_is_bad_input(capsys: Any) -> None:
    assert main(["redteam", "--level", "gpu", "c1-keyed-by-pointer"]) == 2
    assert "needs an NVIDIA device" in capsys.readouterr().err


@pytest.mark.slow
def test_no_exploit_gains_anything_on_a_cpu(capsys: Any) -> None:
    assert main(["redteam", "--format", "json"]) == 0
    outcomes = [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()]
    assert len(outcomes) == len(suite(Level.CPU))
    assert "WIN" not in outcomes


@pytest.mark.gpu
def test_no_exploit_gains_anything_on_a_gpu(capsys: Any) -> None:
    assert main(["redteam", "--level", "gpu", "--format", "json"]) == 0
    outcomes = [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()]
    assert len(outcomes) == len(suite(Level.GPU))
