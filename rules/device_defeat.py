"""C++ that would cost the parser or its query time or stack without end."""

from __future__ import annotations

from typing import Any

MAX_PIECES = 1_000
MAX_ERRORS = 5_000
MAX_DEPTH = 2_000
MAX_ANGLES = 200


def is_ambiguous(raw: bytes) -> bool:
    """Whether one statement has so many `<` that each may open a template or compare.

    The parser keeps every reading: its time and its stack grow past all bounds.
    """
    return any(
        part.count(b"<") - 2 * part.count(b"<<") - part.count(b"#include") > MAX_ANGLES
        for part in raw.split(b";")
    )


def is_torn(root: Any) -> bool:
    """Whether an error spans thousands of pieces: the query's time is quadratic in those."""
    pending, seen = [root], 0
    while pending and seen < MAX_ERRORS:
        node = pending.pop()
        seen += 1
        if node.is_error and node.child_count > MAX_PIECES:
            return True
        if node.child_count <= MAX_PIECES * 10:
            pending += [child for child in node.children if child.has_error]
    return seen >= MAX_ERRORS


def is_deep(root: Any) -> bool:
    """Whether a chain of first or of last children goes deeper than any code."""
    for side in (0, -1):
        node, depth = root, 0
        while node.child_count and depth < MAX_DEPTH:
            node, depth = node.child(side % node.child_count), depth + 1
        if depth >= MAX_DEPTH:
            return True
    return False
