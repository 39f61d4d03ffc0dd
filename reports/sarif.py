"""The verdict as SARIF 2.1.0, for code scanning services."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from integrity import __version__
from integrity.finding import Finding, Severity, Span
from integrity.reports.description import Description
from integrity.reports.document import Report
from integrity.reports.visible import number, shown_path, source_line, visible

if TYPE_CHECKING:
    from integrity.audit import Audit

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Severity.NOTE: "note", Severity.SUSPICIOUS: "warning", Severity.HACK: "error"}
PRECISION = {"low": "medium", "medium": "high", "high": "very-high"}
SECURITY = {Severity.NOTE: "0.0", Severity.SUSPICIOUS: "5.0", Severity.HACK: "8.0"}
FINGERPRINT = "kernelIntegrity/v1"

Json = dict[str, Any]


class Sarif:
    """One SARIF run; `catalogue` says what each rule means."""

    def __init__(self, catalogue: Mapping[str, Description] | None = None) -> None:
        self._catalogue = catalogue or {}

    def render(self, audit: "Audit") -> str:
        log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [self._run(audit)]}
        return json.dumps(log, indent=2, allow_nan=False) + "\n"

    def _run(self, audit: "Audit") -> Json:
        findings = audit.verdict.findings
        rules = list(dict.fromkeys(finding.id for finding in findings))
        return {
            "tool": {"driver": self._driver(findings, rules)},
            "automationDetails": {"id": f"kernel-integrity/{_uri(audit)}/"},
            "columnKind": "unicodeCodePoints",
            "artifacts": [_artifact(audit)],
            "invocations": [_invocation(audit)],
            "results": _results(audit, rules),
            "properties": _verdict(audit),
        }

    def _driver(self, findings: Sequence[Finding], rules: Sequence[str]) -> Json:
        firsts = {finding.id: finding for finding in reversed(findings)}
        return {
            "name": "kernel-integrity",
            "semanticVersion": __version__,
            "informationUri": "https://pypi.org/project/kernel-integrity/",
            "rules": [self._rule(firsts[rule]) for rule in rules],
        }

    def _rule(self, finding: Finding) -> Json:
        known = self._catalogue.get(finding.id) or self._catalogue.get(finding.source)
        known = known or Description(finding.id, "detector", finding.id.replace("-", " "))
        return {
            "id": finding.id,
            "name": "".join(word.capitalize() for word in finding.id.split("-")),
            "shortDescription": {"text": known.summary},
            "fullDescription": {"text": known.text},
            "help": {"text": _help(known), "markdown": _help_markdown(known)},
            "defaultConfiguration": {"level": LEVELS[finding.severity]},
            "properties": {
                "tags": ["security", "reward-hacking", finding.family.value],
                "precision": PRECISION[finding.confidence.name.lower()],
                "problem.severity": LEVELS[finding.severity].replace("note", "recommendation"),
                "security-severity": SECURITY[finding.severity],
            },
        }


def _help(known: Description) -> str:
    examples = [("Reported", known.hack), ("Passed", known.honest)]
    return "\n\n".join([known.text, *(f"{name}:\n{text}" for name, text in examples if text)])


def _help_markdown(known: Description) -> str:
    examples = [("Reported", known.hack), ("Passed", known.honest)]
    blocks = (f"**{name}**\n\n````python\n{text}\n````" for name, text in examples if text)
    return "\n\n".join([known.text, *blocks])


def _results(audit: "Audit", rules: Sequence[str]) -> list[Json]:
    seen: dict[str, int] = {}
    results = []
    for finding in audit.verdict.findings:
        mark = _fingerprint(finding, audit)
        seen[mark] = seen.get(mark, 0) + 1
        result = {
            "ruleId": finding.id,
            "ruleIndex": rules.index(finding.id),
            "level": LEVELS[finding.severity],
            "message": {"text": _message(finding.claim)},
            "locations": [{"physicalLocation": _location(finding, audit)}],
            "partialFingerprints": {FINGERPRINT: f"{mark}:{seen[mark]}"},
            "properties": _evidence(finding),
        }
        results.append(result)
    return results


def _fingerprint(finding: Finding, audit: "Audit") -> str:
    """Of what was found and the code it was found in: it survives a move to another line."""
    span = finding.span
    code = source_line(audit.request.submission.text, span.line).strip() if span else ""
    return hashlib.sha256(f"{finding.id}\0{finding.source}\0{code}".encode()).hexdigest()[:32]


def _location(finding: Finding, audit: "Audit") -> Json:
    location: Json = {"artifactLocation": _artifact(audit)["location"]}
    if finding.span:
        location["region"] = _region(finding.span, audit.request.submission.text)
    return location


def _region(span: Span, source: str) -> Json:
    region: Json = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": max(span.line, span.end_line),
        "endColumn": span.end_column,
    }
    if line := source_line(source, span.line):
        region["snippet"] = {"text": line}
    return region


def _message(text: str) -> str:
    """Plain text: `[words](target)` would be a link in a SARIF message."""
    return visible(text).replace("](", "] (")


def _evidence(finding: Finding) -> Json:
    measured = {key: number(value) for key, value in finding.measured.items()}
    return {
        "source": finding.source,
        "family": finding.family.value,
        "confidence": finding.confidence.name.lower(),
        "hard": finding.hard,
        "measured": measured,
    }


def _artifact(audit: "Audit") -> Json:
    submission = audit.request.submission
    location: Json = {"uri": _uri(audit)}
    if not Path(shown_path(submission.path)).is_absolute():
        location["uriBaseId"] = "%SRCROOT%"
    return {"location": location, "hashes": {"sha-256": submission.digest}}


def _uri(audit: "Audit") -> str:
    path = shown_path(audit.request.submission.path)
    return ("file://" if Path(path).is_absolute() else "") + quote(path)


def _invocation(audit: "Audit") -> Json:
    """Abstentions are notifications: that nobody looked is not that nothing was found."""
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [
            {"level": "note", "message": {"text": _message(f"{one.source}: {one.reason}")}}
            for one in audit.verdict.abstentions
        ],
    }


def _verdict(audit: "Audit") -> Json:
    report = Report.of(audit).plain()
    return {name: report[name] for name in ("verdict", "roofline", "judge", "provenance")}
