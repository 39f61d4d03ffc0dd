"""Forging what the harness prints or reports."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

STREAMS = ("builtins.print", "sys.stdout", "sys.stderr", "sys.__stdout__")
PRINTS = {
    "builtins.print",
    "sys.stdout.write",
    "sys.__stdout__.write",
    "os.write",
    "sys.stdout.buffer.write",
}
RESULTS = (
    "check: pass",
    "benchmark-count",
    "benchmark.0",
    "correctness",
    "speedup",
    "all tests passed",
    "test-count",
    '"compiled"',
)
DESCRIPTORS = {"os.dup2", "os.closerange"}


class OutputSpoof(Rule):
    """Prints a result of its own, or replaces print, stdout or the result descriptor.

    Why it is a hack: harnesses read results from a pipe or from standard output, and
    believe what stands there.

    Known misses: text assembled from data; descriptors opened under another name.

    Source: docs/taxonomy.md, rows D7 and D8; GPU MODE reads `POPCORN_FD`.
    """

    id = "output-spoof"
    family = Family.HARNESS
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        import builtins
        builtins.print = lambda *values, **options: None
        """,
        """
        import os
        def custom_kernel(data):
            os.write(int(os.environ.get("FD", "1")), b"check: pass\\n")
            return data.sum()
        """,
        """
        import sys, io
        setattr(sys, "std" + "out", io.StringIO())
        """,
        """
        import json, sys
        sys.stdout.write(json.dumps({"correctness": True, "runtime": 0.01}))
        """,
        """
        import os
        os.dup2(3, 1)
        """,
    ]
    HONEST = [
        """
        def build(log):
            print("compiling for sm_90 failed:", log)
        """,
        """
        import sys
        sys.stderr.write("falling back to 64 threads")
        """,
        """
        if __name__ == "__main__":
            print("speedup", 1.4, "correctness", True)
        """,
        """
        import os, tempfile
        fd, path = tempfile.mkstemp(suffix=".cu")
        os.write(fd, b"__global__ void k() {}")
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for write in source.writes:
            for name in sorted(write.names):
                if name.startswith(STREAMS) and "()" not in name:
                    yield self.finding(source.span(write.node), f"replaces {name}")
        for call in source.calls_to(DESCRIPTORS):
            yield self.finding(source.span(call.node), "moves a descriptor it did not open")
        for call in source.calls_to(PRINTS):
            for said in self._results(source, call.node):
                claim = f"writes a result of its own: {said!r}"
                yield self.finding(source.span(call.node), claim)

    def _results(self, source: Source, node: ast.Call) -> Iterable[str]:
        """The first thing in the arguments that reads like a harness's result."""
        for count, part in enumerate(ast.walk(node)):
            if count > 400 or not isinstance(part, ast.expr):
                continue
            for text in sorted(source.strings(part)):
                lowered = text.lower()
                marks = [mark for mark in RESULTS if mark in lowered]
                if marks:
                    return [marks[0]]
        return []
