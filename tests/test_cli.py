"""The command line: exit codes, bad input, and a clean stdout."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import integrity.audit
from integrity.audit import Audit
from integrity.cli import COMMANDS, main
from integrity.commands import output
from integrity.commands.catalogue import everything
from integrity.errors import BadInput
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.policy import LEADERBOARD
from integrity.problem import Task
from integrity.replay import Replayed
from integrity.reports.description import Description
from integrity.request import Level, Request
from integrity.screen import Screening, kernels
from integrity.submission import Submission
from integrity.verdict import Label, Speedup, Verdict

KERNEL = "def kernel(x):\n    return x\n"
FINDING = Finding("x", "static", Family.TIMING, Severity.HACK, Confidence.HIGH, "is a hack")
TWO_MINUTES = 120


def cli(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "integrity.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TWO_MINUTES,
        env=os.environ | environment,
        check=False,
    )


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "kernel.py"
    path.write_text(KERNEL)
    return path


def concluding(label: Label) -> Callable[..., Audit]:
    """An audit that always comes to that label."""

    def audit(
        request: Request, progress: Callable[[str], None] = print, hear: object = None
    ) -> Audit:
        progress("running")
        verdict = Verdict(label, None, 0.5, Speedup(), "as told", (FINDING,))
        return Audit(request, verdict, Evidence(request.submission, request.task), {})

    return audit


def concluded(monkeypatch: pytest.MonkeyPatch, label: Label) -> None:
    monkeypatch.setattr(integrity.audit, "audit", concluding(label))


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns_and_exits_with_0(command: str) -> None:
    shown = cli(*([command] if command else []), "--help")
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_help_documents_every_exit_code_and_level() -> None:
    audit_help = cli("audit", "--help").stdout
    for words in ["gate failed", "bad input", "inconclusive", "internal error"]:
        assert words in audit_help
        assert words in cli("--help").stdout
    for level in Level:
        assert f"\n  {level} " in audit_help


@pytest.mark.parametrize("module", ["torch", "rich", "pydantic", "libcst", "numpy", "openai"])
@pytest.mark.parametrize("arguments", [["--help"], ["rules"], ["audit", "--help"]])
def test_help_and_rules_load_nothing_heavy(module: str, arguments: list[str]) -> None:
    script = (
        "import sys; from integrity.cli import main\n"
        "try: main(sys.argv[2:])\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(str(sys.argv[1] in sys.modules))"
    )
    command = [sys.executable, "-c", script, module, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=TWO_MINUTES, check=False)
    assert ran.stderr == "False"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["adit"], "did you mean `integrity audit`?"),
        (["kernel.py"], "did you mean `integrity audit kernel.py`?"),
        (["audit"], "required: KERNEL"),
        (["audit", "k.py", "--formt", "json"], "did you mean --format?"),
        (["audit", "k.py", "--format", "jsn"], "did you mean `--format json`?"),
        (["audit", "k.py", "--harness", "gpumode"], "did you mean `--harness gpu-mode`?"),
        (["audit", "k.py", "--level", "cuda"], "choose from"),
        (["audit", "k.py", "--seed", "-1"], "is not a whole number from 0"),
        (["audit", "k.py", "--seed", "0x10"], "is not a whole number from 0"),
        (["audit", "k.py", "--seed", "9" * 30], "is not a whole number from 0"),
        (["audit", "k.py", "--timeout", "0"], "is not a number above 0"),
        (["audit", "k.py", "--timeout", "inf"], "is not a number above 0"),
        (["audit", "k.py", "--claimed-speedup", "fast"], "is not a number above 0"),
        (["audit", "k.py", "--fail-on", "genuine"], "choose from"),
        (["audit", "missing.py"], "missing.py does not exist; check the path"),
        (["screen", "missing"], "missing does not exist"),
        (["screen", ".", "--jobs", "0"], "is not a whole number from 1"),
        (["detect", "missing.py"], "does not exist"),
        (["explain", "0"], "`integrity rules` lists the rules"),
    ],
)
def test_usage_errors_exit_with_2_and_name_the_fix(arguments: list[str], said: str) -> None:
    ran = cli(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty; there is nothing to audit"), (b" \n\n", "is empty")],
)
def test_a_file_without_a_kernel_is_bad_input(kernel: Path, content: bytes, said: str) -> None:
    kernel.write_bytes(content)
    ran = cli("audit", kernel, "--level", "static")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr


def test_a_directory_is_bad_input_and_leads_to_screen(tmp_path: Path) -> None:
    ran = cli("audit", tmp_path)
    assert ran.returncode == 2
    assert f"use `integrity screen {tmp_path}`" in ran.stderr


@pytest.mark.parametrize(
    "content",
    [b"\x7fELF\x00\x00", b"x = '\xff\xfe'\n", b"x = 1  # pad\n" * 800_000, b"def kernel(:\n"],
    ids=["binary", "not UTF-8", "10 MB", "broken syntax"],
)
def test_what_can_not_be_analysed_gets_a_verdict_that_is_not_clean(
    kernel: Path, content: bytes
) -> None:
    kernel.write_bytes(content)
    ran = cli("audit", kernel, "--level", "static", "--format", "json")
    assert ran.returncode in (0, 1)
    report = json.loads(ran.stdout)
    assert report["verdict"]["label"] != "genuine"
    assert report["findings"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("[policy]\nprioor = 0.1\n", "unknown key 'prioor'; known: name, prior"),
        ("[policy]\nprior = 7\n", "lies between 0 and 1"),
        ("prior = 0.1\n", "has no [policy] table"),
        ("[policy\n", "is not TOML"),
    ],
)
def test_a_bad_policy_is_bad_input(kernel: Path, policy: str, said: str) -> None:
    path = kernel.parent / "policy.toml"
    path.write_text(policy)
    for command in ("audit", "screen"):
        ran = cli(command, kernel, "--policy", path)
        assert ran.returncode == 2
        assert said in ran.stderr


@pytest.mark.parametrize("place", ["no/such/folder/x.json", "."])
def test_an_output_that_can_not_be_written_is_refused_first(kernel: Path, place: str) -> None:
    ran = cli("audit", kernel, "--output", kernel.parent / place)
    assert ran.returncode == 2
    assert "--output" in ran.stderr


def test_an_output_is_whole_or_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.json"
    output.write("old", target)

    def full(source: object, destination: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BadInput, match="No space left"):
        output.write("new", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_output_may_be_a_device() -> None:
    output.check_writable("--output", Path("/dev/null"))
    output.write("gone", Path("/dev/null"))
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("label", "fail_on", "code"),
    [
        (Label.HACK, "hack", 1),
        (Label.BROKEN, "hack", 1),
        (Label.SHORTCUT, "hack", 0),
        (Label.SHORTCUT, "shortcut", 1),
        (Label.SUSPECT, "shortcut", 0),
        (Label.SUSPECT, "suspect", 1),
        (Label.GENUINE, "suspect", 0),
        (Label.INCONCLUSIVE, "suspect", 0),
    ],
)
def test_the_gate(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, label: Label, fail_on: str, code: int
) -> None:
    concluded(monkeypatch, label)
    assert main(["audit", str(kernel), "--level", "static", "--fail-on", fail_on]) == code


@pytest.mark.parametrize(("label", "code"), [(Label.INCONCLUSIVE, 3), (Label.HACK, 1)])
def test_require_conclusive(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, label: Label, code: int
) -> None:
    concluded(monkeypatch, label)
    assert main(["audit", str(kernel), "--level", "static", "--require-conclusive"]) == code


@pytest.mark.parametrize("form", ["terminal", "json", "sarif", "markdown"])
def test_a_report_goes_to_stdout_or_to_its_file(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, form: str
) -> None:
    concluded(monkeypatch, Label.GENUINE)
    asked = ["audit", str(kernel), "--level", "static", "--format", form]
    assert main(asked) == 0
    printed = capsys.readouterr()
    assert main([*asked, "--output", str(kernel.parent / "report")]) == 0
    assert capsys.readouterr().out == ""
    assert (kernel.parent / "report").read_text() == printed.out
    assert printed.err == ""


def test_a_bug_exits_with_4_and_asks_for_a_report(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(request: Request, progress: object, hear: object) -> Audit:
        raise KeyError("oops")

    monkeypatch.setattr(integrity.audit, "audit", broken)
    assert main(["audit", str(kernel), "--level", "static"]) == 4
    said = capsys.readouterr()
    assert "KeyError: 'oops'" in said.err
    assert "please report" in said.err
    assert said.out == ""


def test_an_interrupt_exits_with_130_and_says_nothing(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(request: Request, progress: object, hear: object) -> Audit:
        raise KeyboardInterrupt

    monkeypatch.setattr(integrity.audit, "audit", interrupted)
    assert main(["audit", str(kernel), "--level", "static"]) == 130
    assert capsys.readouterr().out == ""


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m integrity.cli --help | true"
    for _ in range(3):
        ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert ran.stderr == ""


def test_a_c_locale_gets_its_report_too(kernel: Path) -> None:
    kernel.write_text("def kernel(x):\n    return 'é'\n")
    ran = cli("detect", kernel, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ran.returncode == 0, ran.stderr


def test_detect_prints_the_harness_and_its_reasons(kernel: Path) -> None:
    lines = cli("detect", kernel).stdout.splitlines()
    assert lines[0].startswith("pair  ")
    assert lines[1:3] == ["  pair: it defines kernel", "  entry: kernel"]


def test_doctor_says_what_each_absence_costs() -> None:
    ran = cli("doctor", "--format", "json", OPENAI_API_KEY="")
    checks = {check["name"]: check for check in json.loads(ran.stdout)}
    assert {"python", "landlock", "seccomp", "torch", "cuda device", "judge"} <= checks.keys()
    assert not checks["judge"]["present"]
    assert all(check["cost"] for check in checks.values() if not check["present"])


def test_doctor_never_prints_a_key() -> None:
    assert "sk-secret" not in cli("doctor", OPENAI_API_KEY="sk-secret").stdout


def test_rules_lists_every_rule_as_its_class_says() -> None:
    listed = json.loads(cli("rules", "--format", "json").stdout)
    lines = cli("rules").stdout.splitlines()
    assert [one.split() for one in lines[::2]] == [
        [rule[name] for name in ("id", "family", "severity", "confidence")] for rule in listed
    ]
    assert [one.strip() for one in lines[1::2]] == [rule["summary"] for rule in listed]
    assert listed


@pytest.mark.parametrize("known", everything().values(), ids=lambda known: known.id)
def test_every_rule_and_detector_is_explained(known: Description, capsys: Any) -> None:
    assert main(["explain", known.id]) == 0
    said = capsys.readouterr().out
    assert "Known misses:" in said
    assert "Source:" in said
    assert ("Reported:" in said) == (known.kind == "rule")


@pytest.mark.parametrize(
    ("reproduced", "missing", "code"), [((FINDING,), (), 0), ((), (FINDING,), 1), ((), (), 0)]
)
def test_replay_fails_where_a_hard_finding_does_not_come_back(
    kernel: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    reproduced: tuple[Finding, ...],
    missing: tuple[Finding, ...],
    code: int,
) -> None:
    again = concluding(Label.HACK)(Request(Submission.of(KERNEL), Task("pair", "kernel", None)))
    found = Replayed(reproduced, missing, again)
    monkeypatch.setattr("integrity.replay.replay", lambda path, progress: found)
    capsys.readouterr()
    assert main(["replay", str(kernel)]) == code
    said = capsys.readouterr().out
    total = len(reproduced) + len(missing)
    assert f"{len(reproduced)} of {total} hard findings reproduced" in said
    assert ("MISSING" in said) == bool(missing)


@pytest.mark.parametrize("evidence", ["missing.json", "kernel.py"])
def test_what_is_no_evidence_is_bad_input(kernel: Path, evidence: str) -> None:
    ran = cli("replay", kernel.parent / evidence)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "evidence" in ran.stderr


def names(paths: Iterable[Path]) -> list[str]:
    return [path.name for path in paths]


def test_screen_walks_directories_but_not_into_problems(tmp_path: Path) -> None:
    for name in ["b.py", "a.py", "k.cu", "reference.py", "task.py", "utils.py", "x.txt"]:
        (tmp_path / name).write_text(KERNEL)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").write_text(KERNEL)
    assert names(kernels([tmp_path])) == ["a.py", "b.py", "k.cu"]
    assert names(kernels([tmp_path / "reference.py"])) == ["reference.py"]


def test_screen_of_nothing_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to screen"):
        kernels([tmp_path])


def test_screen_goes_on_after_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def audit(request: Request, **asked: object) -> Audit:
        if "bug" in request.submission.path.name:
            raise KeyError("oops")
        return concluding(Label.GENUINE)(request, str)

    monkeypatch.setattr("integrity.screen.audit", audit)
    paths = [tmp_path / name for name in ["one.py", "empty.py", "bug.py", "two.py"]]
    for path in paths:
        path.write_text("" if path.name == "empty.py" else KERNEL)
    screened = [Screening().one(path) for path in paths]
    labels = [one.audit.verdict.label for one in screened]
    assert labels == [Label.GENUINE, Label.INCONCLUSIVE, Label.INCONCLUSIVE, Label.GENUINE]
    reasons = [one.audit.verdict.abstentions for one in screened]
    assert "is empty" in reasons[1][0].reason
    assert reasons[2][0].reason == "internal error: KeyError: 'oops'"
    assert [bool(one.bug) for one in screened] == [False, False, True, False]
    assert screened[0].audit.request.policy == LEADERBOARD


def test_screen_holds_all_files_against_the_reference_it_is_given(tmp_path: Path) -> None:
    reference = tmp_path / "of_all.py"
    reference.write_text(
        "import torch\ndef reference(x): return 2 * x\n"
        "def make_inputs(seed): return [torch.randn(64)]\n"
    )
    for name, kernel in (("one.py", KERNEL), ("two.py", "def kernel(x): return x[:1]\n")):
        (tmp_path / name).write_text(kernel)
    ran = cli("screen", tmp_path, "--reference", reference, "--level", "cpu", "--timeout", "60")
    assert ran.returncode == 0, ran.stderr
    reports = list(map(json.loads, ran.stdout.splitlines()))  # the reference is no submission
    assert [Path(each["submission"]["path"]).name for each in reports] == ["one.py", "two.py"]
    assert {each["provenance"]["reference"] for each in reports} == {str(reference)}
    assert {each["verdict"]["label"] for each in reports} <= {"hack", "broken"}


def test_screen_needs_a_reference_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(KERNEL)
    ran = cli("screen", tmp_path, "--reference", tmp_path / "nowhere.py")
    assert ran.returncode == 2
    assert "nowhere.py is no file; check --reference" in ran.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_screen_writes_a_line_a_file_in_order(tmp_path: Path, jobs: str) -> None:
    for number in range(9):
        (tmp_path / f"k{number}.py").write_text(KERNEL)
    (tmp_path / "k4.py").write_text("")
    (tmp_path / "k5.py").write_bytes(b"\x00")
    ran = cli("screen", tmp_path, "--level", "static", "--jobs", jobs)
    assert ran.returncode == 0, ran.stderr
    reports = [json.loads(one) for one in ran.stdout.splitlines()]
    assert [Path(one["submission"]["path"]).name for one in reports] == [
        f"k{number}.py" for number in range(9)
    ]
    assert reports[4]["abstentions"][0]["source"] == "screen"


def test_an_interrupted_screen_leaves_no_process(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"k{number:03}.py").write_text(KERNEL * 200)
    command = [sys.executable, "-m", "integrity.cli", "screen", str(tmp_path), "--jobs", "2"]
    with subprocess.Popen(
        [*command, "--level", "static"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, errors = running.communicate(timeout=TWO_MINUTES)
    assert running.returncode == 130
    assert errors == ""
    assert no_one_in(running.pid)


def no_one_in(group: int) -> bool:
    """Whether that process group empties within seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
