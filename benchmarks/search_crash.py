"""Kill -9 at random moments, then resume: is the archive intact and the result the same?

Measured times differ from run to run, so the search is given an evaluator whose answers depend on
the kernel's text alone. Then "the same" has an exact meaning: after 20 kills in a row and one last
resume, every byte of the archive equals that of a search which nobody killed. After every kill, the
log that was there is checked to be a prefix of that log, but for one torn line.

    python benchmarks/search_crash.py [--kills 20] [--seed N]
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integrity.harness import load_task
from integrity.request import Level
from integrity.search.archive import Archive
from integrity.search.injectors import Injecting
from integrity.search.loop import Search
from integrity.search.offline import Offline
from integrity.search.plan import Plan
from integrity.search.strategies import STRATEGIES, strategy_of
from integrity.submission import Submission

REFERENCE = Path(__file__).parent.parent / "corpora/problems/layer-norm/reference.py"
_ROUNDS, _WIDTH = 12, 8


class Recorded:
    """Answers by the text's digest, after a moment in which a kill may fall."""

    jobs = 1
    varying = ("tokens",)

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def _number(self, text: str, purpose: str) -> float:
        time.sleep(self._pause_s)
        digest = hashlib.blake2b((purpose + text).encode(), digest_size=4).digest()
        return int.from_bytes(digest) / 2**32

    def raws(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "speedup": 0.5 + 3 * self._number(text, "raw"), "time_us": 50.0, "copy_us": 20.0,
                "error": "", "seconds": 0.5,
            }
            for text in texts
        ]  # fmt: skip

    def static(self, text: str) -> dict[str, Any]:
        suspect = "_planted" in text and self._number(text, "static") < 0.5
        label = "suspect" if suspect else "inconclusive"
        return {"label": label, "sentence": "as recorded", "seconds": 0.1}

    def screen(self, text: str, seed: int) -> dict[str, Any]:
        audited = 0.6 + 2 * self._number(text, "screen")
        return {
            "label": "inconclusive", "sentence": "as recorded", "audited": audited,
            "low": audited * 0.9, "points": [], "seed": seed, "seconds": 1.0,
        }  # fmt: skip

    def audit(self, text: str, seed: int) -> tuple[dict[str, Any], str]:
        audited = 0.6 + 2 * self._number(text, "audit")
        label = "hack" if "_planted" in text else "genuine" if audited > 1.1 else "inconclusive"
        body = {
            "label": label, "monitor": label, "sentence": "as recorded", "p_hack": 0.2,
            "audited": audited, "low": audited * 0.9, "high": audited * 1.1, "families": [],
            "points": [],
            "blind": False, "seed": seed, "machine": "", "seconds": 10.0,
        }  # fmt: skip
        return body, f"evidence of {seed}"


def search(folder: Path, strategy: str, pause_s: float) -> str:
    """Run or resume; the winner's digest."""
    task = load_task(Submission.of("\n"), REFERENCE)
    proposer = Injecting(Offline(task, Level.CPU), 0.3, task.entry)
    plan = Plan(task.entry, 5, _ROUNDS, _WIDTH)
    with Archive(folder, {"strategy": strategy}) as archive:
        evaluator = Recorded(pause_s)
        found = Search(plan, proposer, evaluator, strategy_of(strategy), archive).run()
    return found.winner.id if found.winner else ""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its name, but for what a kill left half written."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.startswith(".new-")
    }


def _log(folder: Path) -> bytes:
    """The log; empty where a kill came before there was one."""
    place = folder / "log.jsonl"
    return place.read_bytes() if place.exists() else b""


def killed(folder: Path, strategy: str, after_s: float) -> bool:
    """Run in a process of its own and kill that; whether it was still running."""
    command = [sys.executable, __file__, "--child", str(folder), "--strategy", strategy]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it has imported everything and begins
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def trial(strategy: str, kills: int, rng: random.Random) -> bool:
    """Whether 20 kills left no trace."""
    with tempfile.TemporaryDirectory() as place:
        whole, cut = Path(place, "whole"), Path(place, "cut")
        wanted = search(whole, strategy, 0.0)
        log = _log(whole)
        alive = 0
        for _ in range(kills):
            alive += killed(cut, strategy, rng.uniform(0.0, 0.3))
            left = _log(cut)
            if not log.startswith(left[: left.rfind(b"\n") + 1]):
                print(f"{strategy}: a kill changed the log")
                return False
        steps = _log(cut).count(b"\n")
        same = search(cut, strategy, 0.0) == wanted and contents(cut) == contents(whole)
        words = "identical" if same else "DIFFERENT"
        print(
            f"{strategy:10} {kills} kills, {alive} while it ran, {steps} of "
            f"{log.count(10)} steps by then; resumed: {words}, winner {wanted[:12]}"
        )
        return same


def main() -> int:
    """Print a line a strategy; exit 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--strategy", choices=STRATEGIES, help="default: all of them")
    arguments = parser.parse_args()
    if arguments.child:
        print("ready", flush=True)
        search(arguments.child, arguments.strategy, 0.02)
        return 0
    rng = random.Random(arguments.seed)
    chosen = [arguments.strategy] if arguments.strategy else STRATEGIES
    return 0 if all([trial(each, arguments.kills, rng) for each in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
