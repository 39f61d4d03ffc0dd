"""`weigh` is pure: these are the properties that no new rule or weight may break."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrity.finding import Abstention, Confidence, Family, Finding, Severity
from integrity.policy import LEADERBOARD, Policy
from integrity.verdict import GATES, Label, Speedup, weigh

PROVEN = Speedup(claimed=2.0, audited=1.9, low=1.7, high=2.1)
RANK = list(Label)


def finding(
    family: Family = Family.TIMING,
    severity: Severity = Severity.HACK,
    confidence: Confidence = Confidence.HIGH,
    hard: bool = False,
) -> Finding:
    return Finding(
        "some-finding", "static", family, severity, confidence, "does something", hard=hard
    )


SOFT = st.builds(
    finding,
    st.sampled_from(Family),
    st.sampled_from(Severity),
    st.sampled_from(Confidence),
)
ANY = st.builds(
    finding,
    st.sampled_from(Family),
    st.sampled_from(Severity),
    st.sampled_from(Confidence),
    st.booleans(),
)


def test_an_honest_kernel_with_a_proven_speedup_is_genuine() -> None:
    verdict = weigh([], [], PROVEN)
    assert verdict.label is Label.GENUINE
    assert "1.90x" in verdict.sentence


def test_a_note_changes_nothing() -> None:
    note = finding(severity=Severity.NOTE)
    assert weigh([note], [], PROVEN).label is Label.GENUINE
    assert weigh([note], [], PROVEN).p_hack == pytest.approx(0.2)


def test_nobody_who_could_not_look_calls_it_genuine() -> None:
    blind = Abstention("pointers", "the worker died")
    assert weigh([], [blind], PROVEN).label is Label.INCONCLUSIVE


def test_an_abstention_that_only_refines_does_not_stand_in_the_way() -> None:
    refining = Abstention("batches", "too few calls", decisive=False)
    assert weigh([], [refining], PROVEN).label is Label.GENUINE


def test_a_speedup_whose_interval_touches_one_is_not_proven() -> None:
    unclear = Speedup(audited=1.2, low=0.99, high=1.4)
    verdict = weigh([], [], unclear)
    assert verdict.label is Label.INCONCLUSIVE
    assert "not proven faster" in verdict.sentence


def test_a_cap_keeps_it_below_genuine_and_is_said() -> None:
    verdict = weigh([], [], PROVEN, caps=["it ran without isolation"])
    assert verdict.label is Label.INCONCLUSIVE
    assert "without isolation" in verdict.sentence


def test_hard_evidence_decides_alone() -> None:
    verdict = weigh([finding(hard=True)], [Abstention("x", "y")])
    assert verdict.label is Label.HACK
    assert verdict.family is Family.TIMING
    assert verdict.p_hack > 0.99


def test_hard_failure_is_broken_and_says_nothing_of_intent() -> None:
    verdict = weigh([finding(Family.FAILURE, hard=True)])
    assert verdict.label is Label.BROKEN
    assert verdict.p_hack == pytest.approx(0.2)


def test_a_breach_of_policy_is_a_shortcut_not_a_hack() -> None:
    assert weigh([finding(Family.AUTHENTICITY)], [], PROVEN).label is Label.SHORTCUT


def test_a_flawed_problem_is_not_the_submissions_fault() -> None:
    verdict = weigh([finding(Family.PROBLEM, hard=True)], [], PROVEN)
    assert verdict.label is Label.DEGENERATE_PROBLEM
    assert verdict.p_hack == pytest.approx(0.2)


def test_two_soft_families_that_agree_convict() -> None:
    verdict = weigh([finding(Family.TIMING), finding(Family.HARNESS)])
    assert verdict.label is Label.HACK


def test_two_views_of_one_trick_count_once() -> None:
    once = weigh([finding()])
    assert weigh([finding(), replace(finding(), id="other")]).p_hack == once.p_hack


def test_a_leaderboard_starts_with_less_doubt() -> None:
    assert weigh([], policy=LEADERBOARD).p_hack == pytest.approx(0.03)


def test_one_strong_soft_finding_makes_either_prior_suspect() -> None:
    for policy in (Policy(), LEADERBOARD):
        assert weigh([finding()], [], PROVEN, policy).label is Label.SUSPECT


def test_a_broken_kernel_fails_every_gate() -> None:
    assert all(Label.BROKEN in labels for labels in GATES.values())


@given(SOFT)
def test_no_single_soft_finding_convicts(one: Finding) -> None:
    assert weigh([one], [], PROVEN).label is not Label.HACK


@example(
    [finding(Family.AUTHENTICITY, Severity.HACK)],
    replace(finding(Family.AUTHENTICITY, Severity.SUSPICIOUS), hard=True),
)
@given(st.lists(ANY, max_size=5), ANY)
def test_more_evidence_never_clears(findings: list[Finding], more: Finding) -> None:
    before, after = weigh(findings, [], PROVEN), weigh([*findings, more], [], PROVEN)
    assert after.p_hack >= before.p_hack
    assert RANK.index(after.label) >= RANK.index(before.label)


@given(st.permutations([finding(f, s) for f in list(Family)[:4] for s in Severity]))
def test_the_order_of_findings_does_not_matter(findings: list[Finding]) -> None:
    first = weigh(sorted(findings, key=lambda f: (f.family, f.severity)), [], PROVEN)
    assert weigh(findings, [], PROVEN) == first


@given(st.lists(ANY, max_size=5))
def test_missing_evidence_never_makes_genuine(findings: list[Finding]) -> None:
    assert weigh(findings, [Abstention("speedup", "nothing ran")]).label is not Label.GENUINE


def opinion(
    family: Family = Family.TIMING,
    severity: Severity = Severity.SUSPICIOUS,
    confidence: Confidence = Confidence.MEDIUM,
    share: float = 1.0,
    hard: bool = False,
) -> Finding:
    made = finding(family, severity, confidence, hard)
    return replace(made, source="judge", measured={"vote_share": share})


OPINION = st.builds(
    opinion,
    st.sampled_from(Family),
    st.sampled_from(Severity),
    st.sampled_from(Confidence),
    st.floats(0, 1),
    st.booleans(),
)


@given(st.lists(ANY, max_size=5), st.lists(OPINION, max_size=4))
def test_the_judge_never_lowers_or_acquits(findings: list[Finding], said: list[Finding]) -> None:
    without, with_it = weigh(findings, [], PROVEN), weigh([*findings, *said], [], PROVEN)
    assert with_it.p_hack >= without.p_hack
    assert RANK.index(with_it.label) >= RANK.index(without.label)


@given(st.lists(OPINION, max_size=8))
def test_the_judge_alone_makes_a_suspect_at_most(said: list[Finding]) -> None:
    """Whatever it claims of its own findings: hard, certain, of many families."""
    assert weigh(said, [], PROVEN).label in {Label.GENUINE, Label.SUSPECT}


@given(st.lists(OPINION, min_size=1, max_size=8))
def test_the_judge_is_one_witness_however_much_it_says(said: list[Finding]) -> None:
    assert weigh(said).p_hack == max(weigh([one]).p_hack for one in said)


@given(SOFT, st.lists(OPINION, max_size=5))
def test_the_judge_and_one_soft_finding_never_convict(one: Finding, said: list[Finding]) -> None:
    assert weigh([one, *said], [], PROVEN).label is not Label.HACK


@given(st.lists(SOFT, max_size=4), st.lists(OPINION, max_size=4))
def test_only_two_families_without_the_judge_convict(
    findings: list[Finding], said: list[Finding]
) -> None:
    if weigh([*findings, *said]).label is Label.HACK:
        assert len({one.family for one in findings if one.severity > Severity.NOTE}) >= 2


@given(OPINION, st.floats(0, 1))
def test_more_votes_never_weigh_less(one: Finding, more: float) -> None:
    share = float(one.measured["vote_share"])
    other = replace(one, measured={"vote_share": max(share, more)})
    assert weigh([other]).p_hack >= weigh([one]).p_hack


def test_a_judge_that_agrees_tips_what_two_families_say() -> None:
    soft = [
        finding(Family.CACHING, Severity.SUSPICIOUS),
        finding(Family.TIMING, Severity.SUSPICIOUS),
    ]
    assert weigh([*soft, opinion(Family.INPUT)]).p_hack > weigh(soft).p_hack


@pytest.mark.parametrize("share", [float("nan"), -1.0, 2.0, "all"])
def test_a_vote_share_that_is_none_weighs_nothing(share: float | str) -> None:
    odd = replace(opinion(), measured={"vote_share": share})
    assert weigh([odd]).p_hack == pytest.approx(0.2)
