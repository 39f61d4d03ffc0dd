"""Text of C++ as rules read it: words, arguments, declarators, and where a byte stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from integrity.finding import Span

# Possessive and disjoint: every character is looked at once, whatever the text.
WORD = re.compile(r"[A-Za-z_]\w*+", re.ASCII)
COMMENT_OR_STRING = re.compile(
    r"//[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?+"
    r'|R"\([^)]*+(?:\)(?!")[^)]*+)*+(?:\)")?+'
    r"|\"[^\"\\\n]*+(?:\\.[^\"\\\n]*+)*+\"?+|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?+",
    re.DOTALL,
)
OPENING, CLOSING = "([{", ")]}"


Rows = Callable[[], Sequence[tuple[int, int, int]]]
"""Offset in the text, line and column in the file, of every run that is copied as it stands."""


@dataclass(eq=False)
class Piece:
    """One piece of C++ and how its bytes map to places in the submission's file."""

    source: str
    """The text that is parsed: the original, or what macros expand to."""

    whole: Span
    """Where all of it stands: what is reported when nothing finer is known."""

    rows: Rows = tuple
    origins: Sequence[tuple[int, int, int]] = field(default_factory=list)
    """Start in `source`, start and end in the original, in characters; empty if the same."""

    original: str = ""
    capped: bool = False
    """Whether its macros expand to more than is read."""

    @cached_property
    def raw(self) -> bytes:
        return self.source.encode(errors="replace")

    @cached_property
    def _is_ascii(self) -> bool:
        return self.source.isascii()

    def text(self, start: int, end: int) -> str:
        return self.raw[start:end].decode(errors="replace")

    def code(self, start: int, end: int) -> str:
        """Text with comments and strings left out."""
        return without_comments(self.text(start, end))

    @cached_property
    def clean(self) -> str:
        """All of it, with comments and strings left out."""
        return without_comments(self.source)

    @cached_property
    def words(self) -> frozenset[str]:
        """Identifiers of the code that is parsed."""
        return frozenset(WORD.findall(self.clean))

    def span(self, start: int, end: int) -> Span:
        """The place in the file of a range of bytes."""
        first, last = self._character(start), self._character(max(end - 1, start))
        if self.origins:
            first, last = self._origin(first)[0], self._origin(last)[1] - 1
        if not self._rows:
            return self.whole
        line, column = self._place(first)
        end_line, end_column = self._place(max(first, last))
        return Span(line, column, end_line, end_column + 1)

    def span_of(self, word: str) -> Span:
        """The place of the first occurrence of some text."""
        at = self.source.find(word)
        if at < 0:
            return self.whole
        start = len(self.source[:at].encode(errors="replace"))
        return self.span(start, start + len(word.encode(errors="replace")))

    def _character(self, offset_bytes: int) -> int:
        if self._is_ascii:
            return offset_bytes
        return len(self.raw[:offset_bytes].decode(errors="ignore"))

    def _origin(self, offset: int) -> tuple[int, int]:
        at = max(bisect_right(self.origins, offset, key=_start) - 1, 0)
        start, first, last = self.origins[at]
        end = self.origins[at + 1][0] if at + 1 < len(self.origins) else len(self.source)
        if end - start != last - first:  # made by a macro: all of its use
            return first, last
        return first + offset - start, first + offset - start + 1

    @cached_property
    def _rows(self) -> Sequence[tuple[int, int, int]]:
        return self.rows()

    def _place(self, offset: int) -> tuple[int, int]:
        at = max(bisect_right(self._rows, offset, key=_start) - 1, 0)
        start, line, column = self._rows[at]
        return line, column + offset - start


def _start(row: tuple[int, int, int]) -> int:
    return row[0]


def without_comments(text: str) -> str:
    """The same text with every comment and string literal made a space."""
    if "/" not in text and '"' not in text and "'" not in text:
        return text
    return COMMENT_OR_STRING.sub(" ", text)


def identifiers(text: str) -> list[str]:
    """Words of C++ code, those in comments and strings left out."""
    found: list[str] = WORD.findall(without_comments(text))
    return found


def opened(text: str) -> str:
    """What stands between the outer brackets."""
    return text[1:-1] if text[:1] in OPENING and text[-1:] in CLOSING else text


def split_arguments(text: str) -> list[str]:
    """Parts between commas that stand in no bracket; template commas stay inside."""
    parts, depth, angle, start = list[str](), 0, 0, 0
    cleaned = _same_length(text)
    for at, character in enumerate(cleaned):
        if character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
        elif character == "<" and cleaned[at - 1 : at].isalnum():
            angle += 1
        elif character == ">" and angle and cleaned[at - 1 : at] != "-":
            angle -= 1
        elif character == "," and depth == 0 and angle == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    tail = text[start:].strip()
    if angle and len(parts) == 0 and "," in tail and ">" not in tail:
        return [part.strip() for part in tail.split(",")]  # `a < b, c` compares
    return [*parts, tail] if tail or parts else []


def _same_length(text: str) -> str:
    """Strings and comments blanked, so that their brackets and commas don't count."""
    if '"' not in text and "'" not in text and "/" not in text:
        return text
    return COMMENT_OR_STRING.sub(lambda match: " " * len(match[0]), text)


def declared(text: str) -> list[str]:
    """Names that a declaration declares: `static float *a = f(), b[4];` gives a and b."""
    cleaned = _same_length(text).rstrip("; \n")
    found = list[str]()
    depth = angle = start = 0
    done = False
    for at, character in enumerate(cleaned):
        ends = depth == 0 and angle == 0 and character in "=,([{:"
        if ends and character == ":" and ":" in cleaned[at - 1 : at + 2 : 2]:
            ends = False
        if ends and not done:
            found += _last_word(cleaned[start:at])
            done = True
        if character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
        elif character == "<" and not done:
            angle += 1
        elif character == ">" and angle:
            angle -= 1
        elif character == "," and depth == 0 and angle == 0:
            start, done = at + 1, False
    if not done:
        found += _last_word(cleaned[start:])
    return found


def _last_word(text: str) -> list[str]:
    return WORD.findall(text)[-1:]


def without_digraphs(raw: bytes) -> bytes:
    """`<% %> <: :>` as the brackets that they stand for, in as many bytes."""
    if b"<%" not in raw or b"%>" not in raw:
        return raw
    pairs = ((b"<%", b" {"), (b"%>", b"} "), (b"<:", b" ["), (b":>", b"] "))
    for digraph, bracket in pairs:
        raw = raw.replace(digraph, bracket)
    return raw
