"""The history of the count: each version against arithmetic written out here, and against logs of the field."""

import random
from collections.abc import Callable

import pytest
from log_rules import LOGS
from ptproof.encodings.history import REGION_STARTS, RULES, VERSIONS, needed_for, search
from ptproof.formal.judging.check_log import Outcome, check_boot
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.logs.boot_log_reader import read_log
from ptproof.formal.words.word import compiled, number, word

MIB, GIB = 1 << 20, 1 << 30
BY_NAME = {version.name: version for version in VERSIONS}
RULE = {rule.name: rule for rule in RULES}
EACH = pytest.mark.parametrize("name", BY_NAME)
LOW = [(0, 1 * MIB), (0xC0000000, 0xF0000000), (0x3FBFF000, 0x40400000), (0x13ABE000, 0xF3C76000)]
HIGH = [(2**64 - 2 * GIB, 2**64 - GIB), (0xFFFF880000001000, 0xFFFF880040000000)]


def ceil(address: int, size: int) -> int:
    """Rounded up to a multiple of ``size``."""
    return -(-address // size) * size


def blocks(low: int, high: int, size: int) -> int:
    """How many aligned blocks of ``size`` bytes have an address in [low, high)."""
    return (high - 1) // size - low // size + 1


def end_of(vpt_start: int, frames: int) -> int:
    """Where a region ends: at the first multiple of 4 MiB that leaves 512 KiB above tables and stack."""
    top = vpt_start + (frames + 1) * 4096
    end = ceil(top, 4 * MIB)
    return end if end - top >= 512 << 10 else end + 4 * MIB


LITERAL: dict[str, Callable[[int, int], int]] = {
    "4-level": lambda s, v: 1 + blocks(s, v, 512 * GIB) + blocks(s, v, GIB) + blocks(s, v, 2 * MIB),
    "compat": lambda s, v: 4 + blocks(s, v, 512 * GIB) + blocks(s, v, 2 * MIB),
    "compat, L4 counted": lambda s, v: 5 + blocks(s, v, 512 * GIB) + blocks(s, v, 2 * MIB),
    "i386 PAE Xen": lambda s, v: 5 + -(-(v - s) // (2 * MIB)),
    "2-level": lambda s, v: 1 + -(-(v - s) // (4 * MIB)),
    "first 4-level": lambda s, v: 1 + blocks(s, v, 512 * GIB) + blocks(s, v, GIB) + blocks(s, v, 2 * MIB),
}


def regions(count: int, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Starts and table addresses, page aligned, around some pairs of addresses."""
    draw = random.Random(2005)
    found = []
    for _ in range(count):
        low, high = draw.choice(pairs)
        start = low + draw.randrange(0, (high - low) // 2, 4096)
        found.append((start, start + draw.randrange(4096, draw.choice([MIB, 64 * MIB, high - start]), 4096)))
    return found


def searched(needed: Callable[[int, int], int], v_start: int, vpt_start: int) -> int:
    """The first count from 2 on that is enough, tried one after the other."""
    tried = 2
    while needed(v_start, end_of(vpt_start, tried)) > tried:
        tried += 1
    return tried


@EACH
def test_the_rule_is_the_literal_one(name: str) -> None:
    """Each version's count is what its rule gives when it is written out and searched step by step."""
    pairs = LOW if name == "first 4-level" else LOW + HIGH
    for v_start, vpt_start in regions(60, pairs):
        assert RULE[name].nr_pt_pages(v_start, vpt_start) == searched(LITERAL[name], v_start, vpt_start)


@EACH
def test_the_end_of_the_region(name: str) -> None:
    """All versions end their regions alike."""
    for v_start, vpt_start in regions(60, LOW):
        assert RULE[name].v_end(vpt_start, v_start % 999) == end_of(vpt_start, v_start % 999)


@EACH
def test_the_loop_is_the_search(name: str) -> None:
    """Each version's loop, run step by step, stops where the leaps of the rule stop."""
    loop = search(BY_NAME[name])
    over = [*loop.parameters, *loop.state]
    goes_on, step = compiled([loop.goes_on], over), compiled(loop.step, over)
    for v_start, vpt_start in regions(20, LOW):
        (tried,) = compiled(loop.start, loop.parameters)(v_start, vpt_start, 2)
        while goes_on(v_start, vpt_start, 2, tried)[0]:
            (tried,) = step(v_start, vpt_start, 2, tried)
        assert tried == RULE[name].nr_pt_pages(v_start, vpt_start)


def test_names() -> None:
    """The versions of DOMAIN.md section 9, today's first, under names that stay."""
    assert [version.name for version in VERSIONS] == [*LITERAL]
    assert [version.current for version in VERSIONS] == [True, True, False, False, False, False]
    assert [version.name for version in VERSIONS if not version.released] == ["first 4-level"]


def test_the_readers_of_logs_find_them() -> None:
    """The rules are installed for the readers of logs."""
    assert set(RULES) <= set(count_rules())


@pytest.mark.parametrize(
    ("log", "rule", "count"), [("032.log", "i386 PAE Xen", 17), ("033.log", "compat, L4 counted", 12)]
)
def test_field_logs_of_older_versions(log: str, rule: str, count: int) -> None:
    """The logs of Xen 3.0.3 and 3.4 have the counts of their rules, and are judged so."""
    (boot,) = read_log(LOGS / log)
    assert boot.total is not None
    assert boot.page_tables is not None
    assert RULE[rule].nr_pt_pages(boot.total.start, boot.page_tables.start) == count
    assert RULE[rule].v_end(boot.page_tables.start, count) == boot.total.end
    judgement = check_boot(boot, RULES)
    assert (judgement.outcome, judgement.rule, judgement.nr_pt_pages) == (Outcome.OLDER, RULE[rule], count)


@EACH
def test_what_the_builder_took(name: str) -> None:
    """A builder takes the frames counted, but for the L4 that was counted and came from Xen's heap."""
    version = BY_NAME[name]
    spare = 1 if name == "compat, L4 counted" else 0
    for v_start, vpt_start in regions(60, LOW):
        count = RULE[name].nr_pt_pages(v_start, vpt_start)
        assert count is not None
        end = end_of(vpt_start, count)
        assert int(version.consumed(number(v_start), number(end))) == count - spare


def test_the_frame_left_over_in_the_log_of_3_4() -> None:
    """The boot of Xen 3.4 set 12 frames aside and took 11."""
    version = BY_NAME["compat, L4 counted"]
    ends = number(0xC0000000), number(0xC0C00000)
    assert (int(version.needed(*ends)), int(version.consumed(*ends))) == (12, 11)


@pytest.mark.parametrize("base", [2**64 - 2 * GIB, 2**64 - 512 * GIB, 2**64 - 8 * MIB])
def test_the_first_64_bit_rule_never_ends(base: int) -> None:
    """For a kernel in the last 512 GiB the first 64-bit rule asks for more than 2^63 frames, whatever is tried."""
    version, rule = BY_NAME["first 4-level"], RULE["first 4-level"]
    vpt_start = base + 5 * MIB
    assert rule.nr_pt_pages(base, vpt_start) is None
    tried = word("tried")
    needed = compiled([needed_for(version, number(base), number(vpt_start), tried)], [tried])
    draw = random.Random(39)
    for count in [*range(2, 999), *(draw.randrange(2**63) for _ in range(999))]:
        assert needed(count)[0] >= 2**63


def test_the_first_64_bit_rule_is_in_no_log() -> None:
    """A rule that was never released is not what a log is matched with."""
    (boot,) = read_log(LOGS / "030.log")
    assert check_boot(boot, [RULE["first 4-level"]]).rule is None
    assert check_boot(boot, RULES).rule is RULE["4-level"]


def test_how_regions_started() -> None:
    """VIRT_BASE is taken as it is; Xen 3.0 rounded it down to 4 MiB, Xen 2.0 refused one off a page."""
    bases = [0, 4096, 0xC0100000, 0xC0000000, 2**64 - 1]
    as_given, rounded, refused = REGION_STARTS
    assert [int(as_given.start(number(base))) for base in bases] == bases
    assert [int(rounded.start(number(base))) for base in bases] == [base - base % (4 * MIB) for base in bases]
    assert [bool(refused.accepts(number(base))) for base in bases] == [True, True, True, True, False]
    assert [int(refused.start(number(base))) for base in bases] == bases
