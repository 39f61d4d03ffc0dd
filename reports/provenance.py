"""Where a verdict was made, in one line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.audit import Audit

LEFT_TO_JSON = {"tool", "version", "level", "prior", "timeout_s", "reference", "argv", "triton"}
"""What a person who reads a verdict does not need; the JSON report has it all."""


def provenance(audit: "Audit") -> str:
    """Tool, level, policy, seed and machine."""
    facts = audit.provenance
    tool = f"{facts.get('tool', 'kernel-integrity')} {facts.get('version', '')}".rstrip()
    shown = [
        f"{key} {value}"
        for key, value in facts.items()
        if value is not None and key not in LEFT_TO_JSON
    ]
    return " · ".join([tool, f"level {audit.request.level.value}", *shown])
