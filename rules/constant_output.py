"""Outputs that no computation wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.origin import Origin
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

USUAL = {"is_contiguous", "is_cuda", "is_floating_point"}
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
                    claim = "returns an input as it came whenever its layout is the usual one"
                    yield self.finding(
                        source.span(value), claim, Severity.SUSPICIOUS, Confidence.HIGH
                    )

    def _is_usual(self, source: Source, value: ast.expr) -> bool:
        """Whether an input is returned at once behind a test that every benchmark's passes."""
        around = next((p for p in source.parents(value) if isinstance(p, ast.If)), None)
        if around is None or len(around.body) != 1 or isinstance(around.test, ast.UnaryOp):
            return False
        words = source.words(around.test)
        origins = source.flow.origins(value)
        is_input = bool(origins) and all(origin.kind == "input" for origin in origins)
        return is_input and bool(words & USUAL) and not words & EMPTY

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
