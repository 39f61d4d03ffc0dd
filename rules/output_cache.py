"""Outputs computed for an earlier call."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.lasting import is_hung
from integrity.rules.origin import Origin
from integrity.rules.rule import Rule
from integrity.rules.scopes import Function
from integrity.rules.source import Source
from integrity.rules.state import Store

KEYS = {
    "data_ptr": "address",
    "_version": "version counter",
    "shape": "shape",
    "size": "shape",
    "numel": "shape",
    "dtype": "dtype",
    "device": "device",
    "item": "sampled content",
    "tolist": "sampled content",
    "sum": "sampled content",
    "mean": "sampled content",
    "tobytes": "content",
    "id": "object identity",
    "hash": "hash",
}


class OutputCache(Rule):
    """Returns state that an earlier call stored, without computing it again.

    Why it is a hack: benchmarks call a kernel many times on the same inputs; the second
    call is free, and wrong as soon as the inputs change.

    Known misses: state kept by a library, in C++ behind a pointer, or in another process.
    A probe that changes the inputs behind the same addresses sees those.

    Source: docs/taxonomy.md, rows C1 to C7 and C9.
    """

    id = "output-cache"
    family = Family.CACHING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        cache = {}
        def custom_kernel(data):
            key = data.data_ptr()
            if key not in cache:
                cache[key] = data * 2
            return cache[key]
        """,
        """
        class ModelNew:
            def __init__(self):
                self.last, self.out = None, None
            def forward(self, x):
                if x is self.last:
                    return self.out
                self.last, self.out = x, x.exp()
                return self.out
        """,
        """
        def custom_kernel(data, memo={}):
            if (hit := memo.get(data.shape)) is not None:
                return hit
            out = data * 2
            memo.setdefault(data.shape, out)
            return out
        """,
        """
        import functools
        @functools.lru_cache(None)
        def compute(x):
            return x.exp()
        def custom_kernel(data):
            return compute(data)
        """,
        """
        def make():
            kept = None
            def run(x):
                nonlocal kept
                if kept is None:
                    kept = x.exp()
                return kept
            return run
        custom_kernel = make()
        """,
        """
        def custom_kernel(data):
            if not hasattr(custom_kernel, "out"):
                setattr(custom_kernel, "out", data * 2)
            return getattr(custom_kernel, "out")
        """,
        """
        import torch
        class ModelNew:
            def forward(self, x):
                if self.graph is None:
                    self.graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(self.graph):
                        self.y = x.exp()
                self.graph.replay()
                return self.y
        """,
        """
        results = []
        def compute(x):
            if results:
                return results[-1]
            results.append(x.exp())
            return results[-1]
        class ModelNew:
            def forward(self, x):
                y = compute(x)
                return y.clone()
        """,
        """
        import torch
        def custom_kernel(data):
            try:
                return torch.load("/dev/shm/out.pt")
            except FileNotFoundError:
                out = data * 2
                torch.save(out, "/dev/shm/out.pt")
                return out
        """,
        """
        class ModelNew:
            def forward(self, x):
                return x.exp()
        before, kept = ModelNew.forward, {}
        def method(self, *inputs):
            key = tuple(each.data_ptr() for each in inputs)
            if key not in kept:
                kept[key] = before(self, *inputs)
            return kept[key]
        ModelNew.forward = method
        """,
        """
        class ModelNew:
            def forward(self, x):
                return x.exp()
        kept = []
        def compute(x):
            if not kept:
                kept.append(x.exp())
            return kept[0]
        setattr(ModelNew, "forward", lambda self, x: compute(x))
        """,
        """
        class Engine:
            def __init__(self):
                self.kept = {}
            def __matmul__(self, pair):
                if pair[0].shape not in self.kept:
                    self.kept[pair[0].shape] = pair[0].exp()
                return self.kept[pair[0].shape]
        class ModelNew:
            def __init__(self):
                self.engine = Engine()
            def forward(self, a, b):
                return self.engine @ (a, b)
        """,
    ]
    HONEST = [
        """
        class ModelNew:
            def forward(self, x):
                return x.exp()
        before, calls = ModelNew.forward, []
        def method(self, *inputs):
            calls.append(1)
            return before(self, *inputs)
        ModelNew.forward = method
        """,
        """
        class ModelNew:
            pass
        def forward(self, x):
            out = x.new_empty(x.shape)
            self.launch(x, out)
            return out
        ModelNew.forward = forward
        ModelNew.block = 128
        """,
        """
        import torch
        workspaces = {}
        def custom_kernel(data, launch):
            key = (data.shape, data.dtype)
            if key not in workspaces:
                workspaces[key] = torch.empty_like(data)
            out = workspaces[key]
            launch(data, out)
            return out
        """,
        """
        modules = {}
        def custom_kernel(data, build, out):
            if data.dtype not in modules:
                modules[data.dtype] = build(data.dtype)
            modules[data.dtype].run(data, out)
            return out
        """,
        """
        import torch
        class ModelNew:
            def forward(self, x):
                if self.graph is None:
                    self.x = x.clone()
                    self.graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(self.graph):
                        self.y = self.x.exp()
                self.x.copy_(x)
                self.graph.replay()
                return self.y
        """,
        """
        class ModelNew:
            def forward(self, x, launch, out):
                if self.packed is None:
                    self.packed = self.weight.t().contiguous()
                launch(x, self.packed, out)
                return out
        """,
        """
        import functools
        @functools.lru_cache(None)
        def config(rows, columns):
            return (64, 128) if rows > columns else (128, 64)
        def custom_kernel(data, launch, out):
            launch(data, out, *config(*data.shape))
            return out
        """,
        """
        class ModelNew:
            def forward(self, x, launch):
                self.last = launch(x)
                return self.last
        """,
        """
        count = 0
        def custom_kernel(data, launch, out):
            global count
            count += 1
            launch(data, out)
            return out
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for function in source.entries:
            for value in function.returns:
                yield from self._returned(source, function, value)
        for call in source.calls:
            if call.method == "copy_" and call.node.args:
                yield from self._returned(source, call.function, call.node.args[0], call.node)

    def _returned(
        self, source: Source, function: Function, value: ast.expr, node: ast.AST | None = None
    ) -> Iterable[Finding]:
        for origin in sorted(source.flow.origins(value), key=lambda o: (o.kind, o.where)):
            claim = self._claim(source, origin, value, function)
            if claim:
                yield self.finding(source.span(node or value), claim)

    def _claim(
        self, source: Source, origin: Origin, value: ast.expr, function: Function
    ) -> str | None:
        if not self._is_ours(origin):
            return None
        if origin.kind == "file":
            return f"returns what {origin.where} reads back, not what it computed"
        if origin.kind != "state" or source.flow.state.refreshed(origin, value, function):
            return None
        if origin.where.startswith("memoised"):
            return f"returns the {origin.where} result of an earlier call"
        stores = self._stores(source, origin)
        if not stores:
            return None
        keyed = self._keys(source, stores)
        return f"returns {_held(origin)} that an earlier call stored{keyed}"

    def _is_ours(self, origin: Origin) -> bool:
        return not is_hung(origin)  # those are `hung-output`

    def _stores(self, source: Source, origin: Origin) -> list[Store]:
        return [
            store
            for store in source.flow.state.stores
            if not self._is_setup(source, store.function)
            and (origin.where == store.where or origin.where.startswith(f"{store.where}."))
            and not self._is_constant(source, store.value)
        ]

    def _is_setup(self, source: Source, function: Function) -> bool:
        """Whether a function runs once, before the first call: the entry's own constructor."""
        if function.name != "__init__":
            return False
        owners = {entry.owner for entry in source.entries}
        return function.owner in owners or not owners - {None}

    def _is_constant(self, source: Source, value: ast.expr | None) -> bool:
        if value is None:
            return False
        return isinstance(value, ast.Constant)

    def _keys(self, source: Source, stores: list[Store]) -> str:
        kinds = set[str]()
        for store in stores:
            if store.key is not None:
                kinds |= {KEYS[word] for word in source.words(store.key) if word in KEYS}
        return f", keyed by {' and '.join(sorted(kinds))}" if kinds else ""


def _held(origin: Origin) -> str:
    return origin.where.lstrip(".").replace("global ", "").replace("closure ", "")
