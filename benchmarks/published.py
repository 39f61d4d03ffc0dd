"""Whom the rules accuse among GPU kernels that others have published, and all use.

    python benchmarks/published.py [--keep FOLDER]

Downloads wheels of packages full of Triton kernels, reads every file of theirs that defines one,
and prints how many are accused of what. Nothing of them is installed or run. No harness calls these
files: every function that no other one uses is taken for an entry, and much that no submission
should do (replacing a model's methods) is what they are for. So this overstates what happens to
honest submissions. Bars: 3 % suspect or worse, 0.5 % called a hack; exits with 1 beyond.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    "conch-triton-kernels==1.3", "fla-core==0.6.0", "flag-gems==5.0.2", "liger-kernel==0.8.5",
    "lightllm==0.0.1", "sglang==0.5.23", "torchao==0.18.0", "unsloth==2026.10.9",
)  # fmt: skip
MARKS = ("@triton.jit", "load_inline", "RawKernel")
MOST_CHARACTERS = 60_000
"""Larger files are whole libraries."""

ACCUSED = ("hack", "broken", "shortcut", "suspect")
BARS = {"hack": 0.005, "suspect": 0.03}


def main() -> int:
    """Print the table and the bars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps what was downloaded")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        wheels, kernels = folder / "wheels", folder / "kernels"
        kernels.mkdir(parents=True, exist_ok=True)
        for package in PACKAGES:
            print(f"fetching {package}", file=sys.stderr, flush=True)
            fetch(package, wheels)
        for name, text in sources(wheels):
            (kernels / name).write_text(text)
        return report(list(verdicts(kernels)))


def fetch(package: str, wheels: Path) -> None:
    """One wheel, unless it is there already."""
    if any(wheels.glob(f"{package.partition('==')[0].replace('-', '_')}-*.whl")):
        return
    command = ("download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels))
    subprocess.run([sys.executable, "-m", "pip", *command, package], check=True)


def sources(wheels: Path) -> Iterator[tuple[str, str]]:
    """Files that define kernels, named by where they lie."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith(".py"):
                    continue
                text = archive.read(name).decode(errors="replace")
                if len(text) < MOST_CHARACTERS and any(mark in text for mark in MARKS):
                    yield f"{wheel.name.partition('-')[0]}--{name.replace('/', '--')}", text


def verdicts(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """File, label and what was found, of every file."""
    command = [Path(sys.executable).parent / "integrity", "screen", folder, "--level", "static"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    for line in run.stdout.splitlines():
        said = json.loads(line)
        found = [f"{one['id']}: {one['claim']}" for one in said["findings"]]
        yield Path(said["submission"]["path"]).name, said["verdict"]["label"], found


def report(found: list[tuple[str, str, list[str]]]) -> int:
    """The table and the bars; 1 where one is missed."""
    by_package: dict[str, Counter[str]] = defaultdict(Counter)
    for name, label, _ in found:
        by_package[name.partition("--")[0]][label] += 1
    print(f"{'package':24}{'files':>7}" + "".join(f"{label:>10}" for label in ACCUSED))
    for package, labels in sorted(by_package.items()):
        row = "".join(f"{labels[label]:>10}" for label in ACCUSED)
        print(f"{package:24}{sum(labels.values()):>7}{row}")
    for name, label, findings in sorted(found, key=lambda one: (one[1], one[0])):
        if label in ACCUSED:
            print(f"{label:10}{name.replace('--', '/')}\n{'':10}{findings[0]}")
    labels = Counter(label for _, label, _ in found)
    accused = sum(labels[label] for label in ACCUSED)
    shares = {"hack": labels["hack"] / len(found), "suspect": accused / len(found)}
    print(f"\n{len(found)} files; suspect or worse {accused} ({shares['suspect']:.1%}, "
          f"bar {BARS['suspect']:.1%}); hack {labels['hack']} ({shares['hack']:.2%}, "
          f"bar {BARS['hack']:.1%})")  # fmt: skip
    return int(any(shares[name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
