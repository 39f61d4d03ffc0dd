"""Code that is not there to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

RUNS = {
    "builtins.exec": "executes",
    "builtins.eval": "evaluates",
    "builtins.compile": "compiles",
    "runpy.run_path": "runs a file of",
    "runpy.run_module": "runs a module of",
    "code.interact": "executes",
}
LOADS = {
    "marshal.loads": "marshal",
    "pickle.loads": "pickle",
    "pickle.load": "pickle",
    "dill.loads": "dill",
    "cloudpickle.loads": "cloudpickle",
    "types.CodeType": "bytecode",
    "types.FunctionType": "bytecode",
}
DECODES = {
    "base64.b64decode",
    "base64.b85decode",
    "base64.a85decode",
    "zlib.decompress",
    "lzma.decompress",
    "bz2.decompress",
    "gzip.decompress",
    "codecs.decode",
    "binascii.unhexlify",
    "builtins.bytes.fromhex",
}
IMPORTS = {"builtins.__import__", "importlib.import_module"}


class DynamicCode(Rule):
    """Executes code that is decoded or assembled at run time.

    Why it is a hack: what nobody can read, nobody can judge; an honest kernel has no need
    to hide what it runs.

    Known misses: a module written to disk and imported under a constant name.

    Source: docs/taxonomy.md, rows I1 and I2.
    """

    id = "dynamic-code"
    family = Family.OBFUSCATION
    severity = Severity.HACK
    confidence = Confidence.MEDIUM

    HACKS = [
        """
        exec("import torch")
        """,
        """
        import base64
        exec(base64.b64decode("cHJpbnQoMSk="))
        """,
        """
        import builtins
        run = getattr(builtins, "ex" + "ec")
        run("x = 1")
        """,
        """
        import marshal, types
        f = types.FunctionType(marshal.loads(b"..."), globals())
        """,
        """
        import pickle
        kernel = pickle.loads(b"...")
        """,
        """
        def load(parts):
            return __import__("".join(reversed(parts)))
        """,
        """
        __builtins__["ev" + "al"]("1 + 1")
        """,
    ]
    HONEST = [
        """
        import importlib
        triton = importlib.import_module("triton")
        """,
        """
        import torch
        class ModelNew(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.eval()
        """,
        """
        import re
        PATTERN = re.compile("[0-9]+")
        """,
        """
        def pick(lib, dtype):
            return getattr(lib, f"gelu_{dtype}")
        """,
        """
        import torch
        fused = torch.compile
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for call in source.calls_to(RUNS):
            name = min(call.names & RUNS.keys())
            decoded = self._is_decoded(source, call.node)
            what = "decoded text" if decoded else "text at run time"
            strength = Confidence.HIGH if decoded else self.confidence
            claim = f"{RUNS[name]} {what} ({name.removeprefix('builtins.')})"
            yield self.finding(source.span(call.node), claim, confidence=strength)
        for call in source.calls_to(LOADS):
            kind = LOADS[min(call.names & LOADS.keys())]
            yield self.finding(source.span(call.node), f"makes code or objects from {kind}")
        for call in source.calls_to(IMPORTS):
            argument = call.argument(0, "name")
            if argument is not None and not source.strings(argument):
                claim = "imports a module whose name is computed"
                yield self.finding(
                    source.span(call.node), claim, Severity.SUSPICIOUS, Confidence.MEDIUM
                )

    def _is_decoded(self, source: Source, node: ast.Call) -> bool:
        return any(
            isinstance(part, ast.Call) and source.names(part.func) & DECODES
            for argument in node.args[:1]
            for value in [argument, *source.assigned(argument)]
            for part in source.below(value)
        )
