"""The audited time beside what its device allows, in one line."""

from typing import TYPE_CHECKING

from integrity.reports.visible import number

if TYPE_CHECKING:
    from integrity.audit import Audit


def roofline_words(audit: "Audit") -> str:
    """`132 us a call, 77 % of the memory roofline of NVIDIA H200`; empty where it is not known."""
    found = audit.roofline
    if found is None:
        return ""
    return (
        f"{number(found.time.us)} us a call, {found.share:.0%} of the {found.floor.bound} roofline"
        f" of {found.device}"
    ).replace("%", " %")
