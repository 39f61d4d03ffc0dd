"""The judge's settings as a command line gives them, and what asking will cost."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.request import Request
    from integrity.testimony import JudgeSettings


def judge_settings(
    arguments: argparse.Namespace, neighbours: Sequence[Path] = ()
) -> "JudgeSettings":
    """What files, environment and command line say together.

    Raises:
        BadInput: a setting is wrong, or `--judge on` without a key or a model.
    """
    from dataclasses import replace

    from integrity.testimony import UNASKED, Asking

    asking = Asking(arguments.judge)
    if asking is Asking.OFF:
        return UNASKED
    from integrity.judge.settings import checked, load
    from integrity.submission import Submission

    settings = load(Path(arguments.policy) if arguments.policy else None)
    budget = arguments.judge_budget_usd
    return checked(
        replace(
            settings,
            asking=asking,
            budget_usd=settings.budget_usd if budget is None else budget,
            written_by=arguments.written_by or settings.written_by,
            neighbours=tuple(Submission.read(path).text for path in neighbours),
        )
    )


def announce(request: "Request") -> None:
    """Say on stderr what asking may cost, where somebody will be asked."""
    from integrity.testimony import Asking

    if request.judge.asking is Asking.OFF:
        return
    from integrity.judge.settings import allowed_models, unasked

    if unasked(request.judge):
        return  # the report says why
    from integrity.errors import CannotJudge
    from integrity.evidence import Evidence
    from integrity.judge.hearing import estimate

    evidence = Evidence(request.submission, request.task, request.policy)
    try:
        words = estimate(evidence, request.judge).words()
    except CannotJudge:
        return
    models = ", ".join(allowed_models(request.judge))
    sys.stderr.write(f"integrity: the judge ({models}): {words}\n")
