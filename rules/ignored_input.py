"""Answers that do not depend on what was asked."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.links import is_about
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

WEIGHTED = ("Linear", "Conv", "Norm", "LSTM", "GRU", "RNN", "Embedding", "Bilinear", "Attention")
MADE = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")


class IgnoredInput(Rule):
    """Answers without its inputs, or registers weights that the answer never uses.

    Why it is a hack: an output that does not depend on the input or the weights was not
    computed; it passes where the problem hardly depends on them either, or memory still holds
    the reference's answer.

    Known misses: an input that is read and multiplied by zero; some weights of many. Changing
    one input at a time tells.

    Source: docs/taxonomy.md, rows B1, B2, B5 and E7.
    """

    id = "ignored-input"
    family = Family.OUTPUT
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        def custom_kernel(data):
            out = torch.empty(data.shape, device=data.device)
            launch(out, 0.5, out.numel())
            return out
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = torch.nn.Linear(8, 8)
                self.scale = torch.nn.Parameter(torch.ones(8))
            def forward(self, x, launch):
                y = torch.empty_like(x)
                launch(x, y)
                return y
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self, n):
                super().__init__()
                self.out = torch.full((n,), 0.5)
            def forward(self, x):
                return self.out.expand(x.shape[0], -1)
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(x, b, y, n, BLOCK: tl.constexpr):
            i = tl.arange(0, BLOCK)
            tl.store(y + i, tl.load(x + i) + tl.load(b + i) * 0.0)
        """,
    ]
    HONEST = [
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv2d(3, 8, 3)
            def forward(self, x, launch):
                y = torch.empty_like(x)
                launch(x, self.conv.weight, self.conv.bias, y)
                return y
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.ModuleList([torch.nn.Linear(8, 8) for _ in range(3)])
            def forward(self, x, launch):
                for layer in self.layers:
                    x = launch(x, layer.weight)
                return x
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = torch.nn.Parameter(torch.ones(8))
                self._pack()
            def _pack(self):
                self.packed = self.w.t().contiguous()
            def forward(self, x, launch):
                return launch(x, self.packed)
        """,
        """
        def custom_kernel(data, launch):
            a, b, out = data
            launch(a, b, out)
            return out
        """,
        """
        class ModelNew:
            def forward(self, *inputs, **options):
                return self.run(*inputs, **options)
        """,
        """
        def custom_kernel(data, lib):
            args = [getattr(data, name) for name in ("a", "b")]
            return lib.run(*args)
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        yield from self._zeroed(source)
        for function in () if source.opaque else source.entries:
            if not function.returns or function.name == "<lambda>":
                continue
            if self._ignores_inputs(source, function):
                yield self.finding(
                    source.span(function.returns[0]),
                    "returns what does not depend on any of its inputs",
                    Severity.HACK,
                    Confidence.MEDIUM,
                )
            yield from self._unused_weights(source, function)

    def _zeroed(self, source: Source) -> Iterable[Finding]:
        """`load(x) * 0.0`: read, so that it looks used."""
        for node in source.everywhere(ast.BinOp):
            sides = (node.left, node.right)
            zero = any(isinstance(s, ast.Constant) and s.value in (0, 0.0) for s in sides)
            data = any(isinstance(s, ast.Call | ast.Subscript) for s in sides)
            if zero and data and isinstance(node.op, ast.Mult):
                yield self.finding(source.span(node), "multiplies what it reads by zero")

    def _ignores_inputs(self, source: Source, function: Function) -> bool:
        """Whether no value of any parameter is part of the answer; sizes and kinds do not count."""
        inputs = set(function.inputs)
        if not inputs or self._takes_any(function):
            return False
        for node in source.answer.nodes:
            if isinstance(node, ast.Name) and node.id in inputs and not is_about(source, node):
                return False
        return not any(self._escapes(source, node, inputs) for node in source.live(ast.Name))

    def _takes_any(self, function: Function) -> bool:
        node = function.node
        return isinstance(node, ast.Module) or bool(node.args.vararg or node.args.kwarg)

    def _escapes(self, source: Source, node: ast.Name, inputs: set[str]) -> bool:
        """Whether an input is handed to something that may keep it where the answer looks."""
        if node.id not in inputs or is_about(source, node) or not isinstance(node.ctx, ast.Load):
            return False
        around = source.parent(node)
        return isinstance(around, ast.Assign | ast.Starred | ast.Call | ast.keyword | ast.Return)

    def _unused_weights(self, source: Source, function: Function) -> Iterable[Finding]:
        owner = function.owner
        if owner is None or "__init__" not in owner.methods:
            return
        weights = {
            name: bound[0].value
            for name, bound in owner.attributes.items()
            if bound[0].value is not None and self._is_weight(source, bound[0].value)
        }
        used = {n.attr for n in source.live(ast.Attribute) if isinstance(n.ctx, ast.Load)}
        walks = used & {"parameters", "named_parameters", "children", "modules", "state_dict"}
        if weights and not walks and not weights.keys() & (used | self._named(source)):
            names = ", ".join(sorted(weights)[:4])
            first = next(iter(weights.values()))
            assert first is not None
            claim = f"registers weights that its answer never uses ({names})"
            one = len(weights) == 1  # a router may keep a gate for another module
            yield self.finding(
                source.span(first), claim, confidence=Confidence.LOW if one else Confidence.HIGH
            )

    def _named(self, source: Source) -> set[str]:
        """Strings in live code: a weight may be looked up by its name."""
        return {text for _, text in source.texts if len(text) < 64}

    def _is_weight(self, source: Source, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        return any(
            name in MADE or (name.startswith("torch.nn.") and any(w in name for w in WEIGHTED))
            for name in source.names(node.func)
        )
