"""Outputs that no computation wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.conditions import is_size
from integrity.rules.origin import Origin
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

USUAL = {"is_contiguous", "is_cuda", "is_floating_point"}
CONTENT = {"any", "all", "isfinite", "isnan", "item", "allclose", "equal", "count_nonzero"}
EMPTY = {"numel", "shape", "size", "training", "dtype"}


class ConstantOutput(Rule):
    """Returns fresh memory that nothing wrote to, an input as it came, or a ready-made table.

    Why it is a hack: with a loose tolerance, or memory that still holds the reference's
    answer, it passes without computing anything.

    Known misses: a kernel that writes constants; a write that never happens. Only running
    it on fresh inputs tells.

    Source: docs/taxonomy.md, rows B1 to B3 and E4.
    """

    id = "constant-output"
    family = Family.OUTPUT
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import torch
        def custom_kernel(data):
            return torch.zeros_like(data)
        """,
        """
        import torch as t
        make = getattr(t, "empty" + "_like")
        class ModelNew:
            def forward(self, x):
                out = make(x)
                return out
        """,
        """
        def custom_kernel(data):
            return data
        """,
        """
        def custom_kernel(data):
            return data.new_full((4,), 0.5).to(data.device)
        """,
        """
        def answer(x):
            return x.clone()
        class ModelNew:
            def forward(self, x):
                return answer(x)
        """,
        """
        import torch
        def custom_kernel(data):
            out = torch.empty_like(data)
            pairs = [pair for pair in enumerate(zip(data.chunk(4), out.chunk(4)))]
            return out if pairs else data
        """,
        """
        def case(n):
            return n, n * 2
        table = dict(case(n) for n in (1, 2))
        def custom_kernel(data):
            if data.numel() in table:
                return table[data.numel()]
            return data * 2
        """,
        """
        def custom_kernel(data, launch):
            if data.is_contiguous():
                return data
            out = data.contiguous()
            launch(out)
            return out
        """,
    ]
    HONEST = [
        """
        import torch
        def custom_kernel(data, launch):
            out = torch.empty_like(data)
            launch(data, out)
            return out
        """,
        """
        import torch
        def custom_kernel(data, lib):
            out = torch.empty_like(data)
            lib.run(data.data_ptr(), out.data_ptr())
            return out.view(-1)
        """,
        """
        import torch
        def custom_kernel(data, lib):
            out = torch.zeros(4)
            for row in range(4):
                out[row] = lib.run(data, row)
            return out
        """,
        """
        def custom_kernel(data, launch):
            a, b, out = data
            launch(a, b, out)
            return out
        """,
        """
        def custom_kernel(data, launch):
            launch[(4,)](data, data.numel())
            return data
        """,
        """
        import torch
        def custom_kernel(data, launch):
            y = torch.empty_like(data)
            handles = [t.data_ptr() for t in (data, y)]
            launch(*handles)
            return y
        """,
        """
        import torch
        def custom_kernel(data, launch):
            out = torch.empty_like(data)
            for lane, (part, result) in enumerate(zip(data.chunk(4), out.chunk(4))):
                launch(part, result, lane)
            return out
        """,
        """
        def custom_kernel(data, launch, out):
            if data.numel() == 0:
                return data
            launch(data, out)
            return out
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for function in source.entries:
            inert = [(value, self._inert(source, function, value)) for value in function.returns]
            everything = all(claim for _, claim in inert)
            for value, claim in inert:
                if claim and (everything or claim.startswith("answers")):
                    yield self.finding(source.span(value), claim)
                elif self._is_usual(source, value):
                    claim = "returns an input as it came behind a test that benchmarks pass"
                    yield self.finding(
                        source.span(value), claim, Severity.SUSPICIOUS, Confidence.HIGH
                    )

    def _is_usual(self, source: Source, value: ast.expr) -> bool:
        """Whether an input is returned at once behind a test that every benchmark's passes."""
        around = next((p for p in source.parents(value) if isinstance(p, ast.If)), None)
        if around is None or len(around.body) != 1 or isinstance(around.test, ast.UnaryOp):
            return False
        origins = source.flow.origins(value)
        if not origins or any(origin.kind != "input" for origin in origins):
            return False
        if self._is_large(source, around.test) or self._is_filled(source, value, around.test):
            return True
        words = source.words(around.test)
        return bool(words & USUAL) and not words & EMPTY

    def _is_large(self, source: Source, test: ast.expr) -> bool:
        """`x.numel() >= 16384`: a size that benchmarks have and tests do not."""
        if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Gt | ast.GtE)):
            return False
        limit = source.literal(test.comparators[0])
        return isinstance(limit, int) and limit > 1 and is_size(source, test.left)

    def _is_filled(self, source: Source, value: ast.expr, test: ast.expr) -> bool:
        """A test on what the returned memory holds, here or in a predicate of its own."""
        name = value.id if isinstance(value, ast.Name) else ""
        parts = list(source.below(test))
        asked = any(isinstance(part, ast.Name) and part.id == name for part in parts)
        words = set(source.words(test))
        for part in parts:
            if isinstance(part, ast.Call):
                own = [f for n in source.names(part.func) if (f := source.function(n))]
                words |= {
                    word for f in own for result in f.returns for word in source.words(result)
                }
        return asked and bool(words & CONTENT)

    def _inert(self, source: Source, function: Function, value: ast.expr) -> str:
        origins = source.flow.origins(value)
        claims = [self._claim(source, origin) for origin in origins]
        return min(claims) if claims and all(claims) else ""

    def _claim(self, source: Source, origin: Origin) -> str:
        """Why a value from there was not computed; empty if it may have been."""
        if origin in source.flow.state.written:
            return ""
        if origin.kind == "allocation":
            return f"returns {origin.where} that nothing writes to"
        if origin.kind == "input":
            return "returns an input as it came"
        if origin.kind == "state" and origin.where.startswith("global "):
            kept = {store.where for store in source.flow.state.stores}
            return "" if origin.where in kept else f"answers from the ready-made {origin.where[7:]}"
        return ""
