"""What every rule and probe says of itself, for `explain` and for SARIF."""

from collections.abc import Sequence
from inspect import cleandoc

from integrity.reports.description import Description


def rules() -> dict[str, Description]:
    """The static rules, by id."""
    from integrity.rules import all_rules

    return {
        rule.id: Description(
            id=rule.id,
            kind="rule",
            text=cleandoc(rule.__doc__ or ""),
            family=str(rule.family),
            severity=rule.severity.name.lower(),
            confidence=rule.confidence.name.lower(),
            since=str(getattr(rule, "since", "")),
            hack=_first(rule.HACKS),
            honest=_first(rule.HONEST),
        )
        for rule in sorted(all_rules(), key=lambda rule: rule.id)
    }


def detectors() -> dict[str, Description]:
    """The probes and other detectors, by id."""
    from integrity.detectors import DETECTORS

    return {
        one.id: Description(id=one.id, kind="detector", text=cleandoc(type(one).__doc__ or ""))
        for one in DETECTORS
    }


def everything() -> dict[str, Description]:
    """Both, by id."""
    return rules() | detectors()


def _first(examples: Sequence[str]) -> str:
    return cleandoc(examples[0]) if examples else ""
