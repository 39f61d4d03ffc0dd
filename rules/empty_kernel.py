"""A kernel that computes nothing from what it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.conditions import always_leaves
from integrity.rules.links import STORES
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source

LANGUAGE = ("triton.language.", "triton.experimental.")
READS = {
    "load",
    "atomic_add",
    "atomic_max",
    "atomic_cas",
    "atomic_xchg",
    "advance",
    "make_block_ptr",
    "make_tensor_descriptor",
    "inline_asm_elementwise",
    "program_id",
    "arange",
    "rand",
    "randn",
    "randint",
}
"""What makes a stored value depend on the input, on its place, or on a generator."""


class EmptyKernel(Rule):
    """Its Triton kernels store nothing, leave before they store, or store only constants.

    Why it is a hack: the output keeps what was there before, or is the same for every input;
    a loose tolerance or recycled memory lets that pass.

    Known misses: a constant that is multiplied by something loaded and then by zero; work on a
    part of the rows. Running it on fresh inputs tells.

    Source: docs/taxonomy.md, rows B1 and B2.
    """

    id = "empty-kernel"
    family = Family.OUTPUT
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def body(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
            offs = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
            x = tl.load(x_ptr + offs, mask=offs < n)
            return
            tl.store(y_ptr + offs, x * 2, mask=offs < n)
        def custom_kernel(data):
            out = torch.empty_like(data)
            body[(1,)](data, out, data.numel(), BLOCK=128)
            return out
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def body(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
            offs = tl.arange(0, BLOCK)
            tl.store(y_ptr + offs, tl.full((BLOCK,), 0.5, tl.float32), mask=offs < n)
        def custom_kernel(data):
            out = torch.empty_like(data)
            body[(1,)](data, out, data.numel(), BLOCK=128)
            return out
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def body(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
            offs = tl.arange(0, BLOCK)
            x = tl.load(x_ptr + offs, mask=offs < n)
            y = tl.exp(x)
        def custom_kernel(data):
            out = torch.empty_like(data)
            body[(1,)](data, out, data.numel(), BLOCK=128)
            return out
        """,
    ]
    HONEST = [
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def clear(y_ptr, n, BLOCK: tl.constexpr):
            offs = tl.arange(0, BLOCK)
            tl.store(y_ptr + offs, tl.zeros((BLOCK,), tl.float32), mask=offs < n)
        @triton.jit
        def body(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
            row = tl.program_id(0)
            if row >= n:
                return
            x = tl.load(x_ptr + row)
            tl.atomic_add(y_ptr, x)
        def custom_kernel(data):
            out = torch.empty(1, device=data.device)
            clear[(1,)](out, 1, BLOCK=16)
            body[(data.numel(),)](data, out, data.numel(), BLOCK=16)
            return out
        """,
        """
        import triton
        import triton.language as tl
        from ops import pointwise
        @pointwise(promotion="float")
        @triton.jit
        def swish(x):
            return x * tl.sigmoid(x)
        def custom_kernel(data):
            return swish(data)
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def helper(x):
            return x * tl.sigmoid(x)
        @triton.jit
        def body(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
            offs = tl.arange(0, BLOCK)
            tl.store(y_ptr + offs, helper(tl.load(x_ptr + offs)), mask=offs < n)
        def custom_kernel(data):
            out = torch.empty_like(data)
            body[(1,)](data, out, data.numel(), BLOCK=16)
            return out
        """,
        """
        import torch, triton
        import triton.language as tl
        @triton.jit
        def eye(y_ptr, n, BLOCK: tl.constexpr):
            row = tl.program_id(0)
            columns = tl.arange(0, BLOCK)
            tl.store(y_ptr + row * n + columns, tl.where(columns == row, 1.0, 0.0))
        def custom_kernel(data):
            out = torch.empty(8, 8, device=data.device)
            eye[(8,)](out, 8, BLOCK=8)
            return out + data
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        launched = [f for f in source.functions if f in source.links.kernels]
        verdicts = [(function, self._claim(source, function)) for function in launched]
        if verdicts and all(claim for _, claim in verdicts):
            for function, claim in verdicts:
                yield self.finding(source.span(function.node), f"kernel {function.name} {claim}")

    def _claim(self, source: Source, function: Function) -> str:
        assert not isinstance(function.node, ast.Module)
        if len(function.node.body) == 1 and isinstance(function.node.body[0], ast.Pass):
            return ""  # a sketch, as examples have
        if function.returns:
            return ""  # no kernel returns anything: whoever wraps it stores that
        calls = [call.node for call in source.calls_in(function)]
        if any(not self._is_language(source, call) for call in calls):
            return ""  # a device function of its own may store
        stores = [call for call in calls if _last(call) in STORES]
        if not stores:
            return "stores nothing"
        if self._leaves_first(source, function.node.body, stores):
            return "returns before it stores anything"
        values = [call.args[1] for call in stores if len(call.args) > 1]
        if len(values) == len(stores) and not any(self._depends(source, v) for v in values):
            return "stores the same values whatever it is given"
        return ""

    def _is_language(self, source: Source, call: ast.Call) -> bool:
        """Calls of Triton itself and of Python's own functions store nowhere else."""
        names = source.names(call.func)
        known = (*LANGUAGE, "builtins.", "libdevice.")
        return bool(names) and all(name.startswith(known) for name in names)

    def _leaves_first(self, source: Source, body: list[ast.stmt], stores: list[ast.Call]) -> bool:
        first = min(call.lineno for call in stores)
        for statement in body:
            if statement.lineno >= first:
                return False
            if isinstance(statement, ast.Return):
                return True
            if always_leaves(source, statement):
                return True
        return False

    def _is_given(self, source: Source, node: ast.Name) -> bool:
        """Whether a name is a pointer or a number from the caller; a `constexpr` is a shape."""
        kernel = source.function_of(node)
        if isinstance(kernel.node, ast.Module) or not source.is_parameter(node):
            return False
        arguments = (*kernel.node.args.args, *kernel.node.args.kwonlyargs)
        given = next((a for a in arguments if a.arg == node.id), None)
        if given is not None and given.annotation is not None:
            return "constexpr" not in ast.dump(given.annotation)[:200]
        passed = source.assigned(node)
        return not passed or any(source.literal(value) is None for value in passed)

    def _depends(self, source: Source, value: ast.expr) -> bool:
        """Whether a stored value depends on anything loaded, on its place, or on an argument."""
        seen, pending = set[ast.AST](), [value]
        while pending and len(seen) < 2_000:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            for part in source.below(node, 400):
                if isinstance(part, ast.Call) and _last(part) in READS:
                    return True
                if isinstance(part, ast.Name) and self._is_given(source, part):
                    return True
                pending += source.assigned(part) if isinstance(part, ast.Name) else []
        return False


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
