"""Frozen evidence: written by an audit, judged or run again later."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from integrity.audit import Audit, audit
from integrity.compiled import Compilation
from integrity.detectors.detector import Detector
from integrity.errors import BadInput
from integrity.evidence import Evidence
from integrity.finding import Finding
from integrity.request import Progress, Request
from integrity.run import Run
from integrity.testimony import Testimony

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 6
READABLE = {1, 2, 3, 4, 5, 6}
"""Format 2 added `compilation`; 3 baselines, the envelope and what a device was like; 4
`testimony`, traces, and for floors the work of a problem and the run `peaks`; 5 calls that spin or
lack the submission's kernels, lifetimes elsewhere, samples, and workloads that a search hides from
its proposer; 6 what a device was recorded doing,
outputs that are made when they are read, what became of a descriptor for results, and kernels as
they were launched."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What an evidence file holds: enough to run everything again, and what was found."""

    format: int
    request: Request
    """With the seed that was drawn, so that the same inputs come again."""

    runs: Mapping[str, Run]
    skipped: Mapping[str, str]
    unrun: str
    findings: tuple[Finding, ...]
    compilation: Compilation | None = None
    testimony: Testimony | None = None

    def evidence(self) -> Evidence:
        """As detectors read it, without running anything."""
        return Evidence(
            self.request.submission,
            self.request.task,
            self.request.policy,
            self.runs,
            self.unrun,
            self.skipped,
            self.request.claimed_speedup,
            self.compilation,
            self.testimony,
        )

    def hear(
        self, evidence: Evidence, detectors: Sequence[Detector], progress: Progress
    ) -> Evidence:
        """The evidence of another run with what the judge said in this one."""
        return replace(evidence, testimony=self.testimony)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Which of the recorded hard findings came back."""

    reproduced: tuple[Finding, ...]
    missing: tuple[Finding, ...]
    audit: Audit


def save(finished: Audit, path: Path) -> None:
    """Write an audit's evidence as JSON; the file appears whole or not at all.

    Raises:
        BadInput: the place can't be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(frozen(finished, indent=1))
        partial.replace(path)
    except OSError as error:
        raise BadInput(f"evidence can't be written to {path}: {error.strerror}") from error


def frozen(finished: Audit, indent: int | None = None) -> bytes:
    """An audit's evidence as JSON."""
    evidence = finished.evidence
    everything = Frozen(
        FORMAT,
        finished.request,
        evidence.runs,
        evidence.skipped,
        evidence.unrun,
        finished.verdict.findings,
        evidence.compilation,
        evidence.testimony,
    )
    return _adapter().dump_json(everything, indent=indent)


def load(path: Path) -> Frozen:
    """Read an evidence file.

    Raises:
        BadInput: no such file, or not one that `save` wrote.
    """
    from pydantic import ValidationError

    try:
        frozen = _adapter().validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"evidence {path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{path} is not an evidence file ({place}: {first['msg']}); "
            "write one with `integrity audit --evidence FILE`"
        ) from error
    if frozen.format not in READABLE:
        raise BadInput(f"{path} has evidence format {frozen.format}; this version reads {FORMAT}")
    return frozen


def replay(path: Path, progress: Progress = lambda step: None) -> Replayed:
    """Run the recorded experiments again, from the recorded seed; the judge is not asked again.

    Raises:
        BadInput: the file is no evidence, or this machine lacks what the audit needs.
    """
    frozen = load(path)
    whole = replace(frozen.request, budget_s=None)  # whatever was run then fits now
    again = audit(whole, progress, hear=frozen.hear)
    found = {(finding.id, finding.source) for finding in again.verdict.findings}
    hard = [finding for finding in frozen.findings if finding.hard]
    return Replayed(
        tuple(f for f in hard if (f.id, f.source) in found),
        tuple(f for f in hard if (f.id, f.source) not in found),
        again,
    )


def _adapter() -> "TypeAdapter[Frozen]":
    from pydantic import TypeAdapter  # 50 ms: imported where a file is read or written

    return TypeAdapter(Frozen)
