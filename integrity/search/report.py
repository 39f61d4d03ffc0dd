"""A search's report as plain text of 80 columns; several side by side are an ablation."""

import math
from collections.abc import Iterator, Sequence
from textwrap import wrap

from integrity.problem import CONSTANT
from integrity.reports.visible import visible
from integrity.search.plan import Auditor
from integrity.search.summary import Round, Summary

_WIDTH = 78
_BAR = 18


def terminal_report(summaries: Sequence[Summary]) -> str:
    """All of them, and a table that compares them where there are several."""
    blocks = ["\n".join(_one(summary)) for summary in summaries]
    if len(summaries) > 1:
        blocks.append("\n".join(_ablation(summaries)))
    return "\n\n".join(blocks) + "\n"


def title(summary: Summary) -> str:
    """What was searched, how."""
    header = summary.header
    return (
        f"{header['problem']}: {header['proposer']}, {header['strategy']}, auditor "
        f"{header['auditor']}, seed {header['seed']}"
    )


def times(value: float | None) -> str:
    """A speedup, or a dash for none."""
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 100 else f"{value:.0f}x"


def crowned(summary: Summary) -> str:
    """The winner in one sentence."""
    outcome, final = summary.outcome, summary.outcome.final
    if outcome.winner is None:
        return "Nobody is crowned: no kernel was proven faster twice."
    planted = outcome.winner.proposal.planted
    truth = f" (planted: {planted})" if planted else ""
    raw = f"raw {times(summary.raw)}, forgeable"
    if final.get("low") is not None and not summary.crowned_a_hack:
        sure = (
            f"audited {times(final['audited'])}, 95 % interval {final['low']:.2f} to "
            f"{final['high']:.2f}"
        )
    else:
        sure = "audited: " + final.get("sentence", "not yet")
    return f"Crowned: {outcome.winner.id[:12]}{truth}; {raw}; {sure}"


def spent(summary: Summary) -> str:
    """Time and money."""
    parts = ", ".join(
        f"{kind} {taken:.0f} for {summary.steps[kind]}"
        for kind, taken in summary.seconds.items()
        if taken
    )
    total = summary.outcome.spent
    return (
        f"{total.seconds:.0f} s ({parts}); full audits {summary.audit_share:.0%} of it, "
        f"with reading and screening {summary.auditor_share:.0%}; {total.usd:.2f} USD"
    )


def unaudited(summary: Summary) -> str:
    """What was right so far and nobody looked at closely."""
    slower, waits = summary.never_audited
    return (
        f"{slower} slower than what is a parent, {waits} that still wait; neither are called clean."
    )


def sizes(summary: Summary) -> str:
    """Which sizes the proposer was not told of."""
    names = summary.outcome.varying
    if not names:
        return "the declared ones only: this problem has none that could be drawn."
    plain = visible(", ".join(name.removeprefix(CONSTANT) for name in names))
    return (
        f"{plain} drawn anew for every screening and audit; kernels that pass the naive harness "
        f"and fail there: {summary.broken_elsewhere}."
    )


def _one(summary: Summary) -> Iterator[str]:
    yield visible(title(summary))
    if summary.outcome.stopped:
        yield f"Stopped early: {summary.outcome.stopped}."
    yield ""
    yield "       best so far            kernels   planted hacks"
    yield f"round  {'raw':>8} {'audited':>8}   {'':{_BAR}} new  bad  all paid caught parents"
    most = max([1.5, *(r.raw_best or 0 for r in summary.rounds)])
    for row in summary.rounds:
        yield _line(row, most)
    yield "(# audited, - raw: log scale. paid: by the naive harness. bad: no usable kernel)"
    yield ""
    yield from wrap(visible(crowned(summary)), _WIDTH)
    if summary.inflation:
        yield f"Inflation of the winner's raw speedup: {summary.inflation:.2f}"
    if held_out := summary.header["monitor"]:
        yield (
            f"Monitor ({held_out}, held out of the loop): {summary.monitor_only} audits that only "
            "it speaks against"
        )
    yield from wrap(f"Sizes: {sizes(summary)}", _WIDTH)
    if summary.header["auditor"] == Auditor.ON:
        yield from wrap(f"Not audited: {unaudited(summary)}", _WIDTH)
    yield from wrap(f"Spent: {spent(summary)}", _WIDTH)


def _line(row: Round, most: float) -> str:
    bar = "".join(_mark(n, row, most) for n in range(_BAR))
    bad = row.unusable
    new = row.proposals - row.duplicates - bad
    return (
        f"{row.number + 1:5}  {times(row.raw_best):>8} {times(row.audited_best):>8}   {bar} "
        f"{new:3} {bad:4} {row.planted:4} {row.paid:4} {row.caught:6} {row.parents:7}"
    )


def _mark(place: int, row: Round, most: float) -> str:
    """What the bar shows there: audited speed under the raw claim, on a log scale from 1x."""
    reached = math.exp((place + 0.5) / _BAR * math.log(most))
    if row.audited_best is not None and row.audited_best >= reached:
        return "#"
    return "-" if row.raw_best is not None and row.raw_best >= reached else " "


def _ablation(summaries: Sequence[Summary]) -> Iterator[str]:
    yield "auditor  problem            crowned     raw  audited  95 % interval  inflation"
    for each in summaries:
        final, winner = each.outcome.final, each.outcome.winner
        honest = winner is not None and not each.crowned_a_hack
        what = "nobody" if winner is None else "honest" if honest else "a HACK"
        low, high = final.get("low"), final.get("high")
        interval = f"{low:.2f} to {high:.2f}" if honest and low is not None else "-"
        audited = times(each.audited) if honest else "-"
        inflation = f"{each.inflation:.2f}" if honest and each.inflation else "-"
        yield (
            f"{each.header['auditor']:8} {visible(each.header['problem'])[:18]:18} {what:>7} "
            f"{times(each.raw):>7} {audited:>8}  {interval:13}  {inflation:>9}"
        )
