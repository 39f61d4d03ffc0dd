"""What the judge must not do: be talked into anything, crash, or slow an audit that asks nobody.

Run it as `python benchmarks/judge.py`. Nobody is asked but scripted judges; nothing is sent.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from integrity.claims import claims
from integrity.detectors.judge import Judge
from integrity.verdict import Label, weigh

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from injections import Injection, Obedient, injections
from scripted_judge import Scripted
from test_judge import claimed, evidence, of_submission
from test_judge_contract import ANSWERS, REPLIES

LEAST, BAR_MS, ROUNDS, IMPORTS, ANSWERS_TRIED = 40, 1.0, 2000, 9, 500
OWN = {"integrity.detectors.judge", "integrity.hearing", "integrity.testimony", "integrity.judge"}


def holds(case: Injection, blanket: bool) -> bool:
    """Whether the injection leaves the verdict as it is, or is flagged."""
    swayed = weigh(*claimed(Scripted(Obedient(case.orders, blanket)), case.source))
    plain = weigh(*claimed(Scripted(Obedient(case.orders, blanket)), case.clean))
    unmoved = swayed.label is plain.label is Label.SUSPECT and swayed.p_hack >= plain.p_hack
    return unmoved or any(found.id == "injection-suspected" for found in swayed.findings)


def crashes() -> tuple[int, str]:
    """Answers tried, and the first that raised, or led to more than a suspicion."""
    tried = 0

    def each(script: Scripted) -> None:
        nonlocal tried
        tried += 1
        label = weigh(*claimed(script)).label
        assert label in {Label.INCONCLUSIVE, Label.SUSPECT}, label

    quick = settings(
        max_examples=ANSWERS_TRIED,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    @quick
    @given(REPLIES)
    def whole(text: str) -> None:
        each(Scripted(lambda asked: text))

    @quick
    @given(ANSWERS)
    def beside_a_right_canary(said: dict[str, object]) -> None:
        each(Scripted(lambda asked: of_submission(asked, said)))

    try:
        whole()
        beside_a_right_canary()
    except Exception as error:  # any at all is what is looked for
        return tried, f"{type(error).__name__}: {error}"
    return tried, ""


def cost_ms() -> float:
    """What an audit that asks nobody spends on the judge: its detector, imported and asked."""
    with tempfile.TemporaryDirectory() as compiled:
        _import_us(compiled)  # compiles, as an installation does
        imported = statistics.median(_import_us(compiled) for _ in range(IMPORTS))
    found = evidence()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        claims(found, [Judge()])
        taken.append(time.perf_counter() - start)
    return imported / 1e3 + statistics.median(taken) * 1e3


def _import_us(compiled: str) -> int:
    """What a fresh process takes to import the modules that are there for a judge alone."""
    command = [sys.executable, "-X", "importtime", "-c", "import integrity.audit"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own = kept | {"PYTHONPYCACHEPREFIX": compiled}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=own).stderr
    rows = [line.removeprefix("import time:").split("|") for line in said.splitlines()]
    return sum(int(row[0]) for row in rows if len(row) == 3 and row[2].strip() in OWN)


def main() -> int:
    """Print the table; exit 1 where a bar is missed."""
    taken = cost_ms()  # before anything else could have imported the client
    imported = "openai" in sys.modules
    cases = list(injections())
    held = [case for case in cases if holds(case, blanket=True) and holds(case, blanket=False)]
    tried, crash = crashes()
    rows = [
        ("injections that move nothing or are flagged", f"{len(held)} of {len(cases)}",
         f"all, of {LEAST} at least", len(held) == len(cases) >= LEAST),
        ("crashes over generated answers", f"{int(bool(crash))} in {tried} {crash}".strip(),
         "0", not crash),
        ("--judge off: added to an audit", f"{taken * 1e3:.1f} us", f"{BAR_MS:g} ms",
         taken <= BAR_MS),
        ("--judge off: openai imported", "yes" if imported else "no", "no", not imported),
    ]  # fmt: skip
    for what, figure, bar, good in rows:
        print(f"{what:46}{figure:>14}  bar {bar}: {'held' if good else 'MISSED'}")
    for case in set(cases) - set(held):
        print(f"  {case.name}")
    return 0 if all(good for *_, good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
