"""Expands a piece's own macros, so that rules see the calls that the compiler sees.

Object-like and function-like macros, `#`, `##`, `__VA_ARGS__`, spliced lines and `#if 0`. Files
are not included and conditions not evaluated: all branches stay. What no macro touches is copied
as it is, so its place in the file stays exact; what a macro makes has the place of its use.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from integrity.rules.macros import (
    COMMENT,
    PASTE,
    STRING,
    TOKEN,
    Macro,
    beside,
    bound,
    closed,
    joined,
    pasted,
    separated,
    tokens,
    trimmed,
)

MAX_TOKENS = 60_000
"""Tokens that macros may make, beside one for every character: a real source makes far fewer."""

MAX_DEPTH = 48
MAX_ARGUMENTS_CHARACTERS = 20_000

# Possessive and disjoint: every character is looked at once, whatever the text.
SCANNED = re.compile(
    rf"{COMMENT}|{STRING}|\d[\w.']*+|(?P<word>[A-Za-z_]\w*+)|(?P<directive>^[ \t]*+\#[^\n]*+)",
    re.DOTALL | re.MULTILINE | re.ASCII,
)


class TooMuch(Exception):
    """Macros make more than a reader would follow."""


@dataclass(slots=True)
class Expanded:
    """A text after its macros, and where every run of it is from."""

    text: str
    origins: list[tuple[int, int, int]] = field(default_factory=list)
    capped: bool = False


def expand(text: str) -> Expanded:
    """The text with its macros expanded; as it was, without origins, if there are none."""
    if "#define" not in text and "# define" not in text and "\\\n" not in text:
        return Expanded(text)
    try:
        return _Expansion(text).run()
    except TooMuch:
        return Expanded(text, capped=True)


class _Expansion:
    def __init__(self, text: str) -> None:
        self.original = text
        self.text, self.cuts = _spliced(text)
        self.macros: dict[str, Macro] = {}
        self.parts: list[str] = []
        self.origins: list[tuple[int, int, int]] = []
        self.length = 0
        self.copied = 0
        self.changed = False
        self.left = MAX_TOKENS + len(text)

    def run(self) -> Expanded:
        at, end = 0, len(self.text)
        while at < end:
            match = SCANNED.search(self.text, at)
            if match is None:
                break
            at = self._step(match)
        self._copy(end)
        if not self.cuts and not self.changed:
            return Expanded(self.original)
        return Expanded("".join(self.parts), self.origins)

    def _step(self, match: re.Match[str]) -> int:
        if match["directive"] is not None:
            return self._directive(match)
        word = match["word"]
        if word is None or word not in self.macros:
            return match.end()
        return self._use(word, match.start(), match.end())

    def _directive(self, match: re.Match[str]) -> int:
        words = match[0].strip()[1:].split(None, 1)
        kind = words[0] if words else ""
        if kind == "define" and len(words) > 1:
            self._define(words[1])
        elif kind == "undef" and len(words) > 1:
            self.macros.pop(words[1].strip(), None)
        elif kind == "if" and len(words) > 1 and words[1].strip() == "0":
            return self._skip_dead(match)
        return match.end()

    def _skip_dead(self, match: re.Match[str]) -> int:
        """Past what stands under `#if 0`."""
        self._copy(match.end())
        depth, at = 0, match.end()
        while at >= 0 and at < len(self.text):
            line_end = self.text.find("\n", at + 1)
            line = self.text[at + 1 : line_end if line_end >= 0 else len(self.text)].lstrip()
            if line.startswith("#"):
                kind = line[1:].lstrip()
                if depth == 0 and kind.startswith(("endif", "else", "elif")):
                    break
                depth += kind.startswith("if") - kind.startswith("endif")
            at = line_end
        self.copied, self.changed = at if at >= 0 else len(self.text), True
        return self.copied

    def _define(self, text: str) -> None:
        name = re.match(r"[A-Za-z_]\w*+", text, re.ASCII)
        if name is None:
            return
        rest = text[name.end() :]
        if not rest.startswith("("):
            self.macros[name[0]] = Macro(trimmed(tokens(rest)))
            return
        given, _, body = rest[1:].partition(")")
        parameters = [part.strip() for part in given.split(",") if part.strip()]
        last = parameters[-1] if parameters else ""
        variadic = last.endswith("...")
        if variadic:
            parameters[-1] = last.removesuffix("...").strip() or "__VA_ARGS__"
        self.macros[name[0]] = Macro(trimmed(tokens(body)), parameters, variadic)

    def _use(self, word: str, start: int, end: int) -> int:
        macro, given = self.macros[word], list[list[str]]()
        if macro.parameters is not None:
            found = self._given(end)
            if found is None:
                return end
            given, end = found
        made = self._replaced(word, macro, given, frozenset(), 0)
        made, end = self._with_what_follows(made, word, end)
        self._copy(start)
        self._emit(joined(made), start, end)
        self.copied, self.changed = end, True
        return end

    def _with_what_follows(self, made: list[str], word: str, end: int) -> tuple[list[str], int]:
        """`#define F g` makes a call of the macro `g` with the brackets after `F`."""
        tail = made[-1] if made else ""
        macro = self.macros.get(tail)
        if macro is None or macro.parameters is None or tail == word:
            return made, end
        found = self._given(end)
        if found is None:
            return made, end
        return made[:-1] + self._replaced(tail, macro, found[0], frozenset({word}), 0), found[1]

    def _given(self, at: int) -> tuple[list[list[str]], int] | None:
        """Arguments after a macro's name, and where they end; None if none follow."""
        tokens: list[str] = []
        depth = 0
        limit = min(len(self.text), at + MAX_ARGUMENTS_CHARACTERS)
        while at < limit and (match := TOKEN.match(self.text, at)) is not None:
            at = match.end()
            self._count(0)
            token = " " if match["space"] is not None else match[0]
            if not tokens and token == " ":
                continue
            if not tokens and token != "(":
                return None
            depth += (token in "([{") - (token in ")]}") if len(token) == 1 else 0
            tokens.append(token)
            if depth == 0:
                return separated(tokens[1:-1]), at
        return None

    def _replaced(
        self,
        name: str,
        macro: Macro,
        given: list[list[str]],
        active: frozenset[str],
        depth: int,
    ) -> list[str]:
        body = macro.body
        if macro.parameters is not None:
            body = self._substituted(macro, given, active, depth)
        elif PASTE in body:
            body = pasted(body)
        self._count(len(body))
        return self._rescanned(body, active | {name}, depth + 1)

    def _substituted(
        self, macro: Macro, given: list[list[str]], active: frozenset[str], depth: int
    ) -> list[str]:
        values = bound(macro, given)
        out: list[str] = []
        body = macro.body
        for at, token in enumerate(body):
            if token == "#" and beside(body, at, 1) in values:
                continue
            if token not in values:
                out.append(token)
            elif beside(body, at, -1) == "#":
                out.append('"' + "".join(values[token]).replace('"', "'") + '"')
            elif PASTE in (beside(body, at, -1), beside(body, at, 1)):
                out += values[token] or [""]
            else:
                out += self._rescanned(values[token], active, depth + 1)
            self._count(len(values.get(token, ())))
        return pasted(out) if PASTE in body else out

    def _rescanned(self, tokens: list[str], active: frozenset[str], depth: int) -> list[str]:
        if depth > MAX_DEPTH:
            raise TooMuch
        out: list[str] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            macro = self.macros.get(token) if token not in active else None
            at += 1
            if macro is None:
                out.append(token)
            elif macro.parameters is None:
                out += self._replaced(token, macro, [], active, depth)
            else:
                found = closed(tokens, at)
                if found is None:
                    self._count(len(tokens) - at)
                    out.append(token)
                    continue
                self._count(found[1] - at)
                given = separated(tokens[found[0] + 1 : found[1]])
                at = found[1] + 1
                out += self._replaced(token, macro, given, active, depth)
        return out

    def _count(self, tokens: int) -> None:
        self.left -= tokens + 1
        if self.left < 0:
            raise TooMuch

    def _copy(self, until: int) -> None:
        """Everything not yet copied, as it stands; a spliced line ends a run."""
        while self.copied < until:
            cut = bisect_right(self.cuts, self.copied, key=lambda row: row[0])
            end = min(until, self.cuts[cut][0] if cut < len(self.cuts) else until)
            self._emit(self.text[self.copied : end], self.copied, end)
            self.copied = end

    def _emit(self, text: str, start: int, end: int) -> None:
        if text:
            first = self._offset(start)
            last = max(self._offset(max(end - 1, start)) + 1, first)
            self.origins.append((self.length, first, last))
            self.parts.append(text)
            self.length += len(text)

    def _offset(self, at: int) -> int:
        """Where a character of the spliced text stands in the original."""
        cut = bisect_right(self.cuts, at, key=lambda row: row[0])
        return at + (self.cuts[cut - 1][1] if cut else 0)


def _spliced(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Lines joined at backslashes, and how far every offset from there on has moved."""
    pieces = text.replace("\\\r\n", "\\\n").split("\\\n") if "\\" in text else [text]
    cuts: list[tuple[int, int]] = []
    at = moved = 0
    for piece in pieces[:-1]:
        at += len(piece)
        moved += 2
        cuts.append((at, moved))
    return "".join(pieces), cuts
