"""What an older builder did, of logs whose figures were damaged: a finding, and no failure of the tool."""

import re

import pytest
from log_rules import LOGS
from ptproof.formal.judging.check_log import check_boot
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.logs.boot_log_reader import read_boots

DIGITS = re.compile(r"[0-9a-f]{16}")


@pytest.mark.parametrize("name", ["032.log", "033.log"])
def test_no_damaged_digit_makes_the_tool_fail(name: str) -> None:
    """Each digit of each address changed, one at a time: the figures are judged, whatever they are then."""
    text, rules = (LOGS / name).read_text(), count_rules()
    statuses = set[int]()
    for address in DIGITS.finditer(text):
        for at in range(address.start(), address.end()):
            digit = "1" if text[at] != "1" else "8"
            (boot,) = read_boots((text[:at] + digit + text[at + 1 :]).encode(), name)
            statuses.add(check_boot(boot, rules).status)
    assert statuses <= {0, 1, 2}
    assert 1 in statuses
