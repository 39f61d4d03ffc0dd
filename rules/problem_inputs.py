"""Making the problem's own inputs or answers again."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.facts import Call
from integrity.rules.rule import Rule
from integrity.rules.source import Source

MAKERS = ("generate_input", "get_inputs", "get_init_inputs", "make_inputs", "generate_inputs")
ANSWERS = ("ref_kernel", "check_implementation", "reference_kernel", "compute_reference")
PROBLEM = ("reference.", "task.", "problem.", "utils.", "eval.", "__main__.", "model.")
SEEDS = {
    "torch.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.random.manual_seed",
    "torch.Generator().manual_seed",
    "numpy.random.seed",
    "numpy.random.default_rng",
    "random.seed",
}
DRAWS = (
    "rand",
    "randn",
    "randint",
    "normal",
    "randperm",
    "rand_like",
    "uniform",
    "standard_normal",
)
SETUP = {"__init__", "reset_parameters", "_init_weights", "init_weights"}


class ProblemInputs(Rule):
    """Calls the problem's input generator or reference, or seeds and draws inputs itself.

    Why it is a hack: public seeds and generators let a submission compute the answers before
    the clock starts; a kernel takes its inputs from its caller.

    Known misses: a table computed elsewhere and pasted in; seeds computed from data.

    Source: docs/taxonomy.md, row E4.
    """

    id = "problem-inputs"
    family = Family.INPUT
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        from reference import generate_input, ref_kernel
        ready = [ref_kernel(generate_input(size=n, seed=s)) for n, s in [(128, 1), (256, 2)]]
        def custom_kernel(data):
            return ready.pop()
        """,
        """
        import torch
        table = {}
        for seed in range(100):
            torch.manual_seed(seed)
            x = torch.randn(128)
            table[float(x[0])] = x.softmax(-1)
        def custom_kernel(data, launch):
            return table[float(data[0])]
        """,
        """
        import torch
        def expected(seed):
            g = torch.Generator(device="cuda")
            g.manual_seed(seed)
            return torch.rand(4, generator=g)
        class ModelNew(torch.nn.Module):
            def forward(self, x):
                return expected(42)
        """,
        """
        import reference as r
        class ModelNew:
            def forward(self, x):
                (y,) = r.get_inputs()
                return y + 1
        """,
    ]
    HONEST = [
        """
        import torch
        def get_inputs():
            return [torch.rand(4, 4)]
        class ModelNew(torch.nn.Module):
            def forward(self, x, launch):
                return launch(x)
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                torch.manual_seed(0)
                self.weight = torch.nn.Parameter(torch.randn(8))
            def forward(self, x, launch):
                return launch(x, self.weight)
        """,
        """
        import torch
        def custom_kernel(data, launch):
            return launch(data)
        if __name__ == "__main__":
            from reference import generate_input
            torch.manual_seed(0)
            custom_kernel(generate_input(seed=1))
        """,
        """
        import torch
        def custom_kernel(data, launch):
            return launch(data, seed=torch.randint(0, 1 << 31, (1,)))
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for call in source.calls:
            if name := self._problem(call):
                yield self.finding(source.span(call.node), f"calls the problem's own {name}")
        for call in source.calls_to(SEEDS):
            drawn = self._drawn_beside(source, call)
            if drawn is not None and call.function.name not in SETUP:
                claim = f"seeds a generator and draws from it ({drawn.method or 'random'})"
                yield self.finding(
                    source.span(call.node), claim, Severity.SUSPICIOUS, Confidence.HIGH
                )

    def _problem(self, call: Call) -> str:
        for name in call.names:
            last = name.rsplit(".", 1)[-1]
            if name.startswith(PROBLEM) and last in (*MAKERS, *ANSWERS):
                return last
        return ""

    def _drawn_beside(self, source: Source, seed: Call) -> Call | None:
        """A draw in the same function, or at the same top level."""
        if isinstance(seed.function.node, ast.Module) and not self._in_loop(source, seed.node):
            return None
        beside = (c for c in source.calls if c.function is seed.function)
        return next((c for c in beside if c.method in DRAWS and c.node is not seed.node), None)

    def _in_loop(self, source: Source, node: ast.AST) -> bool:
        return any(isinstance(p, ast.For | ast.While) for p in source.parents(node))
