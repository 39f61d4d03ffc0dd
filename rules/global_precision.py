"""Global switches that lower the precision of the whole process."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

SWITCHES = (
    "allow_tf32",
    "reduced_precision_reduction",
    "fp32_precision",
    "allow_fp16_accumulation",
)
SETTERS = {
    "torch.set_float32_matmul_precision",
    "torch.set_default_dtype",
    "torch.set_default_tensor_type",
    "torch.set_flush_denormal",
}
LOWER = {"high", "medium"}


class GlobalPrecision(Rule):
    """Switches TF32, reduced-precision reductions or the default dtype for the whole process.

    Why it is a hack: the reference runs in the same process with the same lower precision,
    so the error does not show. Where the policy permits TF32 it is only a note.

    Known misses: `NVIDIA_TF32_OVERRIDE` set by a parent process.

    Source: docs/taxonomy.md, row D11.
    """

    id = "global-precision"
    family = Family.PRECISION
    severity = Severity.SUSPICIOUS
    confidence = Confidence.HIGH

    HACKS = [
        """
        import torch
        torch.backends.cuda.matmul.allow_tf32 = True
        """,
        """
        import torch.backends.cudnn as d
        setattr(d, "allow" + "_tf32", True)
        """,
        """
        from torch import set_float32_matmul_precision as precise
        precise("high")
        """,
        """
        import torch
        torch.set_default_dtype(torch.float16)
        """,
    ]
    HONEST = [
        """
        import torch
        torch.backends.cudnn.benchmark = True
        """,
        """
        import torch
        torch.set_float32_matmul_precision("highest")
        """,
        """
        import torch
        torch.backends.cuda.matmul.allow_tf32 = False
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for write in source.writes:
            for name in sorted(write.names):
                switched = name.startswith("torch.backends.") and name.endswith(SWITCHES)
                if switched and getattr(write.value, "value", True):
                    claim = f"switches {name} for the whole process"
                    yield self.finding(source.span(write.node), claim)
        for call in source.calls_to(SETTERS):
            argument = call.argument(0)
            asked = source.strings(argument) if argument is not None else frozenset()
            if not asked or asked & LOWER:
                claim = f"calls {min(call.names & SETTERS)} for the whole process"
                yield self.finding(source.span(call.node), claim)
