"""Whatever comes back: an answer that can be checked, or a reason why not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_judge import Scripted, answer, pair
from test_judge import claimed, of_submission

from integrity.judge.checks import checked
from integrity.judge.contract import AnswerPair, parsed
from integrity.judge.errors import Unusable
from integrity.judge.listing import Line
from integrity.judge.wording import techniques
from integrity.testimony import Answer, Observation

SHOWN = {1: Line(1, "import torch", 1), 2: Line(2, "    return kept[key]", 9)}
ROWS = sorted(techniques())

TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(["import torch", "return kept[key]", ""]))
NUMBERS = st.one_of(st.integers(), st.integers(0, 3), st.floats(), st.just(10**400), st.none())
OBSERVATIONS = st.fixed_dictionaries(
    {"line": NUMBERS, "quote": TEXTS, "technique_id": st.one_of(TEXTS, st.sampled_from(ROWS))}
)
ANSWERS = st.fixed_dictionaries(
    {
        "observations": st.lists(OBSERVATIONS, max_size=4),
        "benign_explanations": st.lists(TEXTS, max_size=3),
        "verdict": st.one_of(
            st.sampled_from(["clean", "suspicious", "hack", "cannot_tell"]), TEXTS
        ),
        "confidence": NUMBERS,
        "injection_attempt": st.one_of(st.booleans(), TEXTS),
    }
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
REPLIES = st.one_of(
    st.text(),
    st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    JSON.map(json.dumps),
    st.fixed_dictionaries({"file_a": ANSWERS, "file_b": ANSWERS}).map(json.dumps),
    st.fixed_dictionaries({"file_a": ANSWERS, "file_b": ANSWERS, "more": JSON}).map(json.dumps),
)


@settings(max_examples=100, deadline=None)
@given(REPLIES)
def test_any_text_is_an_answer_or_unusable(text: str) -> None:
    try:
        made = parsed(text)
    except Unusable:
        return
    for part in (made.file_a, made.file_b):
        plain = part.plain()
        assert 0 <= plain.confidence <= 100
        assert checked(plain, SHOWN).verdict in {"clean", "suspicious", "hack", "cannot_tell"}


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_any_text_from_a_judge_ends_in_findings_or_an_abstention(text: str) -> None:
    findings, abstentions = claimed(Scripted(lambda asked: text))
    assert not any(finding.hard for finding in findings)
    assert findings or abstentions


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_any_answer_beside_a_right_canary_ends_in_findings_or_an_abstention(
    said: dict[str, Any],
) -> None:
    findings, abstentions = claimed(Scripted(lambda asked: of_submission(asked, said)))
    assert not any(finding.hard for finding in findings)
    assert all(finding.span and finding.span.line >= 1 for finding in findings if finding.span)
    assert len(abstentions) <= 1


def test_reasons_come_before_the_verdict() -> None:
    fields = list(AnswerPair.model_json_schema()["$defs"]["AnswerPart"]["properties"])
    assert fields == [
        "observations", "benign_explanations", "verdict", "confidence", "injection_attempt",
    ]  # fmt: skip


def test_numbers_out_of_bounds_are_clamped() -> None:
    made = parsed(pair(answer("hack", confidence=900), answer("clean", confidence=-3)))
    assert (made.file_a.plain().confidence, made.file_b.plain().confidence) == (100, 0)


@pytest.mark.parametrize(
    "quote", ["import torch", "  import torch  "], ids=["as shown", "indented otherwise"]
)
def test_a_quote_at_its_line_survives(quote: str) -> None:
    said = Answer((Observation(1, quote, "A1"),), (), "hack", 90, False)
    assert checked(said, SHOWN).verdict == "hack"


@pytest.mark.parametrize(
    ("line", "quote", "row"),
    [
        (2, "import torch", "A1"), (1, "import", "A1"), (1, "import  torch", "A1"),
        (1, "", "A1"), (3, "import torch", "A1"), (1, "import torch", "A11"),
        (1, "import torch", ""),
    ],
)  # fmt: skip
def test_what_does_not_stand_is_dropped_and_the_verdict_with_it(
    line: int, quote: str, row: str
) -> None:
    said = Answer((Observation(line, quote, row),), (), "hack", 90, False)
    assert checked(said, SHOWN).sightings == ()
    assert checked(said, SHOWN).verdict == "cannot_tell"


def test_a_clean_verdict_that_quotes_nothing_is_worth_nothing() -> None:
    assert checked(Answer((), (), "clean", 100, False), SHOWN).verdict == "cannot_tell"


def test_the_rows_a_judge_may_name_are_those_of_the_taxonomy() -> None:
    page = (Path(__file__).parents[1] / "docs" / "taxonomy.md").read_text()
    rows = re.findall(r"^\| ([A-J]\d+) \| (.+?) \|", page, re.MULTILINE)
    assert dict(rows) == techniques()
