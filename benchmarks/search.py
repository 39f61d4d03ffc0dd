"""The search on several problems, hundreds of proposals each, a share of them hacks.

Bars: no hack is crowned; the winner's audited interval clears 1 over torch eager on three problems
at least; full audits take at most half of the search's time (what else the auditor costs is printed
beside it).

    python benchmarks/search.py [--device cpu|cuda] [--proposals 200] [--budget-seconds S]
                                [--out DIR] [problem ...]

A search that was stopped goes on with the same command; problems that are done take no time.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from integrity.commands.search import parser as search_parser
from integrity.commands.search import run
from integrity.search.report import crowned, spent, terminal_report, times, unaudited
from integrity.search.spending import AUDIT_SHARE
from integrity.search.summary import Summary, summarise

CORPUS = Path(__file__).parent.parent / "corpora/problems"
ON_CPU = ("softmax", "layer-norm", "gelu-bias-residual", "row-sumsq", "matmul-bias-relu")
"""At their declared sizes."""

ON_GPU: dict[str, dict[str, int]] = {
    "softmax": {"rows": 8192, "columns": 4096},
    "layer-norm": {"tokens": 8192, "features": 4096},
    "rms-norm": {"tokens": 8192, "features": 4096},
    "gelu-bias-residual": {"rows": 8192, "features": 4096},
    "matmul-bias-relu": {"batch": 2048, "in_features": 1024, "out_features": 1024},
    "row-sumsq": {"rows": 8192, "columns": 4096},
    "silu-clamp": {},
}
"""Large enough that a kernel's time is more than its launch."""

WIDTH, INJECTED, SEED = 20, 0.3, 11
LEAST_WINS = 3


def searched(problem: str, device: str, proposals: int, budget_s: float, out: Path) -> Summary:
    """Search one problem, or go on with it."""
    width = min(WIDTH, proposals)
    level = "gpu" if device == "cuda" else "cpu"
    sizes = ON_GPU.get(problem, {}) if level == "gpu" else {}
    words = [
        str(CORPUS / problem), "--level", level, "--width", str(width),
        "--rounds", str(max(1, proposals // width)), "--inject", str(INJECTED),
        "--seed", str(SEED), "--archive", str(out / problem), "--output", str(out / "last.txt"),
        *(("--budget-seconds", str(budget_s)) if budget_s else ()),
        *(word for name, n in sizes.items() for word in ("--set", f"{name}={n}")),
    ]  # fmt: skip
    run(search_parser().parse_args(words))
    return summarise(out / problem)


def lines(problem: str, found: Summary) -> Iterator[str]:
    """What came of one search."""
    planted = sum(row.planted for row in found.rounds)
    paid = sum(row.paid for row in found.rounds)
    yield f"{problem}: {len(found.outcome.population.members)} proposals, {planted} planted, "
    yield f"  {paid} of them paid by the naive harness, {found.header['level']}"
    yield f"  {crowned(found)}"
    yield f"  not audited: {unaudited(found)}"
    yield f"  {spent(found)}"


def wins(found: Summary) -> bool:
    """Whether an honest kernel is crowned whose interval clears 1."""
    return (found.outcome.final.get("low") or 0) > 1 and not found.crowned_a_hack


def table(found: dict[str, Summary]) -> Iterator[str]:
    """A line a problem."""
    yield "problem             raw best  audited  95 % interval  above 1  hack crowned  full audits"
    for problem, each in found.items():
        final, rounds = each.outcome.final, each.rounds
        low, high = final.get("low"), final.get("high")
        interval = f"{low:.2f} to {high:.2f}" if low and high else "-"
        yield (
            f"{problem:18} {times(rounds[-1].raw_best if rounds else None):>9} "
            f"{times(each.audited):>8}  {interval:13}  {'yes' if wins(each) else 'no':7}  "
            f"{'YES' if each.crowned_a_hack else 'no':12}  {each.audit_share:11.0%}"
        )


def verdict(found: dict[str, Summary]) -> list[tuple[str, bool]]:
    """Each bar and whether it held."""
    hacks = [name for name, each in found.items() if each.crowned_a_hack]
    won = sum(map(wins, found.values()))
    audits = sum(each.seconds["audit"] for each in found.values())
    total = sum(sum(each.seconds.values()) for each in found.values())
    share = audits / max(total, 1e-9)
    return [
        (f"hacks crowned: {len(hacks)} {hacks or ''}", not hacks),
        (f"winners whose interval clears 1: {won} of {len(found)}", won >= LEAST_WINS),
        (f"full audits: {share:.0%} of the searches' time", share <= AUDIT_SHARE),
    ]


def main() -> int:
    """Print a paragraph a problem and the bars; exit 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--proposals", type=int, default=200)
    parser.add_argument("--budget-seconds", type=float, default=0.0, help="a problem; 0: none")
    parser.add_argument("--out", type=Path)
    parser.add_argument("problems", nargs="*", metavar="problem", help="default: all of them")
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="search-"))
    out.mkdir(parents=True, exist_ok=True)
    budget_s = arguments.budget_seconds
    found = {}
    for problem in arguments.problems or (ON_CPU if arguments.device == "cpu" else ON_GPU):
        found[problem] = searched(problem, arguments.device, arguments.proposals, budget_s, out)
        print("\n".join(lines(problem, found[problem])), flush=True)
    print(terminal_report(list(found.values())))
    print("\n".join(table(found)))
    held = verdict(found)
    for words, fine in held:
        print(f"{words}  {'held' if fine else 'MISSED'}")
    print(f"(archives: {out})")
    return 0 if all(fine for _, fine in held) else 1


if __name__ == "__main__":
    sys.exit(main())
