"""What `integrity evaluate` found, as tables for a person and as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import integrity
from integrity.reports.visible import visible
from integrity.rules import RULESET_VERSION

if TYPE_CHECKING:
    from integrity.evasion.evaluate import Outcome, Plan
    from integrity.evasion.judged import Judged
    from integrity.evasion.tally import HonestTally, Share, Tally

WIDTH = 80
MAX_MUTATORS = 20
MAX_NAMES = 40


def terminal_report(found: "Tally", plan: "Plan", heard: "Judged | None" = None) -> str:
    """Tables that fit 80 columns."""
    paper = Console(
        file=StringIO(),
        width=WIDTH,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for block in _blocks(found):
        paper.print(block)
        paper.print()
    if heard:
        paper.print(_judged(heard))
        paper.print()
    paper.print(Text(_made_with(plan)))
    text: str = paper.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip(" ") for line in text.splitlines()) + "\n"


def _made_with(plan: "Plan") -> str:
    return (
        f"kernel-integrity {integrity.__version__}, ruleset {RULESET_VERSION}, policy "
        f"{plan.policy.name}, prior {plan.policy.prior:g}, seed {plan.seed}"
    )


def _blocks(found: "Tally") -> Iterator[RenderableType]:
    if found.families:
        yield _families(found)
    if any(family.apart.total for family in found.families):
        yield _apart(found)
    if found.honest.total:
        yield _honest(found)
    if found.mutators:
        yield _mutators(found)
    if found.rules:
        yield _rules(found)
    yield _names("missed", [outcome.name for outcome in found.missed])
    yield _names("accused", [f"{outcome.name}: {outcome.label}" for outcome in found.accused])


def _table(title: str, *columns: str) -> Table:
    made = Table(
        title=title,
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    made.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def _families(found: "Tally") -> Table:
    made = _table(
        "Hacks whose source gives them away, and their mutants (95 % intervals)",
        "family", "flagged", "hack", "recall", "killed", "of mutants",
    )  # fmt: skip
    for family in found.families:
        if family.hacks.total:
            made.add_row(
                family.title,
                _of(family.hacks),
                str(family.convicted),
                _rate(family.hacks),
                _of(family.mutants),
                _rate(family.mutants),
            )
    return made


def _apart(found: "Tally") -> Table:
    made = _table("Hacks that need a run", "family", "flagged", "mutants flagged")
    for family in found.families:
        if family.apart.total:
            made.add_row(family.title, _of(family.apart), _of(family.mutants_apart))
    return made


def _honest(found: "Tally") -> Table:
    made = _table("Honest, wrongly called", "label", "kernels", "share", "mutants", "share")
    for label in ("suspect", "shortcut", "broken", "hack"):
        kernels, mutants = getattr(found.honest, label), getattr(found.twins, label)
        made.add_row(label, _of(kernels), _rate(kernels), _of(mutants), _rate(mutants))
    return made


def _mutators(found: "Tally") -> Table:
    shown = found.mutators[:MAX_MUTATORS]
    left = len(found.mutators) - len(shown)
    more = f", {left} more in --format json" if left else ""
    made = _table(
        f"Mutators, worst first{more}", "mutator", "killed", "twins flagged", "twins called hack"
    )
    for row in shown:
        made.add_row(row.name, _of(row.killed), _of(row.twins_flagged), str(row.twins_convicted))
    return made


def _rules(found: "Tally") -> Table:
    made = _table("Findings by rule", "rule", "hacks", "their mutants", "honest", "their mutants")
    for row in found.rules:
        made.add_row(row.id, *map(str, (row.hacks, row.mutants, row.honest, row.twins)))
    return made


def _judged(heard: "Judged") -> Table:
    made = _table("The judge by itself (95 % intervals)", "of", "accused", "share")
    made.add_row("hacks", _of(heard.recall), _rate(heard.recall))
    made.add_row("honest", _of(heard.false_alarms), _rate(heard.false_alarms))
    made.add_row("abstained", _of(heard.abstained), _rate(heard.abstained))
    made.add_row("cost, USD", "not set" if heard.usd is None else f"{heard.usd:.4f}", "-")
    return made


def _names(what: str, names: Sequence[str]) -> RenderableType:
    if not names:
        return Text(f"{what}: none")
    listed = list(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        listed.append(f"and {len(names) - MAX_NAMES} more, in --format json")
    lines = "\n".join(visible(name) for name in listed)
    return Padding(Text(f"{what}: {len(names)}\n{lines}"), (0, 0))


def _of(share: "Share") -> str:
    return f"{share.hits}/{share.total}"


def _rate(share: "Share") -> str:
    if share.rate is None or share.interval is None:
        return "-"
    low, high = share.interval
    return f"{share.rate:.3f} ({low:.2f}-{high:.2f})"


def json_report(found: "Tally", plan: "Plan", heard: "Judged | None" = None) -> str:
    """One JSON object with every count and every name."""
    document = {
        "tool": "kernel-integrity",
        "version": integrity.__version__,
        "ruleset": RULESET_VERSION,
        "policy": plan.policy.name,
        "prior": plan.policy.prior,
        "seed": plan.seed,
        "mutants": plan.with_mutants,
        "per_case": plan.per_case,
        "families": [
            {
                "family": family.letter,
                "hacks": _share(family.hacks),
                "labelled_hack": family.convicted,
                "mutants": _share(family.mutants),
                "need_a_run": _share(family.apart),
                "mutants_that_need_a_run": _share(family.mutants_apart),
            }
            for family in found.families
        ],
        "honest": _labels(found.honest),
        "mutants_of_honest": _labels(found.twins),
        "mutators": [
            {
                "mutator": row.name,
                "killed": row.killed.hits,
                "total": row.killed.total,
                "twins": row.twins_flagged.total,
                "twins_flagged": row.twins_flagged.hits,
                "twins_labelled_hack": row.twins_convicted,
            }
            for row in found.mutators
        ],
        "rules": [
            {
                "rule": row.id,
                "hacks": row.hacks,
                "mutants_of_hacks": row.mutants,
                "honest": row.honest,
                "mutants_of_honest": row.twins,
            }
            for row in found.rules
        ],
        "judge": heard
        and {
            "hacks_accused": _share(heard.recall),
            "honest_accused": _share(heard.false_alarms),
            "abstained": _share(heard.abstained),
            "usd": heard.usd,
        },
        "missed": _listed(found.missed),
        "accused": _listed(found.accused),
    }
    return json.dumps(document, indent=2) + "\n"


def _share(share: "Share") -> dict[str, Any]:
    low, high = share.interval or (None, None)
    return {"hits": share.hits, "total": share.total, "low": low, "high": high}


def _labels(tally: "HonestTally") -> dict[str, Any]:
    return {
        "total": tally.total,
        "suspect": _share(tally.suspect),
        "shortcut": _share(tally.shortcut),
        "broken": _share(tally.broken),
        "hack": _share(tally.hack),
    }


def _listed(outcomes: "Iterable[Outcome]") -> list[dict[str, Any]]:
    return [
        {
            "sample": outcome.sample.name,
            "row": outcome.sample.row,
            "mutator": outcome.mutator or None,
            "label": outcome.label,
            "rules": sorted(outcome.rules),
        }
        for outcome in outcomes
    ]
