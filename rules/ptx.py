"""PTX, in text of its own or inside `asm`: one instruction a line, nothing nested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrity.finding import Span
from integrity.rules.device_facts import DeviceCode
from integrity.rules.device_text import Piece

MAX_INSTRUCTIONS = 20_000
STORES = ("st.", "red.", "atom.", "cp.async.bulk.", "multimem.", "cp.reduce", "wmma.store", "call")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: what it does with its modifiers, and its operands."""

    name: str
    operands: str
    piece: Piece
    start: int

    @property
    def span(self) -> Span:
        return self.piece.span(self.start, self.start + len(self.name))


def looks_like_ptx(text: str) -> bool:
    """Whether text is a PTX module."""
    return ".version" in text and ".target" in text and (".entry" in text or ".func" in text)


def instructions(code: DeviceCode) -> Iterator[Instruction]:
    """Instructions of every PTX module and every `asm` statement."""
    left = MAX_INSTRUCTIONS
    for piece in code.ptx:
        for found in _read(piece, 0, piece.source):
            left -= 1
            if left < 0:
                return
            yield found
    for line in code.assembly:
        for start, text in _quoted(line.text[:20_000]):
            yield from _read(line.piece, line.start + start, text)


def _quoted(text: str) -> Iterator[tuple[int, str]]:
    """Strings of an `asm` statement before its operands."""
    at = text.find('"')
    while at >= 0:
        end = text.find('"', at + 1)
        if end < 0:
            return
        yield at + 1, text[at + 1 : end]
        following = text[end + 1 : end + 200].lstrip()
        if not following.startswith('"'):
            return
        at = text.find('"', end + 1)


def _read(piece: Piece, start: int, text: str) -> Iterator[Instruction]:
    for part in text.replace("\\n", "  ").replace("\\t", "  ").replace("\n", ";").split(";"):
        stripped = part.lstrip(" \t{")
        words = stripped.split(None, 2)
        if words and words[0].startswith("@") and len(words) > 1:  # a predicate
            words = stripped.partition(" ")[2].lstrip().split(None, 2)
        if words and words[0][:1].isalpha() and not words[0].endswith(":"):
            at = start + part.find(words[0])
            yield Instruction(words[0], " ".join(words[1:]), piece, at)
        start += len(part) + 1


def entries(piece: Piece) -> list[tuple[str, str]]:
    """Name and body of every kernel in a PTX module."""
    found: list[tuple[str, str]] = []
    for part in piece.source.split(".entry")[1:200]:
        name = part.split("(", 1)[0].strip()
        opening = part.find("{")
        closing = part.find("\n}", opening)
        found.append((name, part[opening : closing if closing > 0 else None]))
    return found


def stores(body: str) -> bool:
    """Whether PTX writes to memory that outlives the kernel, or calls what may."""
    for part in body.replace("\n", ";").split(";"):
        words = part.strip(" \t{}").split()
        words = words[1:] if words and words[0].startswith("@") else words
        if words and words[0].startswith(STORES) and ".shared" not in words[0]:
            return True
    return False
