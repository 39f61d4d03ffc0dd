"""Modules and libraries that the benchmark's policy does not allow."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.policy import Dependencies
from integrity.rules.rule import Rule
from integrity.rules.source import Source

NATIVE = {
    "aten": ("at::", "torch::"),
    "cublas": ("cublas",),
    "cudnn": ("cudnn",),
    "cutlass": ("cutlass::", "cute::"),
    "cusparse": ("cusparse",),
    "cusolver": ("cusolver",),
    "cufft": ("cufft",),
    "thrust": ("thrust::",),
    "cub": ("cub::",),
}
"""What a library's functions are called in C++."""


class ForbiddenDependency(Rule):
    """Imports a module, or calls a library, that the policy does not allow.

    Why it is a hack: a leaderboard that asks for kernels of one's own is not won with a
    library's; which ones count is the policy's to say, and without a policy none does.

    Known misses: a library loaded at run time under another name. The census of loaded
    libraries sees what is mapped.

    Source: docs/taxonomy.md, rows G2 and G7; docs/policy.md, `allow_imports` and
    `forbid`.
    """

    id = "forbidden-dependency"
    family = Family.AUTHENTICITY
    severity = Severity.HACK
    confidence = Confidence.HIGH

    ALLOWED = Dependencies(("torch", "triton"), ("flash_attn", "cupy", "cublas"))

    HACKS = [
        """
        from flash_attn import flash_attn_func as attend
        def custom_kernel(data):
            return attend(*data)
        """,
        """
        import importlib
        c = importlib.import_module("cupy")
        """,
        """
        SOURCE = '''
        #include <cublas_v2.h>
        void run(cublasHandle_t h) { cublasSgemm(h, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1); }
        '''
        """,
    ]
    HONEST = [
        """
        # without flash_attn: a kernel of our own
        import torch, triton
        """,
        """
        SOURCE = '''
        __global__ void cublas_like(float* x) { x[0] = 1.0f; }  // not cublasSgemm
        '''
        """,
        """
        from torch.utils.cpp_extension import load_inline
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        allows = source.allows
        for node, module in self._imports(source):
            top = module.split(".")[0]
            allowed = allows.imports is None or top in allows.imports
            if not (allowed or top in sys.stdlib_module_names) or top in allows.forbidden:
                claim = f"imports {module}, which the policy does not allow"
                yield self.finding(source.span(node), claim)
        banned = [p for name in allows.forbidden for p in NATIVE.get(name, ())]
        for call in source.device.calls if banned else ():
            if any(call.name.startswith(prefix) for prefix in banned):
                claim = f"calls {call.name} in C++, which the policy does not allow"
                yield self.finding(call.span, claim)

    def _imports(self, source: Source) -> Iterable[tuple[ast.AST, str]]:
        for node in source.live(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif node.module and not node.level:
                yield node, node.module
        for call in source.calls_to({"importlib.import_module", "builtins.__import__"}):
            argument = call.argument(0, "name")
            if argument is not None:
                yield from ((call.node, name) for name in sorted(source.strings(argument)))
