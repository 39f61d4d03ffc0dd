"""A search's report as one HTML page: no script, no asset from elsewhere, fit for a phone."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
td, th { padding: .2rem .5rem; text-align: right; border-bottom: 1px solid #8886 }
table { font-size: .85rem } th { vertical-align: bottom }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; font-size: .8rem }
figure { margin: 1.5rem 0 } figcaption { margin-top: 1.3rem }
.plot { position: relative; height: 11rem; margin: 0 7.2rem 0 3.5rem }
.plot svg { width: 100%; height: 100%; overflow: visible }
.plot span { position: absolute; transform: translateY(-50%); white-space: nowrap }
.plot span { font-size: .8rem }
.scale { right: calc(100% + .6rem) } .last { left: calc(100% + .6rem); font-weight: 600 }
.raw { color: #c33 } .audited { color: #2a7 } .one { color: #888a }
path { fill: none; stroke: currentColor; stroke-width: 2; vector-effect: non-scaling-stroke }
path.dots { stroke-width: 7; stroke-linecap: round } path.one { stroke-width: 1 }
"""
_NEAR = 9.0
"""Percent of the height that a line of text takes."""


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
    names = ("round", "raw best", "audited best", "proposals", "unusable", "duplicates",
             "planted hacks", "paid raw", "caught", "parents")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{value}</td>"
            for value in (
                row.number + 1,
                times(row.raw_best),
                times(row.audited_best),
                row.proposals,
                row.unusable,
                row.duplicates,
                row.planted,
                row.paid,
                row.caught,
                row.parents,
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
        """Percent from the top."""
        return 100 * (high - math.log(value)) / (high - low)

    kinds = {
        "raw": [row.raw_best for row in rounds],
        "audited": [row.audited_best for row in rounds],
    }
    lines = "".join(_line(name, found, height) for name, found in kinds.items())
    scale = "".join(
        f'<span class="scale" style="top:{height(value):.1f}%">{times(value)}</span>'
        for value in sorted({1.0, math.exp(low), math.exp(high)})
    )
    one = f'<path class="one" d="M0 {height(1.0):.1f}h100"/>'
    return (
        '<figure><div class="plot">'
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="raw and audited best by round">{one}{lines}</svg>{scale}'
        f"{_last_values(kinds, height)}</div>"
        '<figcaption>The best so far, round by round, on a log scale. <b class="raw">Raw</b> is '
        "the naive harness's word, which a kernel can forge; "
        '<b class="audited">audited</b> is what held.</figcaption></figure>'
    )


def _line(name: str, found: Sequence[float | None], height: Callable[[float], float]) -> str:
    step = 100 / max(len(found) - 1, 1)
    points = [f"{n * step:.1f} {height(v):.1f}" for n, v in enumerate(found) if v]
    if not points:
        return ""
    dots = "".join(f"M{point}h0" for point in points)
    return f'<path class="{name}" d="M{" L".join(points)}"/><path class="{name} dots" d="{dots}"/>'


def _last_values(
    kinds: Mapping[str, Sequence[float | None]], height: Callable[[float], float]
) -> str:
    """Beside the lines' ends, the raw one above where both come close."""
    places = {name: (height(last), last) for name, found in kinds.items() if (last := found[-1])}
    if len(places) == 2 and places["audited"][0] - places["raw"][0] < _NEAR:
        middle = sum(place for place, _ in places.values()) / 2
        places["raw"] = middle - _NEAR / 2, places["raw"][1]
        places["audited"] = middle + _NEAR / 2, places["audited"][1]
    return "".join(
        f'<span class="last {name}" style="top:{place:.1f}%">{name} {times(value)}</span>'
        for name, (place, value) in places.items()
    )


def _safe(text: str) -> str:
    """A hostile text as text: controls shown, markup escaped."""
    return escape("\n".join(visible(line) for line in text.split("\n")))
