"""What a line does, as a pattern that other sources can be searched for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source


@dataclass(frozen=True, slots=True)
class Pattern:
    """Calls and changes of attributes, by the dotted names they resolve to."""

    calls: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    """Methods of objects whose type the source does not tell."""

    def __and__(self, other: Pattern) -> Pattern:
        return Pattern(
            self.calls & other.calls, self.writes & other.writes, self.methods & other.methods
        )

    def __sub__(self, other: Pattern) -> Pattern:
        return Pattern(
            self.calls - other.calls, self.writes - other.writes, self.methods - other.methods
        )

    def __bool__(self) -> bool:
        return bool(self.calls or self.writes or self.methods)

    def found(self, source: Source) -> Iterator[tuple[ast.AST, str]]:
        """Where a source does any of it, and what."""
        for node, own in _facts(source):
            shared = own & self
            if shared.calls | shared.methods:
                yield node, f"calls {min(shared.calls | shared.methods)}"
            elif shared.writes:
                yield node, f"changes {min(shared.writes)}"


def pattern_of(source: Source, line: int | None = None) -> Pattern:
    """All that a source does, or what it does at one line."""
    calls, writes, methods = set[str](), set[str](), set[str]()
    for node, own in _facts(source):
        first: int = getattr(node, "lineno", 0)
        if line is None or first <= line <= getattr(node, "end_lineno", first):
            calls |= own.calls
            writes |= own.writes
            methods |= own.methods
    return Pattern(frozenset(calls), frozenset(writes), frozenset(methods))


def _facts(source: Source) -> Iterator[tuple[ast.AST, Pattern]]:
    for call in source.calls:
        dotted = frozenset(name for name in call.names if "." in name and "<" not in name)
        method = frozenset({call.method} if call.method and not dotted else ())
        yield call.node, Pattern(calls=dotted, methods=method)
    for write in source.writes:
        yield write.node, Pattern(writes=frozenset(name for name in write.names if "." in name))
