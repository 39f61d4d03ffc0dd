"""A file that defeats analysis."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source


class Unanalysable(Rule):
    """Can't be analysed: too deep, too large, too slow, newer syntax, or not text.

    Why it is a hack: code nobody could read is never clean, and a file that crashes
    or stalls a scanner is worth writing only to get past it.

    Known misses: none by design; whatever ends the analyser ends up here.

    Source: docs/taxonomy.md, row I3; libcst and GPU MODE's detector, measured on such files.
    """

    id = "unanalysable"
    family = Family.OBFUSCATION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        "\ndef kernel(x):\n    return " + "(" * 300 + "x" + ")" * 300 + "\n",
        "\ndef kernel(x):\n    return '\0'\n",
        "\ndef kernel(x):\n    return " + "-" * 20_000 + "x\n",
    ]
    HONEST = [
        "TABLE = [" + "0.5, " * 5000 + "]\n",
        "\ndef kernel(x, out, launch):\n    launch(x, out)\n    return out\n",
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        # The rest is reported by `integrity.rules.scan`, and by the analyser when its child dies.
        for piece in source.device.unread:
            yield self.finding(piece.span(0, 1), "can't be analysed: its C++ defeats the parser")
