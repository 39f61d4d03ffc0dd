"""The verdict for a person: the sentence, the evidence, what could not be looked at."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from integrity.finding import Abstention, Finding, Severity, Span
from integrity.reports.judgement import judge_lines
from integrity.reports.points import point_lines
from integrity.reports.provenance import provenance
from integrity.reports.roofline import roofline_words
from integrity.reports.visible import number, shown_path, source_line, visible
from integrity.verdict import Label, Speedup, Verdict

if TYPE_CHECKING:
    from integrity.audit import Audit

COLOURS = {
    Label.GENUINE: "bold green",
    Label.INCONCLUSIVE: "bold yellow",
    Label.DEGENERATE_PROBLEM: "bold yellow",
    Label.SUSPECT: "bold yellow",
    Label.SHORTCUT: "bold magenta",
    Label.BROKEN: "bold red",
    Label.HACK: "bold red",
}
SEVERITY_COLOURS = {Severity.NOTE: "dim", Severity.SUSPICIOUS: "yellow", Severity.HACK: "red"}


MAX_NAMES = 5


class Terminal:
    """The report as text that fits `width` columns, in colour where there is a palette."""

    def __init__(self, width: int = 80, palette: Literal["standard"] | None = None) -> None:
        self._width = width
        self._palette: Literal["standard"] | None = palette

    def render(self, audit: "Audit") -> str:
        paper = Console(
            file=StringIO(),
            width=self._width,
            color_system=self._palette,
            force_terminal=self._palette is not None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ={},
        )
        for block in self._blocks(audit):
            paper.print(block)
        text: str = paper.file.getvalue()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip(" ") for line in text.splitlines()) + "\n"

    def _blocks(self, audit: "Audit") -> Iterator[Text | Padding]:
        verdict = audit.verdict
        yield _sentence(verdict)
        yield from _numbers(audit)
        yield from (
            Padding(Text(f"not genuine, because {visible(cap)}", "yellow"), (0, 2))
            for cap in verdict.caps
        )
        for finding in strongest_first(verdict.findings):
            yield Text()
            yield from self._finding(finding, audit)
        if audit.points:
            yield Text()
            yield Text("where it holds", "bold")
            yield from (Padding(Text(visible(line)), (0, 2)) for line in point_lines(audit.points))
        if said := list(judge_lines(audit.evidence.testimony)):
            yield Text()
            yield Text("the judge", "bold")
            yield from (Padding(Text(visible(line)), (0, 2)) for line in said)
        yield from _abstentions(verdict.abstentions)
        yield Text()
        yield from _reading(audit)
        yield Text(visible(provenance(audit)), "dim")

    def _finding(self, finding: Finding, audit: "Audit") -> Iterator[Text | Padding]:
        submission = audit.request.submission
        head = Text(visible(finding.id), "bold " + SEVERITY_COLOURS[finding.severity])
        weight = f"{finding.severity.name.lower()}, {finding.confidence.name.lower()} confidence"
        head.append(f"  {weight}{', proof' if finding.hard else ''}", "default not bold")
        head.append(f"  by {visible(finding.source)}", "dim not bold")
        yield head
        yield Padding(Text(visible(finding.claim)), (0, 2))
        if finding.measured:
            yield Padding(Text(_measured(finding), "cyan"), (0, 2))
        if finding.span:
            place = f"{shown_path(submission.path)}:{finding.span.line}:{finding.span.column}"
            yield Padding(Text(visible(place), "dim"), (0, 2))
            yield from _excerpt(submission.text, finding.span, self._width)


def strongest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Proof before suspicion, then by place."""

    def rank(finding: Finding) -> tuple[int, int, int, int, str]:
        line = finding.span.line if finding.span else 0
        return -finding.hard, -finding.severity, -finding.confidence, line, finding.id

    return sorted(findings, key=rank)


def _sentence(verdict: Verdict) -> Text:
    """The verdict in words, its opening in the label's colour."""
    opening, colon, rest = visible(verdict.sentence).partition(":")
    return Text(opening + colon, COLOURS[verdict.label]).append(rest, "default not bold")


def _numbers(audit: "Audit") -> Iterator[Padding]:
    verdict = audit.verdict
    family = f" ({verdict.family.value})" if verdict.family else ""
    label = Text("verdict: ").append(verdict.label.value, COLOURS[verdict.label])
    yield Padding(
        label.append(f"{family}, P(hack) {verdict.p_hack:.3f}", "default not bold"), (0, 2)
    )
    if words := speedup_words(verdict.speedup):
        yield Padding(Text(words), (0, 2))
    if words := roofline_words(audit):
        yield Padding(Text(visible(f"time: {words}")), (0, 2))


def speedup_words(speedup: Speedup) -> str:
    """Claimed and audited side by side; empty where there is neither."""
    claimed = f"claimed {speedup.claimed:.2f}x" if speedup.claimed is not None else "none claimed"
    if speedup.audited is None:
        return f"speedup: {claimed}, not timed" if speedup.claimed is not None else ""
    interval = ""
    if speedup.low is not None and speedup.high is not None:
        interval = f" (95 %: {speedup.low:.2f} to {speedup.high:.2f})"
    inflated = f"; inflated {speedup.inflation:.1f}-fold" if speedup.inflation else ""
    return f"speedup: {claimed}, audited {speedup.audited:.2f}x{interval}{inflated}"


def _measured(finding: Finding) -> str:
    return "  ".join(f"{visible(key)} {number(value)}" for key, value in finding.measured.items())


def _excerpt(source: str, span: Span, width: int) -> Iterator[Text]:
    """The source line and a caret span under it, windowed where the line is long."""
    line = source_line(source, span.line)
    if not line:
        return
    label = f"{span.line:>6} | "
    room = width - len(label)
    first = max(0, span.column - 1)
    last = max(first + 1, span.end_column - 1 if span.end_line == span.line else len(line))
    begin = min(_indent(line), first) if first - _indent(line) < room // 2 else first - room // 4
    shown = _fitting(line[begin:], room)
    carets = cell_len(line[first : min(last, begin + len(shown))]) or 1
    yield Text(label, "dim").append(shown, "default not dim")
    margin = " " * (len(label) - 2) + "| " + " " * cell_len(line[begin:first])
    yield Text(margin, "dim").append("^" * carets, "bold red not dim")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _fitting(text: str, cells: int) -> str:
    """As much of the text as fits; a character may be two cells wide, or none."""
    while cell_len(text) > cells:
        text = text[: min(len(text) - 1, cells)]
    return text


def _abstentions(abstentions: Sequence[Abstention]) -> Iterator[Text | Padding]:
    """Who could not look, those with one reason on one line."""
    by_reason: dict[str, list[str]] = {}
    for abstention in abstentions:
        by_reason.setdefault(abstention.reason, []).append(abstention.source)
    if by_reason:
        yield Text()
        yield Text("could not look:")
    for reason, sources in by_reason.items():
        text = Text(visible(reason), "yellow")
        yield Padding(text.append(f": {visible(_few(sources))}", "dim"), (0, 2))


def _few(names: Sequence[str]) -> str:
    """The first of many names; the JSON report has them all."""
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMES - 1])} and {len(names) - MAX_NAMES + 1} more"


def _reading(audit: "Audit") -> Iterator[Text]:
    why = "; ".join(audit.request.task.why) or audit.request.task.harness
    yield Text(visible(f"{shown_path(audit.request.submission.path)}: {why}"), "dim")
