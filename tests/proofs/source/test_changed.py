"""Changes to the count, as people make them: each is proved for all inputs, or refuted by a layout, with no lemma for it."""

from collections.abc import Iterator, Mapping

import pytest
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.c.values import Unknown
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.prover import prove
from ptproof.formal.logic.verdict import Proved, Refuted, Verdict
from ptproof.formal.source import check_tree
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.formal.source.questions import Piece
from ptproof.proofs.source import changed_cases
from ptproof.proofs.source.changed import properties
from ptproof.proofs.source.changed_cases import Cases
from ptproof.proofs.source.changed_lemmas import Generic
from ptproof.proofs.source.questions import inquiry
from ptproof.proofs.source.terms import count_of
from small_tree import BUILDER, FILES, Change, changed, files
from tree_changes import CHANGES

pytestmark = pytest.mark.usefixtures("shared_answers")

END = "v_end = (vstack_end + (1UL << 22) - 1) & ~((1UL << 22) - 1);"
MORE = "v_end += 1UL << 22;"
LEFT = "v_end - vstack_end < (512UL << 10)"
START = "nr_pt_pages = 2; ; nr_pt_pages++"
TABLES = "vpt_end = vpt_start + nr_pt_pages * PAGE_SIZE;"
STACK = "vstack_end = vstack_start + PAGE_SIZE;"
L1 = "NR(v_start, v_end, L2_PAGETABLE_SHIFT)) <= nr_pt_pages"
BODY = FILES[BUILDER].partition("#define NR")[2].partition("        if ( (!compat")[0]
NEEDED = (
    "!compat + NR(v_start, v_end, L4_PAGETABLE_SHIFT) + (!compat ? NR(v_start, v_end, L3_PAGETABLE_SHIFT) : 4) + "
    "NR(v_start, v_end, L2_PAGETABLE_SHIFT)"
)
BREAK = "            break;\n    }"


def block(text: str) -> Change:
    """Another count of the blocks that a region touches."""
    return changed(BODY, f"(low, high, shift) ({text})\n")


def rounded(shift: int, padding: str = "512UL << 10") -> tuple[Change, ...]:
    """Another rounding, and another padding."""
    return (
        changed(END, END.replace("22", str(shift))),
        changed(MORE, f"v_end += 1UL << {shift};"),
        changed("512UL << 10", padding),
    )


def raised(tries: int) -> tuple[Change, ...]:
    """From the fewest tables there are, raised to what is needed, so many times at most."""
    return (
        changed(START, f"nr_pt_pages = compat ? 6 : 4, tries = 0; tries < {tries}; tries++"),
        changed(BREAK, f"            break;\n        nr_pt_pages = {NEEDED};\n    }}"),
    )


COUNTED_FIRST = (
    changed(f"for ( {START} )", "nr_pt_pages = 1;\n    do"),
    changed(TABLES, f"nr_pt_pages++; {TABLES}"),
    changed("        if ( (!compat", "    } while ( (!compat"),
    changed("<= nr_pt_pages )\n" + BREAK, "> nr_pt_pages );"),
)

PROVED: dict[str, tuple[Change, ...]] = {
    "starts at 3": (changed(START, START.replace("2", "3")),),
    "starts at the fewest tables": (changed(START, START.replace("2", "compat ? 6 : 4")),),
    "rounds to 2 MiB": rounded(21),
    "rounds to 1 GiB": rounded(30, "3UL << 20"),
    "pads with 1 MiB": rounded(22, "1UL << 20"),
    "doesn't round": (changed(END, "v_end = vstack_end + (512UL << 10);"), changed(LEFT, "0")),
    "raises to what is needed": (
        changed(START, "nr_pt_pages = 2; ; "),
        changed(BREAK, f"            break;\n        nr_pt_pages = {NEEDED};\n    }}"),
    ),
    "counts before it tries": COUNTED_FIRST,
    "gives up above a limit": (changed(STACK, f'{STACK} if ( nr_pt_pages > 9999 ) panic("many");'),),
    "counts inclusively": (block("(((high) - 1) >> (shift)) - ((low) >> (shift)) + 1"),),
    "ends in one step": (
        changed(END, "v_end = (vstack_end + (512UL << 10) + (1UL << 22) - 1) & -(1UL << 22);"),
        changed(LEFT, "0"),
    ),
}
REFUTED: dict[str, tuple[str, PagingMode, tuple[Change, ...]]] = {
    "starts above the fewest": ("exact", X86_64, (changed(START, START.replace("2", "compat ? 7 : 5")),)),
    "goes up by two": ("exact", COMPAT, (changed(START, START.replace("++", " += 2")),)),
    "rounds to 2 MiB, adds 4": ("exact", X86_64, (changed(END, END.replace("22", "21")),)),
    "forgets the L4": ("exact", X86_64, (changed("(!compat + NR", "(NR"),)),
    "forgets the L3": ("exact", COMPAT, (changed("NR(v_start, v_end, L4_PAGETABLE_SHIFT) +", ""),)),
    "forgets the L1": ("exact", X86_64, (changed(f"+\n              {L1}", ") <= nr_pt_pages"),)),
    "three L2 for compat": ("exact", COMPAT, (changed(" : 4)", " : 3)"),)),
    "mixes up the guests": ("exact", COMPAT, (changed("(!compat + NR", "(compat + NR"),)),
    "the shift of another level": (
        "exact",
        X86_64,
        (changed("NR(v_start, v_end, L3_PAGETABLE_SHIFT)", "NR(v_start, v_end, L4_PAGETABLE_SHIFT)"),),
    ),
    "the shift of no level": (
        "exact",
        X86_64,
        (changed("NR(v_start, v_end, L4_PAGETABLE_SHIFT)", "NR(v_start, v_end, 48)"),),
    ),
    "counts by length": ("exact", X86_64, (block("((high) - (low) + (1UL << (shift)) - 1) >> (shift)"),)),
    "rounds down": ("exact", COMPAT, (block("((high) >> (shift)) - ((low) >> (shift))"),)),
    "one block too many": ("exact", X86_64, (block("((high) >> (shift)) - ((low) >> (shift)) + 1"),)),
    "counts from 0": ("exact", X86_64, (block("((high) + (1UL << (shift)) - 1) >> (shift)"),)),
    "goes on when it is enough": ("exact", X86_64, (changed(L1, L1.replace("<=", "<")),)),
    "one more in the end": ("exact", X86_64, (changed("tell(v_end);", "nr_pt_pages++; tell(v_end);"),)),
    "a late end": ("exact", X86_64, (changed("tell(v_end);", "v_end += PAGE_SIZE; tell(v_end);"),)),
    "a late line": ("exact", COMPAT, (changed("tell(v_end);", f"{MORE} tell(v_end);"),)),
    "no stack in it": ("fits", X86_64, (changed(END, END.replace("vstack_end", "vpt_end")),)),
    "less padding": ("fits", COMPAT, rounded(22, "256UL << 10")),
    "no padding": ("fits", X86_64, (changed(MORE, ";"),)),
    "a table less": (
        "consistent",
        X86_64,
        (changed(TABLES, TABLES.replace("nr_pt_pages *", "(nr_pt_pages - 1) *")),),
    ),
    "two pages of stack": (
        "consistent",
        COMPAT,
        (changed(STACK, STACK.replace("PAGE_SIZE", "2 * PAGE_SIZE")),),
    ),
    "the stack on the tables": (
        "consistent",
        X86_64,
        (changed("tell(v_end);", "vstack_start = vpt_start; tell(v_end);"),),
    ),
    "three raises at most": ("consistent", X86_64, raised(3)),
    "one raise at most": ("consistent", COMPAT, raised(1)),
}
FORMULAS: dict[str, tuple[Change, ...]] = {
    "six raises at most": raised(6),
    **{
        each.name: (each,)
        for each in CHANGES
        if each.name in ("applies the rule six times", "raises six times at most, rounds to 16 MiB")
    },
}


def decided(asked: Mapping[str, tuple[str, PagingMode, tuple[Change, ...]]]) -> dict[str, Verdict]:
    """The verdict on one property of each changed tree, all at once: what they rest on is proved once."""
    claims = []
    counts: dict[tuple[PagingMode, str], Iterator[Piece]] = {}
    for name, (what, mode, changes) in asked.items():
        key = mode, files(*changes)[BUILDER]
        if key not in counts:
            count = count_of(dom0_source(Tree("small", files(*changes).get)), mode)
            assert not isinstance(count, Unknown), f"{name}: {count}"
            counts[key] = properties(count)  # made as far as they are asked for, which is in their order
        piece = next(each for each in counts[key] if each.name == what)
        assert not isinstance(piece.asked, Unknown), f"{name}: {piece.asked}"
        claims.append(check_tree._claim(piece))
    decisions = prove(claims, jobs=2).decisions
    return {name: each.parts[0].verdict for name, each in zip(asked, decisions, strict=True)}


def test_changes_that_are_right_are_proved() -> None:
    """For all inputs: as many frames are set aside as the region takes."""
    found = decided({name: ("exact", X86_64, changes) for name, changes in PROVED.items()})
    assert {name: verdict for name, verdict in found.items() if not isinstance(verdict, Proved)} == {}


def test_changes_that_are_wrong_are_refuted() -> None:
    """By a layout, with the tree's own loop run on it, that the machine judges."""
    found = decided(REFUTED)
    assert {name: verdict for name, verdict in found.items() if not isinstance(verdict, Refuted)} == {}
    replays = [each.witness.replay for each in found.values() if isinstance(each, Refuted)]
    assert all(each.holds is False for each in replays)


def test_rules_that_are_applied_often_enough_are_proved() -> None:
    """One after the other, or until it is enough; with the tree's own rounding and padding, too."""
    wanted = {
        f"{name} {what}": (what, COMPAT, changes)
        for name, changes in FORMULAS.items()
        for what in ("exact", "fits")
    }
    found = decided(wanted)
    assert {name: verdict for name, verdict in found.items() if not isinstance(verdict, Proved)} == {}


def divided(*edits: tuple[str, str]) -> tuple[Change, ...]:
    """The three divisions, written otherwise."""
    change = next(each for each in CHANGES if each.name == "divides three times")

    def written(text: str) -> str:
        text = change(text)
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        return text

    return (written,)


def test_divisions_are_proved_however_they_are_written() -> None:
    """By quotient and remainder, of any divisor: no lemma knows of the closed form."""
    by_school = (
        (
            "(wanted % 133955071 % 261631 + 1021) / 1022",
            "wanted % 133955071 % 261631 / 1022 + !!(wanted % 133955071 % 261631 % 1022)",
        ),
        ("(lines + 255) / 256", "((lines - 1) >> 8) + 1"),
    )
    border = "(v_start & -(1UL << 39))"
    from_border = (
        (" - (v_start >> L4_PAGETABLE_SHIFT)", ""),
        ("(v_start >>", f"((v_start - {border}) >>"),
        ("(vpt_start + PAGE_SIZE + (512UL", f"(vpt_start - {border} + PAGE_SIZE + (512UL"),
    )
    found = decided(
        {
            "counted from a border": ("exact", COMPAT, divided(*from_border)),
            "shifts, and rounded up by what is left": ("exact", X86_64, divided(*by_school)),
        }
    )
    assert {name: verdict for name, verdict in found.items() if not isinstance(verdict, Proved)} == {}


def test_divisions_that_are_wrong_are_refuted() -> None:
    """By one page of a block, a level left out, the wrong way of rounding: a small layout shows it."""
    wrong = {
        "one page less of a block": divided(("261631", "261630")),
        "rounds down": divided(("261631 + 1021)", "261631)")),
        "a page more in the first line": divided(
            ("wanted > 1020 ? wanted - 1020", "wanted > 1021 ? wanted - 1021")
        ),
        "no L3": divided((" + (lines + 131071) / 131072;\n}\n", ";\n}\n")),
    }
    found = decided({name: ("exact", X86_64, change) for name, change in wrong.items()})
    assert {name: verdict for name, verdict in found.items() if not isinstance(verdict, Refuted)} == {}


def test_a_formula_that_no_proof_is_known_of_stays_open() -> None:
    """It is tried on numbers only, which is told."""
    product = divided(("wanted % 133955071 / 261631", "(wanted - wanted / 133955071 * 133955071) / 261631"))
    source = dom0_source(Tree("small", files(*product).get))
    (exact,) = [each for each in inquiry(source).properties(X86_64) if each.name == "exact"]
    assert isinstance(exact.asked, Unknown)
    assert "is exact on" in str(exact.asked)


def test_a_loop_that_goes_on_for_ever_is_refuted() -> None:
    """For a kernel in the last 512 GiB a block's number is taken off from 0."""
    change = next(each for each in CHANGES if each.name == "counts blocks by their numbers")
    (verdict,) = decided({change.name: ("stops", X86_64, (change,))}).values()
    assert isinstance(verdict, Refuted)
    assert verdict.witness.values["v_start"] == (1 << 64) - (2 << 30)


@pytest.mark.parametrize(
    ("changes", "stops"), [((), False), (REFUTED["forgets the L1"][2], True)], ids=["as it is", "wrong"]
)
def test_a_loop_is_run_where_it_stops(changes: tuple[Change, ...], stops: bool) -> None:
    """Not where it would still go on after all the rounds, and rightly so; where it wrongly stops before it is run."""
    count = count_of(dom0_source(Tree("small", files(*changes).get)), X86_64)
    assert not isinstance(count, Unknown)
    cases = Cases(Generic(count))
    small, large = cases.ran(0, 1 << 30), cases.ran(0, 1 << 40)
    assert small is not None
    assert (small["needed"] > small["n"]) is stops
    assert (large is not None) is stops


@pytest.mark.parametrize("name", ["gives up above a limit", "counts before it tries", "doesn't round"])
def test_rounds_that_are_leapt_over_stop_nowhere(name: str) -> None:
    """A loop stops where it does when it goes round by round."""
    count = count_of(dom0_source(Tree("small", files(*PROVED[name]).get)), X86_64)
    assert not isinstance(count, Unknown)
    cases = Cases(Generic(count))
    for place in range(60):
        start, tables_start = place << 37, (place << 37) + (place * place << 20) + (place << 12)
        (first,) = cases._start(start, tables_start)
        stopped = cases._rounds(start, tables_start, first, changed_cases.ROUNDS)
        found = cases.ran(start, tables_start)
        assert (None if found is None else (found["n"],)) == stopped
    assert cases._leapt(0, 1 << 31, 2, 4000) > 1000


def test_a_tree_is_judged_as_a_whole() -> None:
    """What isn't the encoding's count comes with its properties, proved or refuted."""
    right = check_tree.check_tree(Tree("small", files(*PROVED["starts at 3"]).get), seconds=60)
    assert right.status == 0
    assert {each.piece.name for each in right.properties} == {"exact", "least", "stops", "consistent", "fits"}
    assert all(each.proved for each in right.properties)
    wrong = check_tree.check_tree(Tree("small", files(*REFUTED["three L2 for compat"][2]).get), seconds=60)
    assert wrong.status == 1
    assert wrong.count_is(X86_64) == "4-level"
    assert any(each.refuted for each in wrong.properties)


def test_a_loop_that_lays_out_before_it_asks_is_read() -> None:
    """What a round has of the one before is what the count makes it: no state of its own."""
    change = next(each for each in CHANGES if each.name == "searches while it isn't enough")
    found = count_of(dom0_source(Tree("small", files(change).get)), X86_64)
    assert not isinstance(found, Unknown)
    assert found.plain
    assert found.tried_end is found.v_end

    def late(text: str) -> str:
        return change(text).replace("{\nnr_pt_pages++;", "{\nnr_pt_pages += 2; v_start += 0;")

    assert isinstance(count_of(dom0_source(Tree("small", files(late).get)), X86_64), Unknown)


def test_a_count_of_fewer_bits_is_told() -> None:
    """Its loop isn't one over words: a line says so."""
    narrow = changed(
        "unsigned long nr_pages, nr_pt_pages, tries;",
        "unsigned long nr_pages, tries; unsigned int nr_pt_pages;",
    )
    count = count_of(dom0_source(Tree("small", files(narrow).get)), X86_64)
    assert isinstance(count, Unknown)
    assert "nr_pt_pages isn't of 64 bits" in str(count)
