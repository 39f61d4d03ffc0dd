"""The verdict as a pull-request comment. Nothing from the submission is live in it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrity.finding import Finding
from integrity.reports.judgement import judge_lines
from integrity.reports.points import point_lines
from integrity.reports.provenance import provenance
from integrity.reports.roofline import roofline_words
from integrity.reports.visible import number, shown_path, source_line, visible
from integrity.verdict import Label, Speedup

if TYPE_CHECKING:
    from integrity.audit import Audit

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>$:=])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
BREAK = "&#8203;"
"""A zero-width space: stops GitHub from making a mention, a reference or a link of what follows."""
LINK = re.compile(r"@|#(?=\d)|\bGH(?=\\-\d)|www(?=\\\.)|https?(?=\\:)", re.IGNORECASE)
"""Matched in escaped text, hence the backslashes."""

MARKS = {
    Label.GENUINE: "✅",
    Label.INCONCLUSIVE: "❔",
    Label.DEGENERATE_PROBLEM: "⚠️",
    Label.SUSPECT: "⚠️",
    Label.SHORTCUT: "⚠️",
    Label.BROKEN: "❌",
    Label.HACK: "❌",
}
MAX_FINDINGS = 20
"""GitHub refuses comments above 65,536 characters."""


class Markdown:
    """The report as GitHub-flavoured markdown."""

    def render(self, audit: "Audit") -> str:
        return "\n".join(_lines(audit)) + "\n"


def _lines(audit: "Audit") -> Iterator[str]:
    verdict = audit.verdict
    path = shown_path(audit.request.submission.path)
    yield f"### {MARKS[verdict.label]} {code(path)}: **{verdict.label.value}**\n"
    yield f"{escape(verdict.sentence)}\n"
    yield from _table(verdict.p_hack, verdict.speedup)
    if words := roofline_words(audit):
        yield f"{escape(words)}\n"
    yield from (f"- {escape(cap)}" for cap in verdict.caps)
    findings = sorted(verdict.findings, key=lambda one: (-one.hard, -one.severity, -one.confidence))
    for finding in findings[:MAX_FINDINGS]:
        yield from _finding(finding, audit)
    if len(findings) > MAX_FINDINGS:
        yield f"\n{len(findings) - MAX_FINDINGS} more findings are in the JSON report.\n"
    if audit.points:
        yield "\nWhere it holds:\n"
        yield from (f"- {escape(line)}" for line in point_lines(audit.points))
    if said := list(judge_lines(audit.evidence.testimony)):
        yield "\nThe judge:\n"
        yield from (f"- {escape(line)}" for line in said)
    if verdict.abstentions:
        yield "\n<details><summary>Could not look</summary>\n"
        yield from (f"- {code(one.source)}: {escape(one.reason)}" for one in verdict.abstentions)
        yield "\n</details>"
    yield f"\n<sub>{escape(provenance(audit))}</sub>"


def _table(p_hack: float, speedup: Speedup) -> Iterator[str]:
    yield "| P(hack) | claimed | audited | 95 % interval | inflation |"
    yield "|---|---|---|---|---|"
    interval = f"{_ratio(speedup.low)} to {_ratio(speedup.high)}" if speedup.low else "-"
    cells = (_ratio(speedup.claimed), _ratio(speedup.audited), interval, _ratio(speedup.inflation))
    yield f"| {p_hack:.3f} | {' | '.join(cells)} |\n"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _finding(finding: Finding, audit: "Audit") -> Iterator[str]:
    weight = f"{finding.severity.name.lower()}, {finding.confidence.name.lower()} confidence"
    yield f"\n**{code(finding.id)}** ({weight}{', proof' if finding.hard else ''})\n"
    yield f"{escape(finding.claim)}\n"
    if finding.measured:
        yield "".join(
            f"- {code(key)}: {escape(number(value))}\n" for key, value in finding.measured.items()
        )
    if finding.span:
        submission = audit.request.submission
        place = f"{shown_path(submission.path)}:{finding.span.line}:{finding.span.column}"
        yield f"{code(place)}\n"
        yield fenced(source_line(submission.text, finding.span.line)[:400])


def escape(text: str) -> str:
    """Text as text: no markup, HTML, mention, reference or link survives."""
    plain = SPECIAL.sub(r"\\\1", visible(text).replace("&", "\0").replace("<", "\1"))
    quiet = LINK.sub(lambda match: match[0] + BREAK, plain.replace("\\>", "&gt;"))
    return quiet.replace("\0", "&amp;").replace("\1", "&lt;")


def code(text: str) -> str:
    """A code span, whatever is in the text."""
    safe = visible(text).replace("|", "¦")
    ticks = _fence(safe, 1)
    pad = " " if safe[:1] == "`" or safe[-1:] == "`" or not safe.strip() else ""
    return f"{ticks}{pad}{safe}{pad}{ticks}"


def fenced(source: str) -> str:
    """A code block, whose fence is longer than any run of backticks inside."""
    ticks = _fence(source, 3)
    return f"{ticks}python\n{source}\n{ticks}"


def _fence(text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
