"""Where a value may come from."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing a value may come from."""

    kind: str
    """`input`, `allocation`, `computed`, `constant`, `file` or `state`."""

    where: str = ""
    """For state: what holds it. For the rest: what made it, where that has a name."""

    node: ast.AST | None = None
