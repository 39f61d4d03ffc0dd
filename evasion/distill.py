"""From what judges keep quoting to a rule, if it passes the honest and kills its mutants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from textwrap import indent

from integrity.corpora import cases
from integrity.detectors.judge import FAMILIES, Judge
from integrity.errors import CannotJudge
from integrity.evasion.engine import mutants
from integrity.evidence import Evidence
from integrity.judge.wording import techniques
from integrity.rules import all_rules
from integrity.rules.pattern import Pattern, pattern_of
from integrity.rules.source import Source
from integrity.submission import Submission

KILLED = 0.9
"""Share of a hack's mutants that a proposal must still report."""

MAX_EXAMPLES = 6
NOTHING = Pattern()


@dataclass(frozen=True, slots=True)
class Quoted:
    """A line that survived the comparison with the source."""

    technique_id: str
    submission: Submission
    line: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that would be, or why there is none."""

    technique_id: str
    submissions: int
    pattern: Pattern = NOTHING
    rejected: str = ""
    killed: int = 0
    mutants: int = 0
    text: str = ""
    """The rule's file; empty where it was rejected."""

    @property
    def file_name(self) -> str:
        return f"distilled_{self.technique_id.lower()}.py"


def quoted(evidence: Evidence) -> Iterator[Quoted]:
    """Surviving observations of a majority that accuses."""
    try:
        found = list(Judge().detect(evidence))
    except CannotJudge:
        return
    for finding in found:
        if finding.span and finding.id.startswith("judged-"):
            row = finding.id.removeprefix("judged-").upper()
            yield Quoted(row, evidence.submission, finding.span.line)


def proposals(evidence: Iterable[Evidence], least: int) -> Iterator[Proposal]:
    """One for each technique that at least so many different submissions were quoted for."""
    rows: dict[str, dict[str, Quoted]] = defaultdict(dict)
    for each in evidence:
        for one in quoted(each):
            rows[one.technique_id].setdefault(one.submission.digest, one)
    recurring = {row: list(found.values()) for row, found in rows.items() if len(found) >= least}
    honest = list(_honest()) if recurring else []
    for row, found in sorted(recurring.items()):
        yield _proposal(row, found, honest)


def _proposal(row: str, found: Sequence[Quoted], honest: Sequence[Source]) -> Proposal:
    count = len(found)
    patterns = [_at(one) for one in found]
    common = patterns[0]
    for pattern in patterns[1:]:
        common &= pattern
    if not common:
        return Proposal(row, count, rejected="the quoted lines have no call or write in common")
    pattern = common
    for source in honest:
        pattern -= pattern_of(source)
    if not pattern:
        return Proposal(row, count, common, "honest kernels do all that the quoted lines share")
    killed, total = _killed(pattern, found)
    if killed < KILLED * total:
        share = f"{killed} of {total}"
        return Proposal(row, count, pattern, f"it reports {share} mutants only", killed, total)
    return Proposal(row, count, pattern, "", killed, total, _file(row, pattern, found))


def _at(one: Quoted) -> Pattern:
    source = _source(one.submission.text, one.submission.path)
    return pattern_of(source, one.line) if source else NOTHING


def _source(text: str, path: Path) -> Source | None:
    """The parsed source; None where it is not Python that can be followed."""
    try:
        return Source(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _honest() -> Iterator[Source]:
    """Every honest kernel of the corpus, and every look-alike of every rule."""
    kernels = [case.kernel for case in cases() if case.honest]
    texts = [kernel.read_text() for kernel in kernels if kernel.suffix == ".py"]
    texts += [cleandoc(example) for rule in all_rules() for example in rule.HONEST]
    for text in texts:
        if source := _source(text, Path("kernel.py")):
            yield source


def _killed(pattern: Pattern, found: Sequence[Quoted]) -> tuple[int, int]:
    killed = total = 0
    for one in found:
        for mutant in mutants(one.submission.text, one.submission.digest):
            source = _source(mutant.text, one.submission.path)
            total += 1
            killed += source is not None and any(True for _ in pattern.found(source))
    return killed, total


def _twins(row: str) -> list[str]:
    """Honest kernels that resemble the technique."""
    every = list(cases())
    named = {case.twin for case in every if case.row == row and case.twin}
    own = [case for case in every if case.honest and (case.row == row or case.id in named)]
    return [case.kernel.read_text() for case in own if case.kernel.suffix == ".py"]


def _file(row: str, pattern: Pattern, found: Sequence[Quoted]) -> str:
    """A module for `rules/`, in the form of its neighbours."""
    what = techniques()[row]
    hacks = [one.submission.text for one in found[:MAX_EXAMPLES]]
    honest = _twins(row)[:MAX_EXAMPLES] or ["def kernel(x, launch):\n    return launch(x)\n"]
    return TEMPLATE.format(
        row=row,
        what=what,
        id=f"distilled-{row.lower()}",
        family=FAMILIES[row[0]].name,
        count=len(found),
        calls=sorted(pattern.calls),
        writes=sorted(pattern.writes),
        methods=sorted(pattern.methods),
        hacks=_listed(hacks),
        honest=_listed(honest),
    )


def _listed(sources: Sequence[str]) -> str:
    """Sources as literals, a line of text a line: nothing in one can end its literal."""
    return "\n".join(
        indent("(\n" + "\n".join(f"    {line!r}" for line in _lines(text)) + "\n),", " " * 8)
        for text in sources
    )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True) or [""]


TEMPLATE = '''\
"""{what} Proposed by `integrity distill`: read it before it becomes a rule."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.pattern import Pattern
from integrity.rules.rule import Rule
from integrity.rules.source import Source


class Distilled{row}(Rule):
    """Does what {count} submissions did that judges quoted for row {row}.

    Why it is a hack: {what}

    Known misses: the same by other calls than those of `PATTERN`.

    Source: docs/taxonomy.md, row {row}; lines that judges quoted.
    """

    id = "{id}"
    family = Family.{family}
    severity = Severity.SUSPICIOUS
    confidence = Confidence.LOW

    PATTERN = Pattern(
        calls=frozenset({calls}),
        writes=frozenset({writes}),
        methods=frozenset({methods}),
    )

    HACKS = [
{hacks}
    ]
    HONEST = [
{honest}
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for node, what in self.PATTERN.found(source):
            yield self.finding(source.span(node), what)
'''
