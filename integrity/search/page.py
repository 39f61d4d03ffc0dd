"""A search's report as one HTML page: no script, no asset from elsewhere, fit for a phone."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from integrity.reports.visible import visible
from integrity.search.plan import Auditor
from integrity.search.report import crowned, sizes, spent, times, title, unaudited
from integrity.search.summary import Round, Summary

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 52rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #8886 }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; font-size: .8rem }
svg { width: 100%; height: auto } .raw { stroke: #c33 } .audited { stroke: #2a7 }
polyline { fill: none; stroke-width: 2 } text { fill: currentColor; font-size: 11px }
"""
_WIDTH, _HEIGHT, _LEFT = 600, 220, 44


def page(summaries: Sequence[Summary], sources: Sequence[str]) -> str:
    """The page; `sources` are the winners' texts, empty where nobody won."""
    body = "\n".join(
        part
        for summary, source in zip(summaries, sources, strict=True)
        for part in _section(summary, source)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Audited search</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>Raw reward beside audited reward</h1>\n{body}\n</body></html>\n"
    )


def _section(summary: Summary, source: str) -> Iterator[str]:
    yield f"<h2>{_safe(title(summary))}</h2>"
    if summary.outcome.stopped:
        yield f"<p>Stopped early: {_safe(summary.outcome.stopped)}.</p>"
    yield f"<p><strong>{_safe(crowned(summary))}</strong></p>"
    yield _curves(summary.rounds)
    yield '<p>Best so far by round: <span style="color:#c33">raw</span>, by the naive harness\'s '
    yield 'forgeable word; <span style="color:#2a7">audited</span>. Log scale.</p>'
    yield _table(summary.rounds)
    inflation = f"{summary.inflation:.2f}" if summary.inflation else "none to state"
    yield f"<p>Inflation of the winner's raw speedup: {inflation}.</p>"
    if held_out := summary.header["monitor"]:
        yield f"<p>Monitor, held out of the loop: {_safe(held_out)}; audits that only it speaks "
        yield f"against: {summary.monitor_only}.</p>"
    yield f"<p>Sizes: {_safe(sizes(summary))}</p>"
    if summary.header["auditor"] == Auditor.ON:
        yield f"<p>Not audited: {_safe(unaudited(summary))}</p>"
    yield f"<p>Spent: {_safe(spent(summary))}.</p>"
    if source:
        final = summary.outcome.final
        yield f"<p>The winner's second audit: {_safe(str(final.get('sentence', '')))}</p>"
        yield f"<details><summary>Its source</summary><pre>{_safe(source)}</pre></details>"


def _table(rounds: Sequence[Round]) -> str:
    names = ("round", "proposals", "unusable", "duplicates", "planted hacks", "paid raw",
             "caught", "parents", "raw best", "audited best")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{value}</td>"
            for value in (
                row.number + 1,
                row.proposals,
                row.unusable,
                row.duplicates,
                row.planted,
                row.paid,
                row.caught,
                row.parents,
                times(row.raw_best),
                times(row.audited_best),
            )
        )
        + "</tr>"
        for row in rounds
    )
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _curves(rounds: Sequence[Round]) -> str:
    values = [v for row in rounds for v in (row.raw_best, row.audited_best) if v]
    if not values:
        return "<p>No kernel came to a speedup.</p>"
    low, high = math.log(min([1.0, *values])), math.log(max([2.0, *values]))

    def height(value: float) -> float:
        return _HEIGHT - 20 - (math.log(value) - low) / (high - low) * (_HEIGHT - 40)

    def line(name: str, found: Sequence[float | None]) -> str:
        step = (_WIDTH - _LEFT - 10) / max(len(found) - 1, 1)
        points = [(_LEFT + n * step, height(v)) for n, v in enumerate(found) if v]
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
        return f'<g class="{name}"><polyline points="{places}"/>{dots}</g>'

    marks = "".join(
        f'<text x="0" y="{height(value) + 4:.1f}">{times(value)}</text>'
        for value in sorted({1.0, math.exp(low), math.exp(high)})
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="raw and audited best">'
        f"{marks}{line('raw', [row.raw_best for row in rounds])}"
        f"{line('audited', [row.audited_best for row in rounds])}</svg>"
    )


def _safe(text: str) -> str:
    """A hostile text as text: controls shown, markup escaped."""
    return escape("\n".join(visible(line) for line in text.split("\n")))
