"""Where the characters of a Python string literal stand in the file, escapes and all."""

from __future__ import annotations

from collections.abc import Sequence

from integrity.finding import Span

Row = tuple[int, int, int]
"""Offset in the string, line and column in the file."""

LONG_ESCAPES = {"x": 3, "u": 5, "U": 9}


MAX_CHARACTERS = 100_000
"""Longer literals are data or bait; a finding in one points at the whole."""


def lines_of(text: str) -> list[Row]:
    """Rows of a whole file: one a line."""
    rows, at = [(0, 1, 1)], text.find("\n")
    while at >= 0:
        rows.append((at + 1, len(rows) + 1, 1))
        at = text.find("\n", at + 1)
    return rows


def rows_of(lines: Sequence[str], span: Span, text: str) -> list[Row]:
    """Rows of a literal, or of several that stand side by side; none if it does not add up."""
    if len(text) > MAX_CHARACTERS:
        return []
    reader = _Reader(lines, span)
    while reader.literal():
        pass
    return reader.rows if reader.offset == len(text) else []


class _Reader:
    """Walks over the source of a literal and counts what it spells."""

    def __init__(self, lines: Sequence[str], span: Span) -> None:
        self.lines = lines
        self.line, self.column = span.line, span.column
        self.end = span.end_line, span.end_column
        self.offset = 0
        self.rows: list[Row] = []

    def literal(self) -> bool:
        """Read one literal; False at the end."""
        while (self.line, self.column) < self.end and self._ahead(1) not in ("'", '"'):
            self._skip_one()
        if (self.line, self.column) >= self.end:
            return False
        before = self.lines[self.line - 1][max(self.column - 3, 0) : self.column - 1].lower()
        raw = "r" in before
        quote = self._ahead(3) if self._ahead(3) in ('"""', "'''") else self._ahead(1)
        self.column += len(quote)
        self._mark()
        while (self.line, self.column) < self.end and self._ahead(len(quote)) != quote:
            self._one(raw)
        self.column += len(quote)
        return True

    def _ahead(self, count: int) -> str:
        return self.lines[self.line - 1][self.column - 1 : self.column - 1 + count]

    def _mark(self) -> None:
        self.rows.append((self.offset, self.line, self.column))

    def _skip_one(self) -> None:
        rest = self._ahead(1)
        if not rest or rest == "#":
            self.line, self.column = self.line + 1, 1
        else:
            self.column += 1

    def _one(self, raw: bool) -> None:
        character = self._ahead(1)
        if not character:
            self.line, self.column = self.line + 1, 1
            self.offset += 1
            self._mark()
        elif character == "\\":
            self._escape(raw)
        else:
            self.column += 1
            self.offset += 1

    def _escape(self, raw: bool) -> None:
        following = self._ahead(2)[1:]
        if raw:  # the quote after it belongs to the string
            self.column += 1
            self.offset += 1
            if following in ("'", '"', "\\") and following:
                self.column += 1
                self.offset += 1
            return
        if not following:  # a spliced line
            self.line, self.column = self.line + 1, 1
        elif following in LONG_ESCAPES:
            self.column += 1 + LONG_ESCAPES[following]
            self.offset += 1
        elif following in "01234567":
            digits = self._ahead(4)[1:]
            self.column += 1 + next((n for n, d in enumerate(digits) if d not in "01234567"), 3)
            self.offset += 1
        elif following == "N":
            self.column = self.lines[self.line - 1].find("}", self.column) + 2
            self.offset += 1
        else:
            known = following in "\\'\"abfnrtv"
            self.column += 2
            self.offset += 1 if known else 2
        self._mark()
