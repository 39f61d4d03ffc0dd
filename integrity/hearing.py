"""Whether the judge is asked about a submission, and what is recorded of it."""

from collections.abc import Sequence
from dataclasses import replace

from integrity.claims import claims
from integrity.detectors.detector import Detector
from integrity.evidence import Evidence
from integrity.finding import Family
from integrity.request import Progress
from integrity.testimony import Asking, JudgeSettings, Testimony


def heard(
    settings: JudgeSettings,
    evidence: Evidence,
    detectors: Sequence[Detector] = (),
    progress: Progress = lambda step: None,
) -> Evidence:
    """The evidence with the judge's testimony, where it is asked for.

    With `auto` nobody is asked where hard evidence has decided, or where there is nobody to ask;
    the record then says why.
    """
    from integrity.judge.settings import allowed_models, unasked

    reason = unasked(settings) or _decided(evidence, settings, detectors)
    if reason:
        return replace(evidence, testimony=Testimony(silence=reason))
    import os

    from integrity.judge import cache
    from integrity.judge.client import Endpoint
    from integrity.judge.hearing import Hearing

    key = os.environ[settings.api_key_env]
    judges = [Endpoint(model, settings, key) for model in allowed_models(settings)]
    kept = cache.Cache(cache.folder(settings.cache))
    hearing = Hearing(evidence, settings, judges, kept, progress)
    return replace(evidence, testimony=hearing.testimony())


def _decided(evidence: Evidence, settings: JudgeSettings, detectors: Sequence[Detector]) -> str:
    """Why an opinion would change nothing; empty where it is asked for all the same."""
    if settings.asking is Asking.ON or not evidence.runs:
        return ""
    measuring = [each for each in detectors if each.id not in {"static", "judge"}]
    findings, _ = claims(evidence, measuring)  # what is read from source is never hard
    hard = [f for f in findings if f.hard and f.family is not Family.PROBLEM]
    return "not asked, since hard evidence has decided" if hard else ""
