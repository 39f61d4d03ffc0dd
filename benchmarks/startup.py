"""How long `integrity --help` and `integrity rules` take, against `python -c pass`.

The bar: at most 6 times, on the same machine in the same run. Medians of runs in turn.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS, BAR = 15, 6.0
INTEGRITY = str(Path(sys.executable).parent / "integrity")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "integrity --help": [INTEGRITY, "--help"],
    "integrity rules": [INTEGRITY, "rules"],
    "integrity audit --help": [INTEGRITY, "audit", "--help"],
}


def seconds(command: list[str]) -> float:
    """One whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Print the table; exit 1 where the bar is missed."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = statistics.median(times["python -c pass"])
    missed = 0
    for name, taken in times.items():
        ratios = [own / bare for own, bare in zip(taken, times["python -c pass"], strict=True)]
        ratio = statistics.median(ratios)
        barred = name in ("integrity --help", "integrity rules")
        missed += barred and ratio > BAR
        note = f"  bar {BAR:g}: {'held' if ratio <= BAR else 'MISSED'}" if barred else ""
        print(f"{name:24}{statistics.median(taken) * 1e3:8.1f} ms{ratio:7.2f} x{note}")
    print(f"(medians of {ROUNDS} runs in turn; bare Python takes {base * 1e3:.1f} ms)")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
