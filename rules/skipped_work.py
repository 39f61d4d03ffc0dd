"""Memory that is returned on every call and written on some."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.conditions import is_size
from integrity.rules.origin import Origin
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source


class SkippedWork(Rule):
    """Returns memory that it writes only for some sizes, or only in its first calls.

    Why it is a hack: the shapes that are checked get an answer; the large ones, or the later
    calls, which are timed, get whatever the memory held.

    Known misses: tests on data; conditions inside a kernel; sizes that a table decides. Running
    it on other shapes and more often sees those.

    Source: docs/taxonomy.md, rows A6, B1 and E3.
    """

    id = "skipped-work"
    family = Family.OUTPUT
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        def custom_kernel(data, launch):
            y = torch.empty_like(data)
            if data.numel() <= 1 << 20:
                launch(data, y)
            return y
        """,
        """
        import torch
        LIMIT = 4096
        class ModelNew(torch.nn.Module):
            def forward(self, x, launch):
                y = torch.empty_like(x)
                rows = x.shape[0]
                if not rows < LIMIT:
                    return y
                launch(x, y)
                return y
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.calls = 0
                self.y = torch.empty(64)
            def forward(self, x, launch):
                self.calls += 1
                if self.calls < 10:
                    launch(x, self.y)
                return self.y
        """,
    ]
    HONEST = [
        """
        import torch
        def custom_kernel(data, launch):
            y = torch.empty_like(data)
            if data.numel() == 0:
                return y
            launch(data, y)
            return y
        """,
        """
        import torch
        def custom_kernel(data, wide, narrow):
            y = torch.empty_like(data)
            if data.shape[-1] > 4096:
                wide(data, y)
            else:
                narrow(data, y)
            return y
        """,
        """
        import torch
        def custom_kernel(data, wide, narrow):
            y = torch.empty_like(data)
            if data.shape[-1] <= 4096:
                narrow(data, y)
            else:
                y = wide(data)
            return y
        """,
        """
        import torch
        def custom_kernel(data, vectors, tail):
            y = torch.empty_like(data)
            n = data.numel()
            if n >= 4:
                vectors(data, y)
            if n % 4:
                tail(data, y)
            return y
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.calls = 0
            def forward(self, x, launch, tune):
                y = torch.empty_like(x)
                self.calls += 1
                if self.calls < 3:
                    tune(x, y)
                launch(x, y)
                return y
        """,
        """
        import torch
        def custom_kernel(data, launch):
            y = torch.empty_like(data)
            if data.shape[0] > 65535:
                raise ValueError("too many rows")
            launch(data, y)
            return y
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        if source.opaque:
            return
        for function in source.entries:
            for value in function.returns:
                origins = source.flow.origins(value)
                if len(origins) == 1:  # with two, the other may be the answer where this is not
                    yield from self._returned(source, function, value, next(iter(origins)))

    def _returned(
        self, source: Source, function: Function, value: ast.expr, origin: Origin
    ) -> Iterable[Finding]:
        state = source.flow.state
        if origin.kind not in {"allocation", "state"}:
            return
        writes = [node for node, written in state.writes if written == origin]
        if not writes or any(source.function_of(node) is not function for node in writes):
            return
        here = set(state.branches(value))
        earlier = [node for node in writes if _line(node) <= value.lineno]
        extra = [set(state.branches(node)) - here for node in earlier]
        deciding = set.intersection(*extra) if extra else here
        for branch, _ in sorted(deciding, key=lambda found: _line(found[0])):
            if isinstance(branch, ast.If) and (what := self._decides(source, branch.test)):
                claim = f"returns {origin.where.lstrip('.')} that it writes only {what}"
                yield self.finding(source.span(branch.test), claim)
                return

    def _decides(self, source: Source, test: ast.expr) -> str:
        """What a test that leaves the memory as it was depends on."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self._decides(source, test.operand)
        if isinstance(test, ast.BoolOp):
            found = [self._decides(source, part) for part in test.values[:8]]
            return next((what for what in found if what), "")
        if not isinstance(test, ast.Compare):
            return ""
        sides = [test.left, test.comparators[0]]
        limits = [limit for side in sides if isinstance(limit := source.literal(side), int)]
        if any(limit > 1 for limit in limits) and any(is_size(source, side) for side in sides):
            return "for some sizes"
        counted = any(self._counts(source, side) for side in sides)
        return "in some calls, which it counts" if counted and limits else ""

    def _counts(self, source: Source, node: ast.expr) -> bool:
        """Whether it is a number that live code counts up beyond one call."""
        for counted in source.live(ast.AugAssign):
            target = counted.target
            if isinstance(node, ast.Attribute) and isinstance(target, ast.Attribute):
                if node.attr == target.attr and source.flow.location(node):
                    return True
            elif isinstance(node, ast.Name) and isinstance(target, ast.Name):
                outer = source.layout.place[target].scope.outer
                if node.id == target.id and node.id in outer:
                    return True
        return False


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
