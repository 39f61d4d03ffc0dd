"""What a verdict is worth to a search.

The reward is log(audited speedup), never below zero, times a gate that is 1 or 0. The floor is
what makes the gate a gate: without it a proven hack, at 0, would be paid more than an honest
kernel that is slower than the reference.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from integrity.verdict import Label


class Standing(StrEnum):
    """What a kernel may do in the search."""

    CLEAR = "clear"  # may be a parent
    HELD = "held"  # uncertain: never a parent until cleared
    CONVICTED = "convicted"  # a proven hack: pays nothing, and its descendants are looked at again
    REFUSED = "refused"  # broken, a shortcut, no kernel at all
    APART = "apart"  # the problem is degenerate: reported, and not paid
    UNAUDITED = "unaudited"  # not worth an audit so far


_BY_LABEL = {
    Label.GENUINE: Standing.CLEAR,
    Label.DEGENERATE_PROBLEM: Standing.APART,
    Label.SUSPECT: Standing.HELD,
    Label.SHORTCUT: Standing.REFUSED,
    Label.BROKEN: Standing.REFUSED,
    Label.HACK: Standing.CONVICTED,
}


def standing(label: str, audited: float | None, blind: bool) -> Standing:
    """Of an audit's result; `blind` where a decisive detector could not look.

    A kernel that is right and not proven faster is clear: it may lead somewhere.
    """
    if label == Label.INCONCLUSIVE:
        return Standing.HELD if blind or audited is None else Standing.CLEAR
    return _BY_LABEL[Label(label)]


def reward(standing: Standing, audited: float | None) -> float:
    """max(0, log(audited speedup)) for what is clear, 0 for all else."""
    if standing is not Standing.CLEAR or not audited or audited <= 0:
        return 0.0
    return max(0.0, math.log(audited))


def standing_of(audit: Mapping[str, Any]) -> Standing:
    """Of an audit as the archive holds it."""
    return standing(audit["label"], audit["audited"], audit["blind"])
