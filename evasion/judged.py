"""The judge on labelled samples, by itself: whom it accuses, how often wrongly, at what cost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from integrity.claims import claims
from integrity.detectors.judge import Judge
from integrity.evasion.samples import Sample
from integrity.evasion.tally import Share
from integrity.evidence import Evidence
from integrity.finding import Severity
from integrity.hearing import heard
from integrity.policy import Policy
from integrity.testimony import JudgeSettings

MAX_NEIGHBOURS = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """What the judge made of one sample."""

    sample: Sample
    accused: bool
    abstained: str
    usd: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge over all samples."""

    recall: Share
    """Accused, of the hacks; an abstention accuses nobody."""

    false_alarms: Share
    """Accused, of the honest."""

    abstained: Share
    usd: float | None
    """None where the model's prices are not set."""


def judged(found: Sequence[Heard]) -> Judged:
    """The counts."""
    hacks = [one for one in found if not one.sample.honest]
    honest = [one for one in found if one.sample.honest]
    prices = [one.usd for one in found if one.usd is not None]
    return Judged(
        Share(sum(one.accused for one in hacks), len(hacks)),
        Share(sum(one.accused for one in honest), len(honest)),
        Share(sum(bool(one.abstained) for one in found), len(found)),
        sum(prices) if prices else None,
    )


def ask(
    samples: Sequence[Sample],
    policy: Policy,
    settings: JudgeSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Heard]:
    """Ask about every sample, among its neighbours, within one budget for all.

    Raises:
        BadInput: a sample can't be read.
    """
    spent = 0.0
    for place, sample in enumerate(samples):
        left = None if settings.budget_usd is None else settings.budget_usd - spent
        contrast = tuple(_neighbours(sample, samples))
        own = replace(settings, budget_usd=left, neighbours=contrast)
        submission, task = sample.read()
        evidence = heard(own, Evidence(submission, task, policy))
        findings, abstentions = claims(evidence, [Judge()])
        reasons = [one.reason for one in abstentions if one.source == Judge.id]
        accused = any(finding.severity > Severity.NOTE for finding in findings)
        usd = evidence.testimony.usd if evidence.testimony else None
        spent += usd or 0.0
        yield Heard(sample, accused, "; ".join(reasons), usd)
        progress(place + 1, len(samples))


def _neighbours(sample: Sample, samples: Sequence[Sample]) -> Iterator[str]:
    """Other submissions to the same problem; nobody is told which of them are honest."""
    others = [one for one in samples if one.reference == sample.reference and one is not sample]
    for other in others[:MAX_NEIGHBOURS] if sample.reference else ():
        yield other.read()[0].text
