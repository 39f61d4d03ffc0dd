"""Outputs of an earlier call, left on an object that was passed in or in a container class."""

from __future__ import annotations

from integrity.finding import Confidence, Family, Severity
from integrity.rules.lasting import is_hung
from integrity.rules.origin import Origin
from integrity.rules.output_cache import OutputCache


class HungOutput(OutputCache):
    """Returns what an earlier call hung on an input, or left in a container of its own class.

    Why it is a hack: benchmarks pass the same tensor many times; an attribute of that tensor
    lasts as long as any cache, and its contents may have changed since.

    Known misses: objects that a library keeps; attributes of attributes. A probe that changes
    the inputs behind the same addresses sees those.

    Source: docs/taxonomy.md, rows C1, C3 and C5.
    """

    id = "hung-output"
    family = Family.CACHING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        class Ready(dict):
            operands = ()
            def __missing__(self, key):
                self[key] = out = torch.empty_like(self.operands[0])
                self.launch(*self.operands, out)
                return out
        class ModelNew:
            def __init__(self):
                self.ready = Ready()
            def forward(self, x):
                self.ready.operands = (x,)
                return self.ready[x.shape]
        """,
        """
        class once:
            def __init__(self, compute):
                self.compute, self.slot = compute, "_rows_" + compute.__name__
            def __call__(self, x):
                try:
                    return x.__dict__[self.slot]
                except KeyError:
                    setattr(x, self.slot, self.compute(x))
                    return getattr(x, self.slot)
        @once
        def rows(x):
            return x.exp()
        class ModelNew:
            def forward(self, x):
                return rows(x).view(-1)
        """,
        """
        def custom_kernel(data, launch):
            if not hasattr(data, "_done"):
                data._done = launch(data)
            return data._done
        """,
    ]
    HONEST = [
        """
        class ModelNew:
            def compute(self, x):
                self.y = x.exp()
            def forward(self, x):
                self.compute(x)
                return self.y
        """,
        """
        import torch
        class Workspaces(dict):
            def __missing__(self, key):
                self[key] = torch.empty(key)
                return self[key]
        class ModelNew:
            def __init__(self):
                self.workspaces = Workspaces()
            def forward(self, x, launch):
                out = self.workspaces[x.shape]
                launch(x, out)
                return out
        """,
        """
        import torch
        class Parts(dict):
            def sum(self):
                return self["partial"]
        def custom_kernel(data, launch):
            parts = Parts()
            parts["partial"] = launch(data)
            return parts.sum()
        """,
        """
        def packed(w):
            if not hasattr(w, "_packed"):
                w._packed = w.t().contiguous()
            return w._packed
        def custom_kernel(data, weight, launch, out):
            launch(data, packed(weight), out)
            return out
        """,
        """
        class launcher:
            def __init__(self, compute):
                self.compute, self.calls = compute, 0
            def __call__(self, x):
                self.calls += 1
                x.owner = self.compute(x)
                return x.owner
        @launcher
        def rows(x):
            return x.exp()
        def custom_kernel(data):
            return rows(data)
        """,
    ]

    def _is_ours(self, origin: Origin) -> bool:
        return is_hung(origin)
