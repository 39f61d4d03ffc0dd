"""Every pattern the static detector looks for, one module each."""

import importlib
import inspect
import pkgutil
from functools import cache

from integrity.rules.rule import Rule

RULESET_VERSION = "0.2.5"
"""Changes whenever a rule does; reports carry it."""


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """The rule classes of this folder, in id order."""
    rules = set[type[Rule]]()
    for module in pkgutil.iter_modules(__path__):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        rules |= {m for m in members if inspect.isclass(m) and issubclass(m, Rule)}
    return tuple(sorted(rules - {Rule}, key=lambda rule: rule.id))
