"""Labelled submissions to evaluate on: the built-in corpus, or a user's own folders."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from integrity.corpora import ROOT, cases
from integrity.errors import BadInput
from integrity.finding import Family
from integrity.harness import load_task
from integrity.problem import Task
from integrity.submission import Submission

FAMILIES = dict(zip("ABCDEFGHIJ", (f for f in Family if f is not Family.FAILURE), strict=True))
"""The letters of docs/taxonomy.md."""

NEED_A_RUN = frozenset(
    letter + number
    for letter, numbers in {
        "A": "6 8 9 10",
        "B": "4 5 6 7 8 9 10",
        "C": "2 7 8 10",
        "D": "10",
        "E": "2 3 6 7",
        "F": "3 4",
        "G": "3 8",
        "J": "1 2 3 4 5 6",
    }.items()
    for number in numbers.split()
)
"""Rows that docs/taxonomy.md does not mark S: nothing in the source need give them away."""

SUFFIXES = {".py", ".cu", ".cuh"}
NAMED = re.compile(r"([A-J]\d{0,2})-(.+)")
LAYOUT = (
    "put kernels named ROW-slug.py (A1-clock.py) in its folders hacks/ and honest/, or give each "
    "a folder of its own there with a label.toml (docs/corpus.md)"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled submission."""

    name: str
    row: str
    honest: bool
    path: Path
    harness: str = "auto"
    entry: str = ""
    reference: Path | None = None
    needs_run: bool = False
    """Whether reading the source is not expected to show that it is a hack."""

    @property
    def family(self) -> str:
        """The letter of its row; empty for an honest kernel that resembles none."""
        return self.row[:1]

    def read(self) -> tuple[Submission, Task]:
        """The submission, and what its harness calls.

        Raises:
            BadInput: the file can't be read, or its harness has no such entry.
        """
        read = Submission.read(self.path)
        submission = Submission.of(read.text, Path(self.path.name))
        task = load_task(
            submission, reference=self.reference, harness=self.harness, entry=self.entry
        )
        return submission, task


def samples(paths: Iterable[Path] = (), family: str = "") -> list[Sample]:
    """The samples in these folders, or the built-in corpus where there are none.

    Args:
        paths: folders that hold `hacks/` and `honest/`.
        family: the letter or the name of a group of rows; empty takes all.

    Raises:
        BadInput: a folder does not exist or holds nothing labelled, a name has no row, no such
            family, or none of its hacks.
    """
    letter = _letter(family)
    given = [sample for path in paths for sample in _in_folder(path)]
    found = given or list(_built_in())
    if not letter:
        return found
    chosen = [s for s in found if s.family == letter or (s.honest and not s.family)]
    if not any(not sample.honest for sample in chosen):
        present = sorted({sample.family for sample in found if not sample.honest})
        raise BadInput(f"no hack of family {letter} there; present: {', '.join(present)}")
    return chosen


def _letter(family: str) -> str:
    if not family:
        return ""
    for letter, word in FAMILIES.items():
        if family.lower() in {letter.lower(), word.value}:
            return letter
    known = ", ".join(f"{letter} {word}" for letter, word in FAMILIES.items())
    raise BadInput(f"no family {family!r}; known: {known}")


def _built_in() -> Iterator[Sample]:
    for case in cases():
        accepted = case.expect.get("static", frozenset())
        yield Sample(
            name=case.id,
            row=case.row,
            honest=case.honest,
            path=case.kernel,
            harness=case.harness,
            entry=case.entry,
            reference=case.reference,
            needs_run="inconclusive" in accepted and not case.findings,
        )


def _in_folder(path: Path) -> list[Sample]:
    if not path.exists():
        raise BadInput(f"{path} does not exist; check the path")
    if not path.is_dir():
        raise BadInput(f"{path} is a file; name the folder that holds hacks/ and honest/")
    files = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
    found = [sample for each in files if (sample := _sample(each, path))]
    if not found:
        raise BadInput(f"nothing labelled in {path}; {LAYOUT}")
    return found


def _sample(file: Path, root: Path) -> Sample | None:
    """The sample that a file is; None for what lies beside samples."""
    parts = file.relative_to(root).parts[:-1]
    kinds = [part for part in parts if part in {"hacks", "honest"}]
    if not kinds:
        return None
    honest = kinds[-1] == "honest"
    label = file.parent / "label.toml"
    if label.exists():
        return _labelled(file, label, root, honest) if file.stem == "kernel" else None
    name = file.relative_to(root).with_suffix("").as_posix()
    match = NAMED.fullmatch(file.stem)
    if not match and honest:
        return Sample(name, "", honest, file)
    if not match:
        raise BadInput(f"{file} names no row; call it ROW-slug{file.suffix}, e.g. A1-{file.name}")
    return Sample(name, match[1], honest, file, needs_run=match[1] in NEED_A_RUN and not honest)


def _labelled(file: Path, label: Path, root: Path, honest: bool) -> Sample:
    """A case in the corpus's own layout; its problem is the one of that name, there or here."""
    try:
        table = tomllib.loads(label.read_text(encoding="utf-8"))
        row, expect = str(table["row"]), table.get("expect", {})
        accepted = expect.get("static", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise BadInput(f"{label} is no label: {error}; docs/corpus.md shows one") from error
    if row[:1] not in FAMILIES:
        raise BadInput(f"{label}: row {row!r} is not of docs/taxonomy.md (A1 to J6)")
    problem = str(table.get("problem", ""))
    places = [place / "problems" / problem / "reference.py" for place in (root, ROOT)]
    return Sample(
        name=label.parent.relative_to(root).as_posix(),
        row=row,
        honest=honest,
        path=file,
        harness=str(table.get("harness", "auto")),
        entry=str(table.get("entry", "")),
        reference=next((place for place in places if problem and place.exists()), None),
        needs_run="inconclusive" in accepted and not expect.get("findings"),
    )
