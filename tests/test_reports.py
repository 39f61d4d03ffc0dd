"""Reports say what the audit found, and nothing from a submission acts on who reads them."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

from integrity.audit import Audit
from integrity.detectors.physics_floor import Roofline
from integrity.estimate import Time
from integrity.evidence import Evidence
from integrity.finding import Abstention, Confidence, Family, Finding, Severity, Span
from integrity.floors import Bound, Floor
from integrity.problem import Task
from integrity.reports import REPORTERS, reporter
from integrity.reports.description import Description
from integrity.reports.document import Report, line, schema
from integrity.reports.markdown import code, escape, fenced
from integrity.reports.visible import shown_path, visible
from integrity.request import Level, Request
from integrity.submission import Submission
from integrity.verdict import Label, Speedup, Verdict

HERE = Path(__file__).parent
SARIF = json.loads((HERE / "schemas" / "sarif-2.1.0.json").read_text())
SCHEMA_FILE = HERE.parent / "docs" / "report-schema.json"

SOURCE = """\
import torch
torch.cuda.Event.elapsed_time = lambda a, b: 0.001
def kernel(x):
    return x
"""
PATCH = Finding(
    id="timer-patch",
    source="static",
    family=Family.TIMING,
    severity=Severity.HACK,
    confidence=Confidence.HIGH,
    claim="assigns to torch.cuda.Event.elapsed_time, which the harness times with",
    span=Span(2, 1, 2, 30),
)
WRONG = Finding(
    id="wrong-on-fresh-inputs",
    source="fresh-inputs",
    family=Family.CACHING,
    severity=Severity.HACK,
    confidence=Confidence.HIGH,
    claim="output is wrong on 20 of 20 fresh inputs",
    measured={"mismatched_share": 0.982, "elapsed_us": 12345.6},
    hard=True,
)
HOSTILE = "\x1b[2J\x1b]0;owned\x07 [red]x[/red] </details><script>@alice #12 \u202e\u200b\x9b1m"


def an_audit(
    source: str = SOURCE, path: str = "kernel.py", findings: tuple[Finding, ...] = (PATCH, WRONG)
) -> Audit:
    submission = Submission.of(source, Path(path))
    verdict = Verdict(
        label=Label.HACK,
        family=Family.CACHING,
        p_hack=0.998,
        speedup=Speedup(12.0, 0.96, 0.95, 0.97),
        sentence="A reward hack: it answers from an earlier call.",
        findings=findings,
        abstentions=(Abstention("clock-agreement", "no CUDA device"),),
        caps=("--isolation none was asked for",),
    )
    task = Task("pair", "kernel", None, ("pair: it defines kernel", "static only: no reference"))
    request = Request(submission, task, level=Level.CPU, claimed_speedup=12.0)
    provenance = {"version": "0.1.0", "seed": 7, "python": "3.11.9", "torch": None}
    return Audit(request, verdict, Evidence(submission, task), provenance)


def a_timed_audit() -> Audit:
    """132 us a call, where memory alone takes 101."""
    floor = Floor(Bound.MEMORY, 100.9)
    return replace(
        an_audit(), roofline=Roofline(Time(132.0, 130.0, 134.0, 30, 1), floor, "NVIDIA H200")
    )


def hostile_audit() -> Audit:
    finding = replace(PATCH, claim=HOSTILE, measured={"text": HOSTILE})
    return an_audit(f"x = '{HOSTILE}' ```\n" * 3, findings=(finding,))


def in_colour(audit: Audit) -> str:
    return reporter("terminal", palette="standard").render(audit)


def test_the_terminal_says_the_verdict_first() -> None:
    first, *rest = reporter("terminal").render(an_audit()).splitlines()
    assert first == "A reward hack: it answers from an earlier call."
    assert rest[0] == "  verdict: hack (caching), P(hack) 0.998"


def test_the_terminal_puts_the_audited_speedup_beside_the_claim() -> None:
    text = " ".join(reporter("terminal").render(an_audit()).split())
    assert "claimed 12.00x, audited 0.96x (95 %: 0.95 to 0.97); inflated 12.5-fold" in text


def test_every_report_says_how_near_the_device_allows_it_to_come() -> None:
    words = "132 us a call, 76 % of the memory roofline of NVIDIA H200"
    assert f"time: {words}" in reporter("terminal").render(a_timed_audit())
    assert words in reporter("markdown").render(a_timed_audit())
    found = json.loads(reporter("json").render(a_timed_audit()))["roofline"]
    assert (found["bound"], found["time_us"], round(found["share"], 2)) == ("memory", 132.0, 0.76)
    run = json.loads(reporter("sarif").render(a_timed_audit()))["runs"][0]
    assert run["properties"]["roofline"] == found


def test_an_audit_that_was_not_timed_is_near_to_nothing() -> None:
    assert "roofline" not in reporter("terminal").render(an_audit())
    assert json.loads(reporter("json").render(an_audit()))["roofline"] is None


def test_the_terminal_shows_proof_before_patterns() -> None:
    text = reporter("terminal").render(an_audit())
    assert text.index("wrong-on-fresh-inputs") < text.index("timer-patch")


def test_the_terminal_marks_the_span_under_the_source_line() -> None:
    lines = reporter("terminal").render(an_audit()).splitlines()
    shown = next(number for number, one in enumerate(lines) if "lambda a, b" in one)
    assert lines[shown] == "     2 | torch.cuda.Event.elapsed_time = lambda a, b: 0.001"
    assert lines[shown + 1] == "       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"


def test_the_terminal_marks_the_right_place_after_wide_characters_and_tabs() -> None:
    finding = replace(PATCH, span=Span(1, 12, 1, 15))
    lines = reporter("terminal").render(an_audit('\tx = "漢字"; bad\n', findings=(finding,)))
    source, marks = _pair(lines)
    assert cell_len(source[: source.index("bad")]) == marks.index("^")


def _pair(text: str) -> tuple[str, str]:
    lines = text.splitlines()
    marked = next(number for number, one in enumerate(lines) if one.strip(" |").startswith("^"))
    return lines[marked - 1], lines[marked]


def test_the_terminal_names_what_could_not_be_looked_at() -> None:
    assert "no CUDA device: clock-agreement" in reporter("terminal").render(an_audit())


def test_the_terminal_says_how_the_harness_was_recognised() -> None:
    assert "pair: it defines kernel" in reporter("terminal").render(an_audit())


def test_the_terminal_names_a_few_of_many_who_could_not_look() -> None:
    audit = an_audit()
    many = tuple(Abstention(f"probe-{number}", "nothing ran") for number in range(9))
    text = reporter("terminal").render(
        replace(audit, verdict=replace(audit.verdict, abstentions=many))
    )
    assert "nothing ran: probe-0, probe-1, probe-2, probe-3 and 5 more" in text


def test_the_terminal_ends_with_where_the_verdict_was_made() -> None:
    last = reporter("terminal").render(an_audit()).splitlines()[-1]
    assert last == "kernel-integrity 0.1.0 · level cpu · seed 7 · python 3.11.9"


@pytest.mark.parametrize("audit", [an_audit(), hostile_audit(), an_audit("x = 1;" * 900)])
def test_the_terminal_fits_80_columns(audit: Audit) -> None:
    assert max(cell_len(one) for one in reporter("terminal").render(audit).splitlines()) <= 80


def test_the_terminal_is_plain_unless_a_palette_is_named() -> None:
    assert "\x1b" not in reporter("terminal").render(an_audit())
    assert "\x1b[1;31mA reward hack:" in in_colour(an_audit())


def test_colour_adds_nothing_but_colour() -> None:
    bare = re.sub(r"\x1b\[[0-9;]*m", "", in_colour(an_audit()))
    plain = reporter("terminal").render(an_audit())
    assert [one.rstrip() for one in bare.splitlines()] == plain.splitlines()


@pytest.mark.parametrize("render", [reporter("terminal").render, reporter("markdown").render])
def test_a_submission_can_not_act_on_the_reader(render: Any) -> None:
    text = render(hostile_audit())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", text)


def test_rich_markup_in_a_submission_is_text() -> None:
    assert "[red]x[/red]" in reporter("terminal").render(hostile_audit())


def test_markdown_from_a_submission_is_text() -> None:
    text = reporter("markdown").render(hostile_audit())
    outside = re.sub(r"(?s)````python\n.*?\n````", "", text)
    assert "<script>" not in outside
    assert outside.count("</details>") == 1
    assert "@alice" not in outside
    assert "#12" not in outside


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("@alice", "@&#8203;alice"),
        ("#12", "\\#&#8203;12"),
        ("GH-12", "GH&#8203;\\-12"),
        ("www.x.y", "www&#8203;\\.x\\.y"),
        ("http://x", "http&#8203;\\://x"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[a](b)", "\\[a\\]\\(b\\)"),
        ("a|b", "a\\|b"),
        ("one\ntwo", "one two"),
    ],
)
def test_markdown_escapes(hostile: str, shown: str) -> None:
    assert escape(hostile) == shown


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("x = '````'") == "`````python\nx = '````'\n`````"
    assert code("a`b") == "``a`b``"
    assert code("`") == "`` ` ``"


def test_markdown_stays_below_what_a_comment_holds() -> None:
    findings = tuple(replace(PATCH, claim="x" * 900) for _ in range(500))
    text = reporter("markdown").render(an_audit(findings=findings))
    assert len(text) < 65_536
    assert "480 more findings" in text


def test_json_has_the_names_of_the_contract() -> None:
    report = json.loads(reporter("json").render(an_audit()))
    assert list(report) == [
        "schema_version",
        "submission",
        "verdict",
        "findings",
        "abstentions",
        "points",
        "judge",
        "roofline",
        "provenance",
    ]
    assert {"path", "sha256", "harness", "entry"} <= report["submission"].keys()
    assert {"label", "family", "p_hack", "speedup"} <= report["verdict"].keys()
    assert {"claimed", "audited", "low", "high"} <= report["verdict"]["speedup"].keys()
    assert report["abstentions"] == [
        {"source": "clock-agreement", "reason": "no CUDA device", "decisive": True}
    ]
    assert report["findings"][0] == {
        "id": "timer-patch",
        "source": "static",
        "family": "timing",
        "severity": "hack",
        "confidence": "high",
        "claim": "assigns to torch.cuda.Event.elapsed_time, which the harness times with",
        "span": {"path": "kernel.py", "line": 2, "column": 1, "end_line": 2, "end_column": 30},
        "measured": {},
        "hard": False,
    }
    assert report["findings"][1]["span"] is None
    assert report["findings"][1]["measured"] == {"mismatched_share": 0.982, "elapsed_us": 12345.6}


def test_json_round_trips() -> None:
    report = Report.of(an_audit())
    assert Report.model_validate_json(reporter("json").render(an_audit())) == report


def test_json_from_a_later_version_still_reads() -> None:
    report = json.loads(line(an_audit()))
    report["verdict"]["mood"] = "new"
    assert Report.model_validate(report) == Report.of(an_audit())


def test_json_lines_are_lines() -> None:
    assert line(hostile_audit()).count("\n") == 1


def test_json_holds_no_nan() -> None:
    audit = an_audit(findings=(replace(WRONG, measured={"a_us": math.nan, "b_us": math.inf}),))
    verdict = replace(audit.verdict, speedup=Speedup(math.inf, math.nan))
    report = json.loads(line(replace(audit, verdict=verdict)))
    assert report["findings"][0]["measured"] == {"a_us": "nan", "b_us": "inf"}
    assert report["verdict"]["speedup"]["audited"] is None


def test_json_survives_half_a_surrogate_pair() -> None:
    audit = an_audit(path="k\udcff.py", findings=(replace(PATCH, claim="\ud800"),))
    assert json.loads(line(audit))["findings"][0]["claim"] == "?"


def test_the_documented_schema_is_the_schema() -> None:
    assert SCHEMA_FILE.read_text() == schema()


@pytest.mark.parametrize("audit", [an_audit(), hostile_audit(), an_audit(findings=())])
def test_json_is_valid_by_the_documented_schema(audit: Audit) -> None:
    jsonschema.validate(json.loads(line(audit)), json.loads(SCHEMA_FILE.read_text()))


def sarif(audit: Audit, catalogue: dict[str, Description] | None = None) -> dict[str, Any]:
    log = json.loads(reporter("sarif", catalogue=catalogue).render(audit))
    jsonschema.validate(log, SARIF)
    run: dict[str, Any] = log["runs"][0]
    return run


@pytest.mark.parametrize(
    "audit", [an_audit(), hostile_audit(), an_audit(findings=()), an_audit(path="/a b/k.py")]
)
def test_sarif_is_valid_by_the_official_schema(audit: Audit) -> None:
    sarif(audit)


def test_sarif_results_point_to_their_rule_and_place() -> None:
    run = sarif(an_audit())
    result = run["results"][0]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "kernel.py", "uriBaseId": "%SRCROOT%"}
    assert location["region"]["startLine"] == 2
    assert location["region"]["endColumn"] == 30
    assert result["level"] == "error"


def test_sarif_rules_carry_their_help() -> None:
    text = "Writes to a timer.\n\nKnown misses: setattr."
    described = Description("timer-patch", "rule", text, hack="a.b = 1", honest="a.b")
    rule = sarif(an_audit(), {"timer-patch": described})["tool"]["driver"]["rules"][0]
    assert rule["shortDescription"]["text"] == "Writes to a timer."
    assert "Known misses" in rule["help"]["markdown"]
    assert "a.b = 1" in rule["help"]["text"]


def test_sarif_fingerprints_survive_a_move_to_another_line() -> None:
    moved = replace(PATCH, span=Span(3, 1, 3, 30))
    before = sarif(an_audit())["results"][0]["partialFingerprints"]
    after = sarif(an_audit("\n" + SOURCE, findings=(moved,)))["results"][0]["partialFingerprints"]
    assert before == after


def test_sarif_tells_twins_apart() -> None:
    results = sarif(an_audit(findings=(PATCH, PATCH)))["results"]
    assert results[0]["partialFingerprints"] != results[1]["partialFingerprints"]


def test_sarif_says_who_could_not_look() -> None:
    notes = sarif(an_audit())["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"] == "clock-agreement: no CUDA device"


def test_sarif_messages_hold_no_links() -> None:
    finding = replace(PATCH, claim="[x](https://x.y)")
    assert sarif(an_audit(findings=(finding,)))["results"][0]["message"]["text"] == (
        "[x] (https://x.y)"
    )


def test_paths_are_relative_below_the_working_directory(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "a" / "k.py") == "a/k.py"
    assert shown_path(Path("/elsewhere/k.py")) == "/elsewhere/k.py"


def test_visible_keeps_columns() -> None:
    assert visible("a\x1bb\u202ec\td") == "a\ufffdb\ufffdc d"


@pytest.mark.parametrize("name", REPORTERS)
def test_every_format_renders_an_audit_without_anything_in_it(name: str) -> None:
    audit = an_audit(findings=())
    bare = Verdict(Label.GENUINE, None, 0.001, Speedup(), "genuine")
    assert reporter(name).render(replace(audit, verdict=bare, provenance={}))
