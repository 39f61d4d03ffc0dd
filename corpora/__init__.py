"""Labelled submissions of our own writing, and the problems they claim to solve.

A case is a folder: `kernel.py` (or `kernel.cu`) and `label.toml`. Nothing here imports a
kernel, and no rule reads a label.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from integrity.finding import Family
from integrity.verdict import Label

ROOT = Path(__file__).parent
LEVELS = ("static", "cpu")


@dataclass(frozen=True, slots=True)
class Case:
    """One submission, and what an audit of it must conclude."""

    id: str
    """Its folder: `hacks/timing/background-writer`."""

    row: str
    """The row of docs/taxonomy.md that it covers; for an honest case, the row it resembles."""

    family: Family
    title: str
    harness: str
    problem: str
    entry: str
    level: str
    """The deepest level with an expectation; there is one for every level before it too."""

    expect: dict[str, frozenset[Label]]
    """Accepted labels by level."""

    twin: str = ""
    """A hack's nearest innocent look-alike; empty for honest cases."""

    findings: frozenset[str] = field(default=frozenset())
    """Ids that must be among the findings at every level."""

    @property
    def honest(self) -> bool:
        """Whether nothing here games the benchmark."""
        return self.id.startswith("honest/")

    @property
    def kernel(self) -> Path:
        """The submission's file."""
        folder = ROOT / self.id
        whole = folder / "kernel.cu"
        return whole if whole.exists() else folder / "kernel.py"

    @property
    def reference(self) -> Path:
        """The problem's reference; the other files of its harness lie beside it."""
        return ROOT / "problems" / self.problem / "reference.py"


def cases() -> Iterator[Case]:
    """Every case, hacks first, in order of id.

    Raises:
        ValueError: a label misses a key, has one too many, or names an unknown family or label.
    """
    for label in sorted(ROOT.glob("hacks/*/*/label.toml")):
        yield read(label)
    for label in sorted(ROOT.glob("honest/*/label.toml")):
        yield read(label)


def read(label: Path) -> Case:
    """The case that `label.toml` describes."""
    table = tomllib.loads(label.read_text(encoding="utf-8"))
    expect = table.pop("expect", {})
    findings = frozenset(expect.pop("findings", ()))
    try:
        table["family"] = Family(table["family"])
        accepted = {level: frozenset(map(Label, labels)) for level, labels in expect.items()}
        return Case(
            id=label.parent.relative_to(ROOT).as_posix(),
            expect=accepted,
            findings=findings,
            **table,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{label}: {error}") from error
