"""Names spelled at run time so that a reader does not find them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

TAKES_NAME = {
    "builtins.getattr": 1,
    "builtins.setattr": 1,
    "builtins.delattr": 1,
    "builtins.hasattr": 1,
    "builtins.__import__": 0,
    "importlib.import_module": 0,
    "operator.attrgetter": 0,
    "operator.methodcaller": 0,
}
METHODS = {"__getattribute__", "__setattr__"}
TABLES = ("sys.modules", "builtins", "<globals>.__dict__")
MAX_LENGTH = 80


class AssembledName(Rule):
    """Spells the name of an attribute or module from literal pieces, codes or reversed text.

    Why it is a hack: whoever writes `"elap" + "sed_time"` knows the name and hides it; the
    only use is to get past a reader. A name built from a dtype or a size is a dispatch, and
    passes.

    Known misses: pieces that come from data.

    Source: docs/taxonomy.md, row I2.
    """

    id = "assembled-name"
    family = Family.OBFUSCATION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        launch = getattr(torch, "mat" + "mul")
        """,
        """
        import torch
        launch = getattr(torch.nn.functional, "xamtfos"[::-1])
        """,
        """
        import importlib
        module = importlib.import_module("".join(map(chr, [103, 99])))
        """,
        """
        import base64, torch
        key = base64.b64decode("bWF0bXVs").decode()
        def custom_kernel(data):
            return getattr(torch, key)(*data)
        """,
    ]
    HONEST = [
        """
        def pick(lib, dtype):
            return getattr(lib, f"gelu_{dtype}")
        """,
        """
        import torch
        PREFIX = "softmax_"
        def pick(lib, bits):
            return getattr(lib, PREFIX + str(bits))
        """,
        """
        import torch
        for name in ("float16", "bfloat16"):
            print(getattr(torch, name))
        """,
        """
        import importlib
        ext = importlib.import_module("softmax_" + "ext_v2")
        """,
        """
        def pick(lib, kind="fwd"):
            return getattr(lib, "attention_{}".format(kind))
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for call in source.calls_to(TAKES_NAME):
            place = min(TAKES_NAME[name] for name in call.names if name in TAKES_NAME)
            yield from self._spelled(source, call.argument(place))
        for call in source.calls:
            if call.method in METHODS:
                yield from self._spelled(source, call.argument(0))
        for node in source.live(ast.Subscript):
            bases = source.names(node.value)
            if any(base in TABLES or base.endswith(".__dict__") for base in bases):
                yield from self._spelled(source, node.slice)

    def _spelled(self, source: Source, key: ast.expr | None) -> Iterable[Finding]:
        if key is None:
            return
        texts = sorted(source.strings(key))
        if len(texts) != 1 or len(texts[0]) > MAX_LENGTH or not texts[0].isprintable():
            return
        if any(self._is_assembled(source, value) for value in [key, *source.assigned(key)]):
            claim = f"spells {texts[0]!r} from pieces"
            yield self.finding(source.span(key), claim)

    def _is_assembled(self, source: Source, node: ast.expr) -> bool:
        """Whether it takes work to spell it, and nothing in it varies."""
        if isinstance(node, ast.BinOp):
            parts = list(source.below(node))
            return all(isinstance(p, ast.BinOp | ast.Constant | ast.operator) for p in parts) and (
                self._splits_word(parts)
            )
        if isinstance(node, ast.Subscript):
            return isinstance(node.slice, ast.Slice) and isinstance(node.value, ast.Constant)
        return isinstance(node, ast.Call) and self._is_coded(source, node)

    def _splits_word(self, parts: list[ast.AST]) -> bool:
        """A prefix that ends in `_` or `.` is a naming scheme; a torn word is not."""
        texts = [p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
        return any(text and text[-1] not in "_." and text[:1] not in "_." for text in texts[:-1])

    def _is_coded(self, source: Source, node: ast.Call) -> bool:
        for part in source.below(node):
            if isinstance(part, ast.Call):
                names = source.names(part.func)
                if any(name.startswith(CODES) for name in names):
                    return True
                joins = isinstance(part.func, ast.Attribute) and part.func.attr == "join"
                if joins and part.args and isinstance(part.args[0], ast.List | ast.Tuple):
                    return all(isinstance(item, ast.Constant) for item in part.args[0].elts)
            if isinstance(part, ast.Name) and part.id == "chr":
                return True
        return False


CODES = ("base64.", "binascii.", "codecs.", "zlib.", "builtins.reversed", "builtins.bytes")
