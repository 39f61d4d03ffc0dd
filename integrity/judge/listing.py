"""A submission as numbered lines, each with its place in the source.

The same submission always gives the same listing, so that what a judge quoted can be compared
again by whoever reads the record. Nothing is left out in silence: a line that is too long says
how much of it is missing.
"""

import ast
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from integrity.errors import CannotJudge
from integrity.finding import Span
from integrity.judge.device_code import plain_device_code
from integrity.judge.normalise import normalised, parsed
from integrity.rules.cuda import looks_like_cuda
from integrity.rules.disguised_text import spelled_out
from integrity.rules.literal import rows_of
from integrity.submission import Submission
from integrity.testimony import Reading

MAX_CHARACTERS = 2**20
"""Of a file. Above this no tree is built, and nobody is asked."""

MAX_LINE = 300
"""Characters of a line that are shown."""

MAX_TEXTS = 64
"""C++ texts of one submission."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is shown."""

    number: int
    text: str
    source_line: int
    """Where it stands in the submission's file, from 1."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A file, or a C++ text in it. Numbers go on from one listing of a submission to the next."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """A C++ text in a Python string."""

    node: ast.Constant
    text: str
    places: tuple[int, ...]
    """The line of the file that each of its lines begins on."""

    @property
    def title(self) -> str:
        return f"C++ in the string at line {self.node.lineno} of the file"

    def placed(self, rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Rows of this text, by their lines in the file."""
        return [(row, self.places[number - 1]) for row, number in rows]


@lru_cache(maxsize=16)
def listings(submission: Submission, reading: Reading, entry: str = "") -> tuple[Listing, ...]:
    """Everything of a submission that a question shows in this reading.

    Raises:
        CannotJudge: the source can't be parsed, so that comments can't be told from code.
    """
    if submission.unreadable:
        raise CannotJudge(f"the file {submission.unreadable}")
    if len(submission.text) > MAX_CHARACTERS:
        raise CannotJudge(f"the file is longer than {MAX_CHARACTERS} characters")
    if reading is Reading.RAW:
        return _numbered(_raw(submission))
    return _numbered(_plain(submission, entry))


def by_number(found: Iterable[Listing]) -> dict[int, Line]:
    """Every line that was shown, by its number."""
    return {line.number: line for listing in found for line in listing.lines}


def _numbered(parts: Iterable[tuple[str, list[tuple[str, int]]]]) -> tuple[Listing, ...]:
    number = 0
    made = []
    for title, rows in parts:
        lines = []
        for text, source_line in rows:
            number += 1
            lines.append(Line(number, _shown(text), source_line))
        made.append(Listing(title, tuple(lines)))
    return tuple(made)


def _shown(text: str) -> str:
    """The line with invisible characters spelled out, and cut where it is data."""
    whole = spelled_out(text)
    left = len(whole) - MAX_LINE
    return whole if left <= 0 else f"{whole[:MAX_LINE]} <{left} more characters>"


def _raw(submission: Submission) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    yield "the file", [(row, n) for n, row in enumerate(_lines(submission.text), start=1)]
    if submission.is_cuda:
        return
    for text in _texts(submission.text):
        if text.node.lineno == text.node.end_lineno and "\n" in text.text:  # one line of escapes
            rows = enumerate(text.text.split("\n"), start=1)
            yield text.title, text.placed((row, number) for number, row in rows)


def _plain(submission: Submission, entry: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    if submission.is_cuda:
        yield "C++", plain_device_code(submission.text)
        return
    texts = _texts(submission.text)
    inside = frozenset((text.node.lineno, text.node.col_offset) for text in texts)
    yield "Python", normalised(submission.text, entry, inside)
    for text in texts:
        yield text.title, text.placed(plain_device_code(text.text))


def _texts(source: str) -> list[_Text]:
    """The C++ texts in string literals, in the order of the file.

    Raises:
        CannotJudge: there are more than anybody would write.
    """
    found = [
        node
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_code(node.value)
    ]
    if len(found) > MAX_TEXTS:
        raise CannotJudge(f"it holds {len(found)} texts of C++, more than {MAX_TEXTS}")
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    lines = _lines(source)
    return [_Text(node, str(node.value), _places(lines, node)) for node in found]


def _is_code(text: str) -> bool:
    return looks_like_cuda(text) or ("{" in text and ";" in text)


def _places(lines: list[str], node: ast.Constant) -> tuple[int, ...]:
    text = str(node.value)
    rows = rows_of(lines, _span(lines, node), text)
    starts = [offset for offset, _, _ in rows]
    places, at = [], 0
    for row in text.split("\n"):
        known = bisect_right(starts, at) - 1
        places.append(rows[known][1] if known >= 0 else node.lineno)
        at += len(row) + 1
    return tuple(places)


def _span(lines: list[str], node: ast.Constant) -> Span:
    """Where a literal stands, in characters; `ast` counts bytes."""

    def column(line: int, offset_bytes: int) -> int:
        before = lines[line - 1].encode(errors="replace")[:offset_bytes]
        return len(before.decode(errors="ignore")) + 1

    end_line = node.end_lineno or node.lineno
    end = column(end_line, node.end_col_offset or node.col_offset)
    return Span(node.lineno, column(node.lineno, node.col_offset), end_line, end)


def _lines(source: str) -> list[str]:
    """Lines as Python counts them."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
