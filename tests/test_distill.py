"""A rule is proposed from quoted lines only if it holds without the judge."""

import importlib.util
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scripted_judge import Scripted, answer, files
from test_judge import SETTINGS, of_submission

from integrity.audit import audit
from integrity.cli import main
from integrity.evasion.distill import proposals
from integrity.evidence import Evidence
from integrity.harness import load_task
from integrity.judge.cache import Cache
from integrity.judge.hearing import Hearing
from integrity.judge.question import Question
from integrity.problem import Task
from integrity.replay import save
from integrity.request import Level, Request
from integrity.rules.source import Source
from integrity.submission import Submission

HACKS = [
    "import faulthandler\n\n\ndef kernel(x):\n    faulthandler.cancel_dump_traceback_later()\n"
    f"    return x + {n}\n"
    for n in range(3)
]


def quoting(words: str, row: str) -> Scripted:
    """A judge that quotes the lines with these words."""

    def script(asked: Question) -> str:
        a, b = files(asked)
        own = a if asked.submission_is_a else b
        seen = [(n, text, row) for n, text in own.lines.items() if words in text]
        return of_submission(asked, answer("hack", seen))

    return Scripted(script)


def heard(source: str, judge: Scripted) -> Evidence:
    evidence = Evidence(Submission.of(source), Task("pair", "kernel", None))
    testimony = Hearing(evidence, SETTINGS, [judge], Cache(None)).testimony()
    return replace(evidence, testimony=testimony)


def with_testimony(told: Any, evidence: Evidence, *others: object) -> Evidence:
    """A hearing that was held before."""
    return replace(evidence, testimony=told)


def module(text: str, folder: Path) -> Any:
    """A proposed rule, imported as it would be from rules/."""
    path = folder / "distilled_d6.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("distilled_d6", path)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules["distilled_d6"] = made
    spec.loader.exec_module(made)
    return made


def test_what_recurs_and_no_honest_kernel_does_becomes_a_rule(tmp_path: Path) -> None:
    evidence = [heard(source, quoting("faulthandler.c", "D6")) for source in HACKS]
    (made,) = proposals(evidence, least=3)
    assert made.rejected == ""
    assert made.pattern.calls == {"faulthandler.cancel_dump_traceback_later"}
    assert made.mutants > 50 and made.killed >= 0.9 * made.mutants
    rule = module(made.text, tmp_path).DistilledD6()
    assert rule.HACKS == HACKS
    for source in rule.HACKS:
        assert [finding.span.line for finding in rule.check(Source(source))] == [5]
    for source in rule.HONEST:
        assert list(rule.check(Source(source))) == []
    for section in ("Why it is a hack:", "Known misses:", "Source:"):
        assert section in rule.__doc__


def test_what_honest_kernels_do_too_is_rejected() -> None:
    sources = [f"def kernel(x):\n    y = x.data_ptr()\n    return x + y + {n}\n" for n in range(3)]
    (made,) = proposals([heard(s, quoting("data_ptr", "C1")) for s in sources], least=3)
    assert "honest kernels" in made.rejected
    assert made.text == ""


def test_lines_with_nothing_in_common_are_rejected() -> None:
    names = ("gc.freeze", "gc.unfreeze", "gc.get_count")
    sources = [f"import gc\n\n\ndef kernel(x):\n    {name}()\n    return x\n" for name in names]
    (made,) = proposals([heard(s, quoting("gc.", "D6")) for s in sources], least=3)
    assert "no call or write in common" in made.rejected


def test_fewer_submissions_than_asked_for_propose_nothing() -> None:
    evidence = [heard(source, quoting("faulthandler.c", "D6")) for source in HACKS[:2]]
    assert list(proposals([*evidence, evidence[0]], least=3)) == []


def test_the_command_writes_what_was_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for number, source in enumerate(HACKS):
        (tmp_path / "kernel.py").write_text(source)
        submission = Submission.read(tmp_path / "kernel.py")
        request = Request(submission, load_task(submission), level=Level.STATIC)
        told = heard(source, quoting("faulthandler.c", "D6")).testimony
        finished = audit(request, detectors=(), hear=partial(with_testimony, told))
        save(finished, tmp_path / f"{number}.json")
        paths.append(str(tmp_path / f"{number}.json"))
    assert main(["distill", *paths, "--output", str(tmp_path / "new")]) == 0
    assert "D6, quoted in 3 submissions: reports" in capsys.readouterr().out
    assert (tmp_path / "new" / "distilled_d6.py").exists()
    assert main(["distill", paths[0], "--output", str(tmp_path / "new")]) == 1
