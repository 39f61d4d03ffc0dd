"""The arguments of a call, with what `*` and `**` hold laid out."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_NESTED = 3


@dataclass
class Handed:
    """The arguments of a call, with what `*` and `**` hold laid out."""

    placed: list[ast.expr] = field(default_factory=list)
    named: list[tuple[str, ast.expr]] = field(default_factory=list)
    hidden: list[ast.expr] = field(default_factory=list)
    """What can't be told apart."""

    @classmethod
    def by(cls, source: Source, node: ast.Call) -> Handed:
        """What that call hands over."""
        found = cls()
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                found.placed.append(argument)
            elif items := source.elements(argument.value):
                found.placed += items
            else:
                found.hidden.append(argument.value)
        for keyword in node.keywords:
            if keyword.arg is not None:
                found.named.append((keyword.arg, keyword.value))
            else:
                found._take(source, keyword.value, MAX_NESTED)
        return found

    def _take(self, source: Source, mapping: ast.expr, depth: int) -> None:
        made = [mapping, *source.assigned(mapping)]
        known = [one for one in made if isinstance(one, ast.Dict | ast.Call)]
        if not known or not depth:
            self.hidden.append(mapping)
        if isinstance(mapping, ast.Name):
            self.hidden += source.layout.set_items.get(mapping.id, ())
        for one in known if depth else ():
            if isinstance(one, ast.Call):
                pairs = [(k.arg, k.value) for k in one.keywords]
            else:
                keys = (source.literal(key) if key else None for key in one.keys)
                pairs = list(zip(keys, one.values, strict=True))
            for name, value in pairs:
                if name is None:
                    self._take(source, value, depth - 1)
                else:
                    self.named.append((str(name), value))

    def values(self) -> list[ast.expr]:
        """All of it."""
        return [*self.placed, *(value for _, value in self.named), *self.hidden]
