"""Recognising the grader."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

ARGUMENTS = {"sys.argv", "sys.orig_argv"}
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
GRADERS = ("POPCORN", "BENCH", "EVAL", "TEST", "GRAD", "LEADERBOARD", "JUDGE", "SCORE", "PROFIL")


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
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for read in source.reads_of(ARGUMENTS):
            yield self.finding(source.span(read.node), "reads the command line (sys.argv)")
        for node, key in self._variables(source):
            upper = key.upper()
            if any(word in upper for word in GRADERS) and not upper.startswith(BUILD):
                yield self.finding(source.span(node), f"reads {key}, which a grader sets")

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
