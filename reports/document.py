"""The JSON report: one versioned schema, whose names other tools rely on."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from integrity.finding import Abstention as FoundAbstention
from integrity.finding import Finding as FoundFinding
from integrity.finding import Span as FoundSpan
from integrity.operating import OperatingPoint as FoundPoint
from integrity.reports.judgement import explanations
from integrity.reports.visible import shown_path
from integrity.testimony import Reply as FoundReply
from integrity.testimony import Testimony as FoundTestimony
from integrity.verdict import Speedup as FoundSpeedup
from integrity.verdict import Verdict as FoundVerdict

if TYPE_CHECKING:
    from integrity.audit import Audit
    from integrity.detectors.physics_floor import Roofline as FoundRoofline

SCHEMA_VERSION = "1.2"
"""Minor: a field was added. Major: a name was taken away or means something else."""


def _finite(value: object) -> object:
    """JSON has no NaN and no Infinity; as measured values they become words."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _encodable(value: object) -> object:
    # A worker's message may hold half a surrogate pair, which no UTF-8 file can.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_encodable)]
Measured = Annotated[int | float | Text | None, BeforeValidator(_finite)]
Ratio = Annotated[float | None, BeforeValidator(_finite_or_none)]


class Part(BaseModel):
    """A part of the report. Unknown fields are ignored, so that older readers keep working."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Submission(Part):
    path: Text = Field(description="Relative to the working directory when below it.")
    sha256: Text = Field(description="Of the file's bytes; empty where they could not be read.")
    harness: Text = Field(description="kernelbench, gpu-mode, pair or unknown.")
    entry: Text = Field(description="The name the harness calls; empty where it is unknown.")
    why: list[Text] = Field([], description="How harness, entry and reference were recognised.")


class Speedup(Part):
    """Baseline time over submission time; the interval is at 95 %."""

    claimed: Ratio = None
    audited: Ratio = None
    low: Ratio = None
    high: Ratio = None
    inflation: Ratio = Field(None, description="Claimed over audited.")

    @classmethod
    def of(cls, speedup: FoundSpeedup) -> "Speedup":
        return cls(
            claimed=speedup.claimed,
            audited=speedup.audited,
            low=speedup.low,
            high=speedup.high,
            inflation=speedup.inflation,
        )


class Point(Part):
    """The speedup over one baseline at one workload."""

    baseline: Text = Field(description="eager, compile or compile-graphs.")
    workload: dict[Text, int | float | Text | bool] = Field(
        {}, description="What differs from the claim's; `cast` is a dtype, `constant x` a size."
    )
    ratio: Ratio = None
    low: Ratio = None
    high: Ratio = None
    blocks: int = 0
    note: Text = Field("", description="Why there is no number.")

    @classmethod
    def of(cls, point: FoundPoint) -> "Point":
        return cls(
            baseline=point.baseline,
            workload=dict(point.workload),
            ratio=point.ratio,
            low=point.low,
            high=point.high,
            blocks=point.n,
            note=point.note,
        )


class JudgeReply(Part):
    """One question put to a language model; what it says here has not been checked."""

    ballot: int
    reading: Text = Field(description="plain, raw or measured: what of the source was shown.")
    window: int = Field(description="Which part of a long file, from 0.")
    model: Text
    verdict: Text | None = Field(description="clean, suspicious, hack or cannot_tell; or null.")
    confidence: int | None = Field(description="As stated, 0 to 100.")
    failure: Text = Field("", description="Why there is no answer.")
    cached: bool = False

    @classmethod
    def of(cls, reply: FoundReply) -> "JudgeReply":
        said = reply.of_submission
        return cls(
            ballot=reply.ballot,
            reading=reply.reading.value,
            window=reply.window,
            model=reply.model,
            verdict=said.verdict if said else None,
            confidence=said.confidence if said else None,
            failure=reply.failure,
            cached=reply.cached,
        )


class Judge(Part):
    """What a language model was asked and said; its findings are among `findings`."""

    models: list[Text]
    prompt_version: Text
    written_by: Text = Field("", description="The model that wrote the submission, as told.")
    replies: list[JudgeReply]
    benign_explanations: list[Text] = Field([], description="Unchecked words of the model.")
    silence: Text = Field("", description="Why it was not asked, or not to the end.")
    tokens: int = 0
    usd: Ratio = Field(None, description="Null where the model's prices are not set.")

    @classmethod
    def of(cls, testimony: FoundTestimony) -> "Judge":
        return cls(
            models=list(testimony.models),
            prompt_version=testimony.prompt_version,
            written_by=testimony.written_by,
            replies=[JudgeReply.of(reply) for reply in testimony.replies],
            benign_explanations=explanations(testimony),
            silence=testimony.silence,
            tokens=testimony.tokens,
            usd=testimony.usd,
        )


class Roofline(Part):
    """The time of one call beside the least that the device's peaks allow; the interval at 95 %."""

    bound: Text = Field(description="memory, compute or launch: what the floor is made of.")
    share: Ratio = Field(description="floor_us over time_us: 1 is as fast as the device allows.")
    floor_us: float
    time_us: float
    low_us: float
    high_us: float
    device: Text = Field(description="What the peaks are of.")

    @classmethod
    def of(cls, found: "FoundRoofline") -> "Roofline":
        return cls(
            bound=found.floor.bound.value,
            share=found.share,
            floor_us=found.floor.us,
            time_us=found.time.us,
            low_us=found.time.low_us,
            high_us=found.time.high_us,
            device=found.device,
        )


class Verdict(Part):
    label: Text = Field(
        description="genuine, inconclusive, degenerate-problem, suspect, shortcut, broken or hack."
    )
    family: Text | None = Field(description="What the strongest finding behind the label attacks.")
    p_hack: float = Field(
        ge=0, le=1, description="Probability of a hack, given the policy's prior."
    )
    speedup: Speedup
    sentence: Text = Field("", description="The verdict in words.")
    caps: list[Text] = Field([], description="Why the label could not be genuine.")

    @classmethod
    def of(cls, verdict: FoundVerdict) -> "Verdict":
        return cls(
            label=verdict.label.value,
            family=verdict.family.value if verdict.family else None,
            p_hack=verdict.p_hack,
            speedup=Speedup.of(verdict.speedup),
            sentence=verdict.sentence,
            caps=list(verdict.caps),
        )


class Span(Part):
    """Lines and columns count from 1, in characters; the end is exclusive."""

    path: Text
    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of(cls, span: FoundSpan, path: str) -> "Span":
        return cls(
            path=path,
            line=span.line,
            column=span.column,
            end_line=span.end_line,
            end_column=span.end_column,
        )


class Finding(Part):
    id: Text = Field(description="What was found; stable across versions.")
    source: Text = Field(description="Who found it: static, or a probe or detector.")
    family: Text
    severity: Text = Field(description="note, suspicious or hack: how bad it is, if true.")
    confidence: Text = Field(description="low, medium or high: how often such a finding is true.")
    claim: Text = Field(description="A sentence that is true or false of this submission.")
    span: Span | None = None
    measured: dict[Text, Measured] = Field({}, description="Each key ends in its unit.")
    hard: bool = Field(False, description="Replayable proof, which decides alone.")

    @classmethod
    def of(cls, finding: FoundFinding, path: str) -> "Finding":
        return cls(
            id=finding.id,
            source=finding.source,
            family=finding.family.value,
            severity=finding.severity.name.lower(),
            confidence=finding.confidence.name.lower(),
            claim=finding.claim,
            span=Span.of(finding.span, path) if finding.span else None,
            measured=dict(finding.measured),
            hard=finding.hard,
        )


class Abstention(Part):
    source: Text
    reason: Text
    decisive: bool = Field(True, description="Whether genuine is out of reach without it.")

    @classmethod
    def of(cls, abstention: FoundAbstention) -> "Abstention":
        return cls(source=abstention.source, reason=abstention.reason, decisive=abstention.decisive)


class Report(Part):
    """One audit, as `--format json` writes it and `screen` writes it a line."""

    schema_version: Text
    submission: Submission
    verdict: Verdict
    findings: list[Finding]
    abstentions: list[Abstention]
    points: list[Point] = Field([], description="Other baselines and workloads.")
    judge: Judge | None = Field(None, description="Null where nobody asked for it.")
    roofline: Roofline | None = Field(
        None, description="How near it comes to what the device allows; null where not known."
    )
    provenance: dict[Text, Measured]

    @classmethod
    def of(cls, audit: "Audit") -> "Report":
        """The report of a finished audit."""
        submission, task, verdict = audit.request.submission, audit.request.task, audit.verdict
        said = audit.evidence.testimony
        path = shown_path(submission.path)
        return cls(
            schema_version=SCHEMA_VERSION,
            submission=Submission(
                path=path,
                sha256=submission.digest,
                harness=task.harness,
                entry=task.entry,
                why=list(task.why),
            ),
            verdict=Verdict.of(verdict),
            findings=[Finding.of(finding, path) for finding in verdict.findings],
            abstentions=[Abstention.of(abstention) for abstention in verdict.abstentions],
            points=[Point.of(point) for point in audit.points],
            judge=Judge.of(said) if said else None,
            roofline=Roofline.of(audit.roofline) if audit.roofline else None,
            provenance=dict(audit.provenance),
        )

    def plain(self) -> Mapping[str, Any]:
        """The report as JSON's own types."""
        return self.model_dump(mode="python")


class Json:
    """The report as indented JSON."""

    def render(self, audit: "Audit") -> str:
        return json.dumps(Report.of(audit).plain(), indent=2, allow_nan=False) + "\n"


def line(audit: "Audit") -> str:
    """The same object on one line, for `screen`."""
    return json.dumps(Report.of(audit).plain(), allow_nan=False) + "\n"


def schema() -> str:
    """The JSON Schema of `Report`, as docs/report-schema.json holds it."""
    return json.dumps(Report.model_json_schema(), indent=2) + "\n"
