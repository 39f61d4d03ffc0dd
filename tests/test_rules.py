"""Every rule passes the HONEST look-alikes of all rules, and reports its own HACKS."""

from inspect import cleandoc
from pathlib import Path

import pytest

from integrity.finding import Finding
from integrity.rules import all_rules
from integrity.rules.rule import Rule
from integrity.rules.scan import scan

HONEST = [(rule, source) for rule in all_rules() for source in rule.HONEST]
HACKS = [(rule, source) for rule in all_rules() for source in rule.HACKS]


def scanned(source: str) -> list[Finding]:
    return scan(cleandoc(source), Path("kernel.py"))


def named(case: object) -> str | None:
    return case.id if isinstance(case, type) and issubclass(case, Rule) else None


@pytest.mark.parametrize(("rule", "source"), HONEST, ids=named)
def test_honest_look_alike_passes_the_rule_it_resembles(rule: type[Rule], source: str) -> None:
    read = scan(cleandoc(source), Path("kernel.py"), allows=rule.ALLOWED)
    assert [f.claim for f in read if f.id == rule.id] == []


@pytest.mark.parametrize(("rule", "source"), HONEST, ids=named)
def test_honest_look_alike_passes_every_other_rule(rule: type[Rule], source: str) -> None:
    # An example of three lines may have no kernel; that alone is no false alarm.
    assert [f.claim for f in scanned(source) if f.id != "no-authored-kernel"] == []


@pytest.mark.parametrize(("rule", "source"), HACKS, ids=named)
def test_hack_is_reported_by_its_own_rule_with_a_place(rule: type[Rule], source: str) -> None:
    read = scan(cleandoc(source), Path("kernel.py"), allows=rule.ALLOWED)
    found = [finding for finding in read if finding.id == rule.id]
    assert found
    assert all(f.span is not None and f.source == "static" and not f.hard for f in found)


@pytest.mark.parametrize("rule", all_rules(), ids=named)
def test_rule_documents_why_what_it_misses_and_where_it_is_from(rule: type[Rule]) -> None:
    text = rule.__doc__ or ""
    assert text.splitlines()[0].endswith(".")
    for section in ("Why it is a hack:", "Known misses:", "Source:"):
        assert section in text


@pytest.mark.parametrize("rule", all_rules(), ids=named)
def test_rule_is_named_in_kebab_case_like_its_file(rule: type[Rule]) -> None:
    assert rule.__module__ == f"integrity.rules.{rule.id.replace('-', '_')}"


def test_every_id_is_used_once() -> None:
    ids = [rule.id for rule in all_rules()]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)


@pytest.mark.parametrize("rule", all_rules(), ids=named)
def test_rule_carries_enough_examples_of_both_kinds(rule: type[Rule]) -> None:
    assert len(rule.HACKS) >= 3
    assert rule.HONEST
