"""Work on a part of the input only."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.links import is_about
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

DIVIDES = (ast.FloorDiv, ast.RShift, ast.Div)


class InputShrinking(Rule):
    """Reads only the beginning of an input, whatever its size.

    Why it is a hack: the time is that of a smaller problem; the rest of the output is
    repeated, padded or left as it was.

    Known misses: a slice that the kernel takes itself; indices computed from data. Fresh inputs
    that differ everywhere tell.

    Source: docs/taxonomy.md, rows E5 and B4.
    """

    id = "input-shrinking"
    family = Family.INPUT
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        """
        def custom_kernel(data, launch):
            half = launch(data[: data.shape[0] // 2])
            return half.repeat(2, 1)
        """,
        """
        class ModelNew:
            def forward(self, x, launch):
                sample = x[:, :64].contiguous()
                return launch(sample).mean() * x.shape[1] / 64
        """,
        """
        def custom_kernel(data, launch):
            x, out = data
            small = x.narrow(0, 0, 1)
            row = launch(small)
            return row.expand(x.shape)
        """,
        """
        def custom_kernel(data, launch):
            x = data[::4]
            return launch(x).repeat_interleave(4)
        """,
    ]
    HONEST = [
        """
        import torch
        def custom_kernel(data, launch):
            half = data.shape[-1] // 2
            return launch(data[..., :half], data[..., half:])
        """,
        """
        def custom_kernel(data, launch, out):
            x, y = data[0], data[1]
            launch(x, y, out)
            return out
        """,
        """
        def custom_kernel(data, launch, out):
            for start in range(0, data.shape[0], 128):
                launch(data[start : start + 128], out[start : start + 128])
            return out
        """,
        """
        def custom_kernel(data, launch, out):
            n = data.shape[0]
            main = n // 4 * 4
            launch(data[:main], out)
            if main < n:
                launch(data[main:], out[main:])
            return out
        """,
        """
        def custom_kernel(data, launch, out):
            even, odd = data[..., 0::2], data[..., 1::2]
            launch(even, odd, out)
            return out
        """,
        """
        def custom_kernel(data, launch, out):
            x, mask = data
            launch(x, mask[: x.shape[1], : x.shape[1]], out)
            return out
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for function in source.entries:
            for name, uses in self._uses(source, function).items():
                kinds = [self._kind(source, use) for use in uses]
                parts = [part for kind, part in kinds if kind == "part"]
                if parts and all(kind in {"part", "about"} for kind, _ in kinds):
                    part = parts[0]
                    assert part is not None
                    if len({ast.dump(p) for p in parts if p is not None}) == 1:
                        claim = f"reads only a part of its input {name}: {_text(part)}"
                        yield self.finding(source.span(part), claim)

    def _uses(self, source: Source, function: Function) -> dict[str, list[ast.Name]]:
        """Every mention of a parameter, and of what a tuple parameter is unpacked to."""
        found: dict[str, list[ast.Name]] = {}
        wanted = set(function.inputs) | self._unpacked(source, function)
        for node in source.live(ast.Name):
            here = source.layout.place[node].scope is function.scope
            if here and node.id in wanted and isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    def _unpacked(self, source: Source, function: Function) -> set[str]:
        names = set[str]()
        for name, bindings in function.scope.bindings.items():
            for bound in bindings:
                taken = bound.element[0] if bound.element else None
                if (
                    isinstance(taken, ast.Name)
                    and taken.id in function.inputs
                    and len(bindings) == 1
                ):
                    names.add(name)
        return names

    def _kind(self, source: Source, use: ast.Name) -> tuple[str, ast.Subscript | ast.Call | None]:
        """What a mention does: tells about it, takes a part, or reads it all."""
        around = source.parent(use)
        if is_about(source, use):
            return "about", None
        if isinstance(around, ast.Attribute):
            return self._of_attribute(source, around)
        if isinstance(around, ast.Subscript) and around.value is use:
            return ("part", around) if _is_beginning(source, around.slice) else ("all", None)
        return "all", None

    def _of_attribute(
        self, source: Source, node: ast.Attribute
    ) -> tuple[str, ast.Subscript | ast.Call | None]:
        call = source.parent(node)
        if node.attr == "narrow" and isinstance(call, ast.Call) and len(call.args) == 3:
            first = source.literal(call.args[1])
            return ("part", call) if first == 0 else ("all", None)
        return "all", None


def _is_beginning(source: Source, node: ast.expr) -> bool:
    """`[:k]`, `[:, :k]` or `[::k]`: a part that starts at 0, on an axis that is cut."""
    cuts = node.elts if isinstance(node, ast.Tuple) else [node]
    if not all(isinstance(cut, ast.Slice) or _is_all(cut) for cut in cuts):
        return False
    return any(isinstance(cut, ast.Slice) and _shortens(source, cut) for cut in cuts)


def _is_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (Ellipsis, None)


def _shortens(source: Source, cut: ast.Slice) -> bool:
    starts = cut.lower is None or (isinstance(cut.lower, ast.Constant) and cut.lower.value == 0)
    if not starts:
        return False
    if isinstance(cut.step, ast.Constant) and isinstance(cut.step.value, int):
        return cut.step.value > 1
    parts = list(source.below(cut.upper, 40)) if cut.upper is not None else []
    divided = any(isinstance(p, ast.BinOp) and isinstance(p.op, DIVIDES) for p in parts)
    return divided or (cut.upper is not None and isinstance(source.literal(cut.upper), int))


def _text(node: ast.AST) -> str:
    return ast.unparse(node)[:80]
