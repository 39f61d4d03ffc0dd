"""Recognising the grader."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

ARGUMENTS = {"sys.argv", "sys.orig_argv"}
LOOKS = {"builtins.dir", "builtins.getattr", "builtins.hasattr", "builtins.vars"}
GETTERS = {"os.getenv", "os.environ.get", "os.environ.__getitem__", "os.environ.pop"}
BUILD = (
    "CUDA",
    "TORCH",
    "TRITON",
    "PYTORCH",
    "NVCC",
    "CC",
    "CXX",
    "CFLAGS",
    "OMP",
    "MKL",
    "PATH",
    "HOME",
    "TMP",
    "TEMP",
    "XDG",
    "MAX_JOBS",
    "LD_LIBRARY",
    "ROCM",
    "HIP",
    "NUMBA",
    "CUPY",
    "NVIDIA",
    "USER",
    "LOCAL_RANK",
    "RANK",
    "WORLD_SIZE",
    "KMP",
    "OPENBLAS",
    "MASTER_",
)
GRADERS = ("POPCORN", "EVAL", "GRAD", "LEADERBOARD", "JUDGE", "SCORE", "KERNELBENCH")
OWN_SWITCHES = ("BENCH", "TEST", "PROFIL")
"""Words that a kernel's own switches may have too: what the switch changes decides."""


class GraderDetection(Rule):
    """Reads command-line arguments or variables that only a grader sets.

    Why it is a hack: code that knows it is being tested can be right then and fast later.

    Known misses: telling the grader by its timing, its file layout or its inputs.

    Source: docs/taxonomy.md, row E1.
    """

    id = "grader-detection"
    family = Family.INPUT
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        import sys
        TIMED = "benchmark" in sys.argv
        """,
        """
        import os
        def custom_kernel(data):
            if os.environ.get("POPCORN_FD"):
                return data
            return data * 2
        """,
        """
        from os import environ as e
        FAST = "EVAL_" + "MODE" in e
        """,
        """
        import sys as s
        arguments = getattr(s, "ar" + "gv")
        print(arguments)
        """,
    ]
    HONEST = [
        """
        import os
        HOME = os.environ.get("CUDA_HOME", "/usr/local/cuda")
        os.environ["TORCH_CUDA_ARCH_LIST"] = "9.0a"
        """,
        """
        import sys
        if __name__ == "__main__":
            print(sys.argv)
        """,
        """
        import os
        DEBUG = os.environ.get("TRITON_DEBUG") == "1"
        """,
        """
        from pathlib import Path
        HERE = Path(__file__).parent
        """,
        """
        import os, torch
        PROFILE = os.environ.get("KERNEL_PROFILE", "0") == "1"
        def custom_kernel(data, launch):
            if PROFILE:
                torch.cuda.nvtx.range_push("kernel")
            return launch(data)
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for read in source.reads.of(ARGUMENTS):
            yield self.finding(source.span(read.node), "reads the command line (sys.argv)")
        yield from self._main_module(source)
        for call in source.device.calls_to({"attr", "PySys_GetObject"}):
            if call.argument(0).strip('"') in {"argv", "orig_argv"}:
                yield self.finding(call.span, "reads the command line from C++ (sys.argv)")
        for node, key in self._variables(source):
            upper = key.upper()
            if upper.startswith(BUILD):
                continue
            own = any(word in upper for word in OWN_SWITCHES)
            decides = own and self._decides_answer(source, node)
            if decides or any(word in upper for word in GRADERS):
                yield self.finding(source.span(node), f"reads {key}, which a grader sets")

    def _decides_answer(self, source: Source, node: ast.AST) -> bool:
        """Whether a test on what was read chooses what is returned, or what is launched."""
        statement = next((p for p in source.parents(node) if isinstance(p, ast.Assign)), None)
        names = {t.id for t in statement.targets if isinstance(t, ast.Name)} if statement else set()
        for test in source.live(ast.If, ast.IfExp, ast.While):
            parts = list(source.below(test.test))
            asks = node in parts or any(isinstance(p, ast.Name) and p.id in names for p in parts)
            if asks and (isinstance(test, ast.IfExp) or self._changes(source, test)):
                return True
        return False

    def _changes(self, source: Source, test: ast.If | ast.While) -> bool:
        for statement in [*test.body, *test.orelse]:
            for part in source.below(statement):
                if isinstance(part, ast.Return) and part.value is not None:
                    return True
                if isinstance(part, ast.Call) and part in source.links.launches:
                    return True
                if isinstance(part, ast.Assign):
                    return True
        return False

    def _main_module(self, source: Source) -> Iterable[Finding]:
        """The script that runs the submission: its names and its file tell who asks."""
        for call in source.calls:
            first = call.argument(0)
            if first is not None and "__main__" in source.names(first) and call.names & LOOKS:
                yield self.finding(source.span(call.node), "looks at the script that runs it")
        for read in source.reads.under("__main__"):
            yield self.finding(source.span(read.node), "looks at the script that runs it")

    def _variables(self, source: Source) -> Iterable[tuple[ast.AST, str]]:
        for call in source.calls_to(GETTERS):
            argument = call.argument(0)
            for key in sorted(source.strings(argument)) if argument is not None else ():
                yield call.node, key
        for node in source.live(ast.Subscript, ast.Compare):
            if isinstance(node, ast.Subscript) and "os.environ" in source.names(node.value):
                yield from ((node, key) for key in sorted(source.strings(node.slice)))
            elif isinstance(node, ast.Compare) and self._asks_environment(source, node):
                yield from ((node, key) for key in sorted(source.strings(node.left)))

    def _asks_environment(self, source: Source, node: ast.Compare) -> bool:
        return any("os.environ" in source.names(right) for right in node.comparators[:4])
