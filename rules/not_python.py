"""A file that no Python compiles."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source


class NotPython(Rule):
    """Does not compile, so nothing was computed and nothing can be fast.

    Why it is a hack: it is a failure and not a trick; no measurement of it can be real.

    Known misses: a file that compiles and raises on import. A worker that runs it sees that.

    Source: docs/taxonomy.md, label `broken`.
    """

    id = "not-python"
    family = Family.OUTPUT
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        def custom_kernel(data:
            return data.relu()
        """,
        "\ndef kernel(x):\n    return 'unterminated\n",
        "\ndef kernel(x):\n  if x:\n return x\n",
    ]
    HONEST = ["\ndef kernel(x, out, launch):\n    launch(x, out)\n    return out\n"]

    def check(self, source: Source) -> Iterable[Finding]:
        # The parser is the check: `integrity.rules.scan` reports it.
        return ()
