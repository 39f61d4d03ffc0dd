"""Fewer bits than the problem asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

HALVES = {
    "torch.half",
    "torch.float16",
    "torch.bfloat16",
    "torch.float8_e4m3fn",
    "torch.float8_e5m2",
}
FULL = {"torch.float", "torch.float32"}
HALF_METHODS = {"half", "bfloat16"}
CASTS = {"to", "type"}
AUTOCAST = {"torch.autocast", "torch.cuda.amp.autocast", "torch.amp.autocast"}
DEVICE_HALVES = {"triton.language.float16", "triton.language.bfloat16", "triton.language.float8e5"}
DOT = "triton.language.dot"


class PrecisionDowncast(Rule):
    """Converts its inputs to half precision, computes, and returns float32.

    Why it is a hack: half the bytes and the tensor cores make it fast, and a loose tolerance
    does not see the lost bits. Where the policy permits it, it is only a note.

    Known misses: rounding with integer masks; low-precision accumulation inside a kernel.
    Measuring the error against a float64 reference sees both.

    Source: docs/taxonomy.md, rows F1 and F2.
    """

    id = "precision-downcast"
    family = Family.PRECISION
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        def custom_kernel(data, launch):
            a, b = data
            return launch(a.half(), b.half()).float()
        """,
        """
        import torch
        class ModelNew:
            def forward(self, x, launch):
                y = torch.empty(4, dtype=torch.float32)
                x16 = x.to(dtype=torch.bfloat16)
                launch(x16, y)
                return y
        """,
        """
        import torch as t
        small = getattr(t, "float" + "16")
        def custom_kernel(data, launch):
            return launch(data.to(small)).to(data.dtype)
        """,
        """
        import torch
        def custom_kernel(data, launch):
            with torch.autocast("cuda", dtype=torch.float16):
                return launch(data).float()
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(a, b, c):
            x = tl.load(a).to(tl.float16)
            y = tl.load(b).to(tl.float16)
            tl.store(c, tl.dot(x, y))
        """,
    ]
    HONEST = [
        """
        def custom_kernel(data, launch):
            return launch(data.float()).half()
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(a, c):
            x = tl.load(a).to(tl.float32)
            tl.store(c, (x * x).to(tl.float16))
        """,
        """
        import torch
        def custom_kernel(data, launch):
            out = torch.empty_like(data, dtype=torch.bfloat16)
            launch(data, out)
            return out
        """,
        """
        def custom_kernel(data, launch, bias):
            return launch(data.contiguous(), bias.to(data.dtype))
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        widened = self._widens(source)
        for call in source.calls:
            if widened and (name := self._narrows(source, call.node)):
                claim = f"converts an input to {name} and answers in float32"
                yield self.finding(source.span(call.node), claim)
            if widened and call.names & AUTOCAST:
                yield self.finding(source.span(call.node), "computes under autocast")
            if DOT in call.names:
                yield from self._narrow_dot(source, call.node, call.function)

    def _widens(self, source: Source) -> bool:
        """Whether results are brought back to full precision, or written to float32 memory."""
        for call in source.calls:
            if call.method in {"float", "type_as"} or self._cast_to(source, call.node) & FULL:
                return True
            if call.method in CASTS and call.node.args:
                target = call.node.args[0]
                if isinstance(target, ast.Attribute) and target.attr == "dtype":
                    return True
            if any(k.arg == "dtype" and source.names(k.value) & FULL for k in call.node.keywords):
                return True
        return False

    def _cast_to(self, source: Source, node: ast.Call) -> frozenset[str]:
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in CASTS:
            return frozenset()
        named = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "dtype")]
        return frozenset(name for argument in named for name in source.names(argument))

    def _narrows(self, source: Source, node: ast.Call) -> str:
        """The dtype an input or a weight is narrowed to."""
        if not isinstance(node.func, ast.Attribute):
            return ""
        short = sorted(self._cast_to(source, node) & HALVES)
        if node.func.attr in HALF_METHODS:
            short = [f"torch.{node.func.attr}"]
        is_input = any(o.kind == "input" for o in source.flow.origins(node.func.value))
        return short[0] if short and is_input else ""

    def _narrow_dot(self, source: Source, node: ast.Call, function: Function) -> Iterable[Finding]:
        """Operands rounded for a dot: both as they are loaded, or one that was computed.

        Rounding what a half kernel computed is usual (the probabilities of an attention);
        rounding both operands as they come from memory is needed only where that holds more.
        """
        rounded = [self._rounded(source, argument) for argument in node.args[:2]]
        loads = [value for value in rounded if value is not None and self._is_load(source, value)]
        sure = len(loads) == 2 and not self._stores_half(source, function)
        for value in rounded:
            if value is not None:
                dtype = min(self._cast_to(source, value) & DEVICE_HALVES)
                claim = f"rounds the operands of tl.dot to {dtype}"
                strength = Confidence.HIGH if sure else Confidence.LOW
                yield self.finding(source.span(value), claim, Severity.SUSPICIOUS, strength)

    def _rounded(self, source: Source, argument: ast.expr) -> ast.Call | None:
        for value in self._meanings(source, argument):
            if isinstance(value, ast.Call) and self._cast_to(source, value) & DEVICE_HALVES:
                return value
        return None

    def _is_load(self, source: Source, cast: ast.Call) -> bool:
        """Whether what is rounded was loaded just before."""
        held = cast.func.value if isinstance(cast.func, ast.Attribute) else cast
        found = self._meanings(source, held)
        return any(
            isinstance(value, ast.Call) and "triton.language.load" in source.names(value.func)
            for value in found
        )

    def _stores_half(self, source: Source, function: Function) -> bool:
        """Whether the kernel rounds once more, for its output: then the problem is in half."""
        stores = [call for call in source.calls_in(function) if call.method == "store"]
        return any(
            isinstance(part, ast.Call) and self._cast_to(source, part) & DEVICE_HALVES
            for store in stores
            for argument in store.node.args[1:2]
            for value in self._meanings(source, argument)
            for part in source.below(value, 60)
        )

    def _meanings(self, source: Source, node: ast.expr) -> list[ast.expr]:
        return source.assigned(node) if isinstance(node, ast.Name) else [node]
