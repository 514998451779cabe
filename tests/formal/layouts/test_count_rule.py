"""Counting rules as the readers of logs see them: which Xens have which."""

import pytest
from log_rules import RULES
from ptproof.formal.layouts.count_rule import Version, count_rules, may_be_of

BY_NAME = {rule.name: rule for rule in RULES}


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ((2, 0, 7), {"2-level"}),
        ((3, 0), {"2-level", "i386 PAE Xen", "4-level"}),
        ((3, 1, 4), {"2-level", "i386 PAE Xen", "4-level", "compat, L4 counted"}),
        ((4, 1, 6), {"i386 PAE Xen", "4-level", "compat, L4 counted"}),
        ((4, 2, 0), {"i386 PAE Xen", "4-level", "compat, L4 counted"}),
        ((4, 2), {"i386 PAE Xen", "4-level", "compat, L4 counted", "compat"}),
        ((4, 2, 1), {"i386 PAE Xen", "4-level", "compat"}),
        ((4, 3), {"4-level", "compat"}),
        ((4, 17, 5), {"4-level", "compat"}),
    ],
)
def test_rules_of_a_version(version: Version, names: set[str]) -> None:
    """Each Xen has the rules that DOMAIN.md section 9 says; a version without its patch level may be any."""
    assert {name for name, rule in BY_NAME.items() if rule.may_be_of((version, version))} == names
    installed = [rule for rule in count_rules() if rule.released]
    assert {rule.name for rule in installed if rule.may_be_of((version, version))} == names


@pytest.mark.parametrize(
    ("these", "those", "common"),
    [
        (((3, 4), (4, 12)), ((4, 2, 1), (99,)), True),
        (((3, 2), (3, 3)), ((3, 1), (4, 1)), True),
        (((3, 2), (3, 3)), ((4, 2, 0), (4, 2, 0)), False),
        (((4, 13), (99,)), ((3, 1), (4, 1)), False),
        (((4,), (4,)), ((4, 20), (99,)), True),
    ],
)
def test_ranges_in_common(
    these: tuple[Version, Version], those: tuple[Version, Version], common: bool
) -> None:
    """Two ranges have a version in common, or not, whichever comes first."""
    assert may_be_of(these, those) is may_be_of(those, these) is common


def test_todays_rules_come_first() -> None:
    """Of the installed rules today's come first."""
    current = [rule.current for rule in count_rules()]
    assert current == sorted(current, reverse=True)
    assert any(current)
