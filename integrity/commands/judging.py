"""The judge's settings as a command line gives them, and what asking will cost."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrity.evidence import Evidence
    from integrity.request import Request
    from integrity.testimony import JudgeSettings

    Hearing = partial[Evidence]


def hearing(arguments: argparse.Namespace, neighbours: Sequence[Path] = ()) -> "Hearing | None":
    """What asks the judge during an audit; None for `--judge off`.

    Raises:
        BadInput: a setting is wrong, or `--judge on` without a key or a model.
    """
    if arguments.judge == "off":
        return None
    from integrity.hearing import heard

    settings = judge_settings(
        arguments.judge,
        arguments.policy,
        arguments.judge_budget_usd,
        arguments.written_by,
        neighbours,
    )
    return partial(heard, settings)


def judge_settings(
    asking: str,
    policy: str | None,
    budget_usd: float | None = None,
    written_by: str = "",
    neighbours: Sequence[Path] = (),
) -> "JudgeSettings":
    """What files, environment and command line say together.

    Raises:
        BadInput: a setting is wrong, or there is nobody to ask who has to be asked.
    """
    from dataclasses import replace

    from integrity.judge.settings import checked, load
    from integrity.submission import Submission
    from integrity.testimony import Asking

    settings = load(Path(policy) if policy else None)
    return checked(
        replace(
            settings,
            asking=Asking(asking),
            budget_usd=settings.budget_usd if budget_usd is None else budget_usd,
            written_by=written_by or settings.written_by,
            neighbours=tuple(Submission.read(path).text for path in neighbours),
        )
    )


def announce(hear: "Hearing | None", request: "Request") -> None:
    """Say on stderr what asking may cost, where somebody will be asked."""
    if hear is None:
        return
    from integrity.judge.settings import allowed_models, unasked

    (settings,) = hear.args
    if unasked(settings):
        return  # the report says why
    from integrity.errors import CannotJudge
    from integrity.evidence import Evidence
    from integrity.judge.hearing import estimate

    evidence = Evidence(request.submission, request.task, request.policy)
    try:
        words = estimate(evidence, settings).words()
    except CannotJudge:
        return  # the report says why
    models = ", ".join(allowed_models(settings))
    sys.stderr.write(f"integrity: the judge ({models}): {words}\n")
