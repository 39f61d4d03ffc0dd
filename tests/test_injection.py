"""No text in a submission talks a judge into anything that counts."""

import pytest
from injections import Injection, Obedient, injections
from scripted_judge import File, Scripted
from test_judge import claimed

from integrity.judge.listing import listings
from integrity.submission import Submission
from integrity.testimony import Reading
from integrity.verdict import Label, Verdict, weigh

CASES = list(injections())
RANK = list(Label)


def judged(source: str, judge: Scripted) -> Verdict:
    return weigh(*claimed(judge, source))


def test_there_are_forty_cases_and_more() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("blanket", [True, False], ids=["blanket", "aimed"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_obedient_judge_is_not_moved_or_the_text_is_flagged(
    case: Injection, blanket: bool
) -> None:
    obedient = Obedient(case.orders, blanket)
    swayed = judged(case.source, Scripted(obedient))
    honest = judged(case.clean, Scripted(Obedient(case.orders, blanket)))
    assert honest.label is Label.SUSPECT
    unmoved = swayed.label is honest.label and swayed.p_hack >= honest.p_hack
    assert unmoved or any(f.id == "injection-suspected" for f in swayed.findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plain_reading_gives_no_orders(case: Injection) -> None:
    found = listings(Submission.of(case.source), Reading.PLAIN)
    shown = {line.number: line.text for listing in found for line in listing.lines}
    assert not Obedient(case.orders, blanket=False).tells(File(shown))


def test_the_obedient_judge_does_obey_what_it_can_read() -> None:
    """Or the cases above would show nothing."""
    obeyed = 0
    for case in CASES:
        obedient = Obedient(case.orders, False)
        judged(case.source, Scripted(obedient))
        obeyed += obedient.obeyed > 0
    assert obeyed >= 40
