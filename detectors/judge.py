"""What a language model said of the source, as far as it survives a comparison with the source."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity, Span
from integrity.policy import Policy, Precision

if TYPE_CHECKING:
    from integrity.judge.checks import Checked, Sighting
    from integrity.judge.voting import Ballot
    from integrity.testimony import Testimony

FAMILIES = {
    "A": Family.TIMING, "B": Family.OUTPUT, "C": Family.CACHING, "D": Family.HARNESS,
    "E": Family.INPUT, "F": Family.PRECISION, "G": Family.AUTHENTICITY, "H": Family.NATIVE,
    "I": Family.OBFUSCATION, "J": Family.PROBLEM,
}  # fmt: skip
MAX_QUOTE = 120


class Judge:
    """Language models vote on the source, read once without anything that speaks to a reader.

    Nothing is asked here: the record of what was asked is read, and every quote in it compared with
    the source again. A majority that accuses becomes one soft finding a technique, which weighs by
    its share of the votes. It never convicts, acquits or lowers anything (docs/verdict.md). A
    submission whose comments make an accusation go away is `injection-suspected`.

    Known misses: whatever the models miss; hacks in strings, which only the raw reading shows.

    Source: docs/judge.md; TAXONOMY, the rows marked J, and I4.
    """

    id = "judge"
    decisive = False

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        testimony = evidence.testimony
        if testimony is None:
            return []  # nobody asked for it
        if not testimony.replies:
            raise CannotJudge(testimony.silence or "it was not asked")
        from integrity.judge import voting  # reads sources: not for audits without a judge

        entry = evidence.task.entry
        votes = voting.ballots(testimony, evidence.submission, entry)
        first = voting.valid(votes)
        verdict = voting.tally(first, testimony.votes)
        findings = list(self._injection(votes))
        if verdict in {"suspicious", "hack"}:
            later = voting.second_round(testimony, evidence.submission, entry)
            sure = Confidence.MEDIUM if verdict == "hack" else Confidence.LOW
            findings += self._accusations([*first, *later], sure, evidence)
        if not findings and verdict != "clean":
            raise CannotJudge(_why(votes, verdict, testimony))
        return findings

    def _accusations(
        self, every: Sequence["Checked"], sure: Confidence, evidence: Evidence
    ) -> Iterator[Finding]:
        """One finding a technique, by the share of all votes that name it with a quotation."""
        from integrity.judge.wording import techniques

        accusing = [vote for vote in every if vote.accuses]
        named = {sighting.technique_id for vote in accusing for sighting in vote.sightings}
        for technique in sorted(named):
            votes = [v for v in accusing if any(s.technique_id == technique for s in v.sightings)]
            sightings = [s for v in votes for s in v.sightings if s.technique_id == technique]
            severity = _severity(FAMILIES[technique[0]], evidence.policy)
            yield self._finding(
                f"judged-{technique.lower()}", FAMILIES[technique[0]], (severity, sure),
                f"resembles {technique} ({techniques()[technique].rstrip('.').lower()}), by "
                f"{len(votes)} of {len(every)} votes that quote {_quote(sightings[0])}",
                _span(sightings[0], evidence),
                vote_share=len(votes) / len(every), votes=len(every),
                stated_confidence_percent=max(vote.confidence for vote in votes),
            )  # fmt: skip

    def _injection(self, votes: Sequence["Ballot"]) -> Iterator[Finding]:
        read = [ballot for ballot in votes if ballot.plain is not None]
        silenced = sum(ballot.flips for ballot in read)
        turned = sum(ballot.flips_back for ballot in read)
        told = sum(ballot.raw is not None and ballot.raw.injection_attempt for ballot in read)
        if silenced:
            yield self._finding(
                "injection-suspected", Family.OBFUSCATION, (Severity.SUSPICIOUS, Confidence.LOW),
                "is judged otherwise once its comments, strings and names are read: "
                f"{silenced} of {len(read)} votes lose an accusation or a planted hack",
                vote_share=silenced / len(read), votes=len(read),
            )  # fmt: skip
        elif turned or told:
            yield self._finding(
                "injection-suspected", Family.OBFUSCATION, (Severity.NOTE, Confidence.LOW),
                "is judged otherwise once its comments, strings and names are read, or addresses "
                f"its reader, by {max(turned, told)} of {len(read)} votes",
                vote_share=max(turned, told) / len(read), votes=len(read),
            )  # fmt: skip

    def _finding(
        self, id: str, family: Family, strength: tuple[Severity, Confidence], claim: str,
        span: Span | None = None, **measured: float | int | str,
    ) -> Finding:  # fmt: skip
        return Finding(id, self.id, family, *strength, claim, span, measured)


def _severity(family: Family, policy: Policy) -> Severity:
    """Suspicious at most; a note where the policy allows it, or where the task is to blame."""
    permitted = {
        Family.PROBLEM: True,
        Family.AUTHENTICITY: policy.allow_library_only or policy.allow_fallback,
        Family.PRECISION: policy.precision is not Precision.REFERENCE,
    }
    return Severity.NOTE if permitted.get(family) else Severity.SUSPICIOUS


def _quote(sighting: "Sighting") -> str:
    text = sighting.line.text.strip()
    return f"`{text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE] + '...'}`"


def _span(sighting: "Sighting", evidence: Evidence) -> Span:
    line = sighting.line.source_line
    lines = evidence.submission.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Span(line, 1, line, len(lines[line - 1]) + 1)


def _why(votes: Sequence["Ballot"], verdict: str, testimony: "Testimony") -> str:
    """Why it has nothing to say."""
    if verdict:
        return "it can't tell: no verdict with a quotation that stands"
    if testimony.silence:
        return testimony.silence
    said = [ballot.plain.verdict for ballot in votes if ballot.plain is not None]
    failures = [ballot.failure for ballot in votes if ballot.failure]
    if failures and len(said) < testimony.votes:
        return failures[0]
    return f"its votes disagree: {', '.join(said)}"
