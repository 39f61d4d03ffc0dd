"""Attributes and names that live code looks at; names are resolved only where a rule asks."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.rules.scopes import Function
from integrity.rules.strings import Strings

if TYPE_CHECKING:
    from integrity.rules.source import Source


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One attribute or name that is looked at."""

    node: ast.expr
    names: Strings
    function: Function


class Reads:
    """Reads of one submission."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @cached_property
    def _loads(self) -> list[ast.Attribute]:
        return [n for n in self._source.live(ast.Attribute) if isinstance(n.ctx, ast.Load)]

    def attributes(self, wanted: Iterable[str]) -> list[ast.Attribute]:
        """Reads of attributes of those names, whatever they belong to."""
        names = frozenset(wanted)
        return [node for node in self._loads if node.attr in names]

    def under(self, prefix: str) -> list[Read]:
        """Reads of attributes of that object."""
        last = prefix.rpartition(".")[2]
        bases = ((node, node.value) for node in self._loads)
        near = [n for n, b in bases if not isinstance(b, ast.Attribute) or b.attr == last]
        return [self._read(node) for node in near if prefix in self._source.names(node.value)]

    def of(self, wanted: Iterable[str]) -> list[Read]:
        """Reads that may be of one of those dotted names."""
        names = frozenset(wanted)
        lasts = {name.rpartition(".")[2] for name in names}
        lasts |= self._source.layout.set_attributes.keys()
        near: list[ast.expr] = [node for node in self._loads if node.attr in lasts]
        near += [n for n in self._source.live(ast.Name) if isinstance(n.ctx, ast.Load)]
        return [self._read(node) for node in near if self._source.names(node) & names]

    def _read(self, node: ast.expr) -> Read:
        return Read(node, self._source.names(node), self._source.function_of(node))
