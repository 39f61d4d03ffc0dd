"""A kernel of its own that the answer does not need."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.conditions import always_leaves, outcome
from integrity.rules.library import library_call
from integrity.rules.rule import Rule
from integrity.rules.source import Source
from integrity.rules.tensors import ITEMS


class DecoyKernel(Rule):
    """Launches a kernel whose result does not reach the answer, or never launches it.

    Why it is a hack: the kernel is there to be seen; the library does the work, and whatever
    is gained belongs to the library.

    Known misses: a kernel whose result is added and cancels out; a test that data decides.
    Taking the kernel away and comparing the output (ablation) shows both.

    Source: docs/taxonomy.md, rows G3 and G8.
    """

    id = "decoy-kernel"
    family = Family.AUTHENTICITY
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        def custom_kernel(data):
            scratch = torch.empty(1, device=data.device)
            body[(1,)](data, scratch)
            return torch.softmax(data, -1)
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        class ModelNew(torch.nn.Module):
            LIMIT = 1 << 30
            def forward(self, x):
                if x.numel() > self.LIMIT:
                    y = torch.empty_like(x)
                    body[(1,)](x, y)
                    return y
                return torch.nn.functional.layer_norm(x, x.shape[-1:])
        """,
        """
        import torch, triton
        USE_TRITON = False
        @triton.jit
        def body(x, y):
            pass
        def custom_kernel(data):
            if USE_TRITON:
                y = torch.empty_like(data)
                body[(1,)](data, y)
            else:
                y = torch.relu(data)
            return y
        """,
        """
        import os, torch, triton
        @triton.jit
        def body(x, y):
            pass
        def custom_kernel(data):
            if os.environ.get("FAST_PATH", "0") != "1" or data.dim() > 8:
                return data.softmax(-1)
            y = torch.empty_like(data)
            body[(1,)](data, y)
            return y
        """,
        """
        import torch
        from torch.utils.cpp_extension import load_inline
        ext = load_inline("k", "torch::Tensor f(torch::Tensor x);", "...")
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = torch.nn.Linear(8, 8)
                self.kernel = ext.f
            def forward(self, x):
                return torch.nn.functional.silu(self.linear(x))
        """,
        """
        import ctypes, torch, triton
        blas = ctypes.CDLL("libcublas.so.12")
        @triton.jit
        def body(x):
            pass
        class Product:
            def __init__(self):
                self.tile = torch.ones(1024)
                body[(1,)](self.tile)
            def __matmul__(self, pair):
                a, c = pair
                blas.cublasSgemm_v2(a.data_ptr(), a.data_ptr(), c.data_ptr())
                return c
        engines = {}
        def custom_kernel(data):
            engine = engines.get(data.device) or engines.setdefault(data.device, Product())
            return engine @ (data, torch.empty_like(data))
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        def launch(x):
            y = torch.empty_like(x)
            body[(x.numel(),)](x, y)
            return y
        def custom_kernel(data):
            launch(data)
            return torch.ops.aten._softmax.default(data, -1, False)
        """,
    ]
    HONEST = [
        """
        import torch, triton
        from concurrent.futures import ThreadPoolExecutor
        @triton.jit
        def body(x, y):
            pass
        def part(x):
            y = torch.empty_like(x)
            body[(1,)](x, y)
            return y
        def custom_kernel(data):
            with ThreadPoolExecutor(4) as pool:
                parts = [pool.submit(part, x) for x in data.chunk(4)]
                return torch.cat([each.result() for each in parts])
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        def both(xs, ys):
            for x, y in zip(xs, ys):
                body[(1,)](x, y)
        def custom_kernel(data):
            outs = [torch.empty_like(x) for x in data]
            both(data, outs)
            return torch.cat(outs).sum()
        """,
        """
        import ctypes, torch, triton
        blas = ctypes.CDLL("libcublas.so.12")
        @triton.jit
        def activation(x, y):
            pass
        def custom_kernel(data):
            c = torch.empty_like(data)
            blas.cublasSgemm_v2(data.data_ptr(), data.data_ptr(), c.data_ptr())
            y = torch.empty_like(c)
            activation[(1,)](c, y)
            return y
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        class Product:
            def __matmul__(self, pair):
                a, out = pair
                body[(1,)](a, out)
                return out
        def custom_kernel(data):
            return Product() @ (torch.relu(data), torch.empty_like(data))
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv2d(3, 8, 3)
            def forward(self, x):
                x = self.conv(x)
                y = torch.empty_like(x)
                body[(1,)](x, y)
                return y
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        def launch(x, y):
            body[(1,)](x, y)
        def custom_kernel(data):
            if not data.is_cuda:
                return torch.relu(data)
            y = torch.empty_like(data)
            launch(data, y)
            return y.view(data.shape).to(data.dtype)
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, y):
            pass
        def custom_kernel(data):
            sums = torch.zeros(8)
            body[(8,)](data, sums)
            return sums.sum() / data.numel()
        """,
        """
        import torch, triton
        @triton.jit
        def body(x, w, y):
            pass
        class Fused(torch.nn.Linear):
            def forward(self, x):
                y = torch.empty(x.shape[0], self.out_features)
                body[(1,)](x, self.weight, y)
                return y
        class ModelNew(torch.nn.Module):
            def __init__(self, sizes):
                super().__init__()
                self.layers = torch.nn.ModuleList(Fused(a, b) for a, b in zip(sizes, sizes[1:]))
                self.head = torch.nn.Linear(sizes[-1], 10)
            def forward(self, x):
                for layer in self.layers:
                    x = layer(x)
                return self.head(x)
        """,
        """
        import torch, triton
        @triton.jit
        def body(x):
            pass
        class Pass(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                body[(1,)](x)
                return x
        def custom_kernel(data):
            return Pass.apply(data)
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        made = source.links.launches or source.links.builds
        launches = sorted(made, key=lambda node: (node.lineno, node.col_offset))
        if not launches or not source.entries or source.opaque:
            return
        answer = source.answer
        library = next((name for call in answer.calls if (name := library_call(source, call))), "")
        if not library:
            return
        if not answer.launches:
            if self._calls_unknown(source) or any(not f.returns for f in source.entries):
                return  # some answer by writing to what they are given
            what = "launches" if source.links.launches else "builds"
            claim = f"{what} a kernel whose result does not reach the answer ({library} makes it)"
            yield self.finding(source.span(launches[0]), claim)
        elif all(self._never_runs(source, launch) for launch in answer.launches):
            claim = (
                f"its kernel stands behind a test that no problem passes; {library} runs instead"
            )
            yield self.finding(source.span(answer.launches[0]), claim)

    def _calls_unknown(self, source: Source) -> bool:
        """Whether the answer comes through a callee that could be anything, so a launch too."""
        return any(self._is_unknown(source, call.func) for call in source.answer.calls)

    def _is_unknown(self, source: Source, callee: ast.expr) -> bool:
        names = source.names(callee)
        if not names:
            return not isinstance(callee, ast.Attribute)
        if isinstance(callee, ast.Attribute) and callee.attr in ITEMS:
            return False  # what it gives may be anything; asking for it launches nothing
        own = [name for name in names if name.startswith(".")]
        return any(
            source.function(name) is None and name.removesuffix("()") not in source.layout.classes
            for name in own
        )

    def _never_runs(self, source: Source, launch: ast.Call) -> bool:
        """Whether a test around the launch, or a return before it, always keeps it from running."""
        node: ast.AST = launch
        for around in source.parents(launch):
            if isinstance(around, ast.If | ast.IfExp) and node is not around.test:
                known = outcome(source, around.test)
                if known is not None and known != _is_in(node, around.body):
                    return True
            for block in _blocks(around):
                if any(item is node for item in block) and self._cut_off(source, block, node):
                    return True
            node = around
        return False

    def _cut_off(self, source: Source, block: list[ast.stmt], node: ast.AST) -> bool:
        for statement in block:
            if statement is node:
                return False
            if always_leaves(source, statement):
                return True
        return False


def _is_in(node: ast.AST, body: list[ast.stmt] | ast.expr) -> bool:
    return any(item is node for item in body) if isinstance(body, list) else body is node


def _blocks(node: ast.AST) -> Iterable[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
