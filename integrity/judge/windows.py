"""Long files in overlapping parts, so that nothing is left out in silence."""

from collections.abc import Iterator, Sequence

from integrity.errors import CannotJudge
from integrity.judge.listing import Line, Listing

WINDOW_CHARACTERS = 24_000
"""Of one part; about 8,000 tokens."""

OVERLAP_LINES = 20
MAX_WINDOWS = 16

Window = tuple[Listing, ...]


def windows(listings: Sequence[Listing]) -> list[Window]:
    """The listings in parts that begin with the end of the part before.

    Raises:
        CannotJudge: there would be more parts than are asked about.
    """
    rows = [(listing.title, line) for listing in listings for line in listing.lines]
    parts: list[Window] = []
    start = 0
    while start < len(rows) or not parts:
        end = _end(rows, start)
        parts.append(tuple(_listings(rows[start:end])))
        if len(parts) > MAX_WINDOWS:
            raise CannotJudge(
                f"it is too long: more than {MAX_WINDOWS} parts of {WINDOW_CHARACTERS} characters"
            )
        if end == len(rows):
            break
        start = max(end - OVERLAP_LINES, start + 1)
    return parts


def _end(rows: Sequence[tuple[str, Line]], start: int) -> int:
    """The first row that no longer fits; at least one always does."""
    size = 0
    for place in range(start, len(rows)):
        size += len(rows[place][1].text) + 1
        if size > WINDOW_CHARACTERS and place > start:
            return place
    return len(rows)


def _listings(rows: Sequence[tuple[str, Line]]) -> Iterator[Listing]:
    titles = dict.fromkeys(title for title, _ in rows)
    for title in titles:
        yield Listing(title, tuple(line for own, line in rows if own == title))
