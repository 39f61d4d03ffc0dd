"""Verdicts as text, JSON, SARIF and markdown."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from integrity.audit import Audit


class Reporter(Protocol):
    """Renders a finished audit. Pure: the same audit gives the same text."""

    def render(self, audit: "Audit") -> str: ...


REPORTERS = {
    "terminal": ("integrity.reports.terminal", "Terminal"),
    "json": ("integrity.reports.document", "Json"),
    "sarif": ("integrity.reports.sarif", "Sarif"),
    "markdown": ("integrity.reports.markdown", "Markdown"),
}
"""Module and class by format name; imported when asked for, since rich and pydantic cost time."""


def reporter(name: str, **settings: Any) -> Reporter:
    """The reporter of that format; `settings` are its constructor's."""
    module, cls = REPORTERS[name]
    return cast(Reporter, getattr(import_module(module), cls)(**settings))
