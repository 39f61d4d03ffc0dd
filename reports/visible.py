"""Text of a submission, made safe to show. What it holds was written by an adversary."""

import math
import os
import unicodedata
from pathlib import Path

HIDDEN = "\N{REPLACEMENT CHARACTER}"
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories that move the cursor, reorder or vanish: escapes, bidi controls, zero widths."""


def visible(text: str) -> str:
    """The text with every character that could act on a terminal shown as one that can't.

    One character stands for one, so that columns still hold.
    """
    return "".join(_safe(character) for character in text)


def _safe(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else " " if character in "\t\n" else HIDDEN
    category = unicodedata.category(character)
    return HIDDEN if category in INVISIBLE else character


def source_line(text: str, line: int) -> str:
    """That line of a source, counted from 1 as Python counts; empty past the end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return visible(lines[line - 1]) if 0 < line <= len(lines) else ""


def shown_path(path: Path) -> str:
    """A path as reports show it: relative to the working directory when below it."""
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    shown = absolute.relative_to(here) if absolute.is_relative_to(here) else path
    return os.fsencode(shown).decode("utf-8", "replace")


def number(value: float | str) -> str:
    """A measured value with three significant digits, or as it is."""
    if isinstance(value, str):
        return visible(value)
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"
