"""What follows the mapping loop in the shapes that it had in older Xens: a real tree is changed back to each, and then beyond it."""

import re
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.proofs.source.builder import fill_up, mapping, physmap, read_only_walk
from ptproof.proofs.source.builder.pieces import made
from real_trees import assert_said, source_of
from tree_changes import Edit, PieceChange, in_p2m, in_walk

pytestmark = pytest.mark.usefixtures("shared_answers")

PIECES = {**fill_up.PIECES, **mapping.PIECES, **physmap.PIECES, **read_only_walk.PIECES}
WALK, P2M = fill_up.WALK, physmap.FUNCTION


def moved_into_the_builder(name: str, renamed: Mapping[str, str], text: str) -> str:
    """The text with a function's statements where the builder calls it, its variables being the builder's own."""
    found = re.search(rf"static __init void {name}\([^{{]*\{{\n(.*?)\n\}}\n", text, re.DOTALL)
    assert found is not None
    body = re.sub(
        r"\n    [^\n=]*\*page[^;]*;|\n?    unsigned long count;|, \*l4start = [^;]*;", "", f"\n{found[1]}"
    )
    body = re.sub(r"l[1-4]_pgentry_t \*(pl[1-4]e) = ", r"\1 = ", body)
    body = re.sub(r"l4_pgentry_t \*pl4e(?=\s)", "", body)
    for one, other in {"flush_flags": "&flush_flags", **renamed}.items():
        body = re.sub(rf"\b{one}\b", other, body)
    body = re.sub(r"\bpl([1-4])e\b", r"l\1tab", body)
    without = text[: found.start()] + text[found.end() :]
    put, places = re.subn(rf"{name}\(d, [^;]*;", lambda _: body, without)
    assert places == 1
    return put


def own_p2m(text: str) -> str:
    """The p2m mapped by the builder itself, with a variable for where a step is."""
    inside = moved_into_the_builder(P2M, {}, text)
    gate = r"(if \( parms\.p2m_base != UNSET_ADDR \)\s*\{)\s*pfn = [^;]*;(.*?)(?=\n    /\* Write the phys->machine)"
    found = re.search(gate, inside, re.DOTALL)
    assert found is not None
    steps = found[2].replace("while ( vphysmap_start", "while ( va")
    steps = re.sub(r"\bvphysmap_start\b(?! <= v_end)", "va", steps)
    return (
        inside[: found.start()]
        + f"{found[1]} unsigned long va = vphysmap_start;{steps}"
        + inside[found.end() :]
    )


OWN_WALK = partial(moved_into_the_builder, WALK, {})
HOLE = "l2_table_offset(HYPERVISOR_COMPAT_VIRT_START(d))"


def copied(
    first: str = HOLE, length: str = f"512 - {HOLE}", source: str = "compat_idle_pg_table_l2", slot: int = 3
) -> Edit:
    """Xen's own entries are copied by the builder."""
    return Edit(
        r"l2t = map_l2t_from_l3e.*?unmap_domain_page\(l2t\);",
        f"l2tab = l3e_to_l2e(l3start[{slot}]); memcpy(&l2tab[{first}], &{source}[7], ({length}) * sizeof(*l2tab));",
    )


def called_if(condition: str) -> Edit:
    """The walk is called on a condition."""
    return Edit(r"\n    (mark_pv_pt_pages_rdonly\(d, l4start)", rf"\n    if ( {condition} )\n    \1")


WIDE_TYPES = Edit(
    r"(?=static __init void mark_pv_pt_pages_rdonly)",
    "".join(
        f"#undef {name}\n#define {name} ({number}UL << 60)\n"
        for name, number in {
            **{f"PGT_l{level}_page_table": level for level in (1, 2, 3, 4)},
            "PGT_root_page_table": 4,
            "PGT_writable_page": 7,
            "PGT_type_mask": 15,
        }.items()
    ),
)
UNASSERTED = in_walk(r"ASSERT\(.*PGT_pae_xen_l2\)\)\);", "")
FIELD = Edit(r"domain_tot_pages\(d\)(?= \+\s*\(\(round_pgup)", "d->tot_pages")
SUPERPAGE = r"(?=vphysmap_start \+= 1UL << L2_PAGETABLE_SHIFT)"


def in_own_p2m(pattern: str, put: str) -> Callable[[str], str]:
    """An edit of what maps the p2m in the builder itself."""
    return Edit(rf"(unsigned long va = vphysmap_start;.*?){pattern}", rf"\g<1>{put}")


CHANGES = (
    PieceChange("copied", "fill-up-entries", COMPAT, "equal", [copied()]),
    PieceChange("copied, as to types", "fill-up-types", COMPAT, "equal", [copied()]),
    PieceChange("copied from below", "fill-up-entries", COMPAT, "differs", [copied(f"{HOLE} - 1")]),
    PieceChange("copied too few", "fill-up-types", COMPAT, "differs", [copied(length=f"511 - {HOLE}")]),
    PieceChange("copied into another", "fill-up-entries", COMPAT, "differs", [copied(slot=2)]),
    PieceChange(
        "copied from elsewhere", "fill-up-entries", COMPAT, "not understood", [copied(source="idle_pg_table")]
    ),
    PieceChange("copied as it counts", "fill-up-entries", COMPAT, "not understood", [copied(length="i++")]),
    PieceChange(
        "copied in a step",
        "physmap-entries",
        X86_64,
        "not understood",
        [in_p2m(SUPERPAGE, "memcpy(&pl3e[1], &compat_idle_pg_table_l2[0], 8); ")],
    ),
    PieceChange(
        "copied in a visit",
        "walk-pages",
        X86_64,
        "not understood",
        [in_walk(r"(?=/\* Iterate)", "memcpy(&pl3e[1], &compat_idle_pg_table_l2[0], 8); ")],
    ),
    PieceChange(
        "Xen's own entries in a visit",
        "walk-pages",
        COMPAT,
        "not understood",
        [in_walk(r"(?=/\* Iterate)", "init_xen_pae_l2_slots(pl2e, d); ")],
    ),
    PieceChange(
        "copied in a round",
        "mapping-entries",
        X86_64,
        "not understood",
        [
            Edit(
                r"(?=mpt_alloc \+= PAGE_SIZE;\s*clear_page\(l2tab\);\s*if)",
                "memcpy(&l3tab[1], &compat_idle_pg_table_l2[0], 8); ",
            )
        ],
    ),
    PieceChange("called for PV", "walk-guard", X86_64, "equal", [called_if("is_pv_domain(d)")]),
    PieceChange("called for some", "walk-guard", X86_64, "not understood", [called_if("nr_pages > 5")]),
    PieceChange(
        "called for some", "fill-up-frames", COMPAT, "not understood", [called_if("!is_pv_domain(d)")]
    ),
    PieceChange("wider types", "mapping-types", X86_64, "older", [WIDE_TYPES]),
    PieceChange("wider types", "fill-up-types", COMPAT, "older", [WIDE_TYPES]),
    PieceChange("wider types", "walk-pages", X86_64, "older", [WIDE_TYPES]),
    PieceChange("wider types", "physmap-types", X86_64, "older", [WIDE_TYPES]),
    PieceChange("wider types, as to references", "physmap-references", X86_64, "equal", [WIDE_TYPES]),
    PieceChange(
        "wider types in the p2m alone",
        "physmap-types",
        X86_64,
        "differs",
        [in_p2m("PGT_l2_page_table", "(2UL << 60)")],
    ),
    PieceChange(
        "wider types in the walk alone",
        "walk-pages",
        COMPAT,
        "differs",
        [in_walk(r"PGT_type_mask\) ==", "(15UL << 60)) ==")],
    ),
    PieceChange("by itself", "fill-up-frames", COMPAT, "equal", [OWN_WALK]),
    *(
        PieceChange("by itself", name, COMPAT if name == "walk-pages" else X86_64, "equal", [OWN_WALK])
        for name in ("walk-start", "walk-guard", "walk-cursors", "walk-pages", "walk-asserts")
    ),
    PieceChange("by itself, unasserted", "walk-asserts", COMPAT, "older", [UNASSERTED, OWN_WALK]),
    PieceChange(
        "by itself, from elsewhere",
        "walk-start",
        X86_64,
        "differs",
        [OWN_WALK, Edit(r"(l4tab = l4start \+ l4_table_offset\()vpt_start", r"\1v_start")],
    ),
    PieceChange(
        "by itself, on another L1",
        "walk-cursors",
        X86_64,
        "differs",
        [OWN_WALK, Edit(r"map_l1t_from_l2e\(\*l2tab\)(?=;\s*\})", "map_l1t_from_l2e(*l3tab)")],
    ),
    PieceChange(
        "by itself, with the stack's end",
        "walk-guard",
        X86_64,
        "not understood",
        [OWN_WALK, Edit(r"(?=l4tab = l4start \+ l4_table_offset\(vpt_start)", "nr_pt_pages++; ")],
    ),
    PieceChange("pages by a field", "physmap-guard", X86_64, "equal", [FIELD]),
    PieceChange("pages by a field", "physmap-steps", X86_64, "equal", [FIELD]),
    PieceChange(
        "pages by a field that is written",
        "physmap-guard",
        X86_64,
        "not understood",
        [FIELD, in_p2m(SUPERPAGE, "d->tot_pages++; ")],
    ),
    PieceChange(
        "pages of another domain",
        "physmap-guard",
        X86_64,
        "not understood",
        [FIELD, in_p2m(r"(?=while \( vphysmap_start)", "d = d->next_in_list; ")],
    ),
    PieceChange(
        "superpages noted",
        "physmap-entries",
        X86_64,
        "equal",
        [in_p2m(SUPERPAGE, "if ( opt_allow_superpage ) get_superpage(page, d); ")],
    ),
    PieceChange(
        "superpages noted, as to references",
        "physmap-references",
        X86_64,
        "equal",
        [in_p2m(SUPERPAGE, "if ( opt_allow_superpage ) get_superpage(page_to_mfn(page), d); ")],
    ),
    PieceChange(
        "a table is noted as a superpage",
        "physmap-references",
        X86_64,
        "differs",
        [in_p2m(r"(?=clear_page\(pl1e\);)", "get_superpage(page_to_mfn(page), d); ")],
    ),
    *(PieceChange("by itself", name, X86_64, "equal", [own_p2m]) for name in physmap.PIECES),
    PieceChange(
        "by itself, if there is none",
        "physmap-start",
        X86_64,
        "differs",
        [own_p2m, Edit(r"p2m_base != (?=UNSET_ADDR \)\s*\{ unsigned long va)", "p2m_base == ")],
    ),
    PieceChange(
        "by itself, a page further on",
        "physmap-start",
        X86_64,
        "differs",
        [own_p2m, Edit(r"unsigned long va = vphysmap_start", r"\g<0> + PAGE_SIZE")],
    ),
    PieceChange(
        "by itself, by another root",
        "physmap-start",
        X86_64,
        "differs",
        [
            own_p2m,
            Edit(
                r"(?=if \( parms.p2m_base != UNSET_ADDR \)\s*\{ unsigned)",
                "l4start = map_domain_page(_mfn(5)); ",
            ),
        ],
    ),
    PieceChange(
        "by itself, with room for two tables",
        "physmap-guard",
        X86_64,
        "differs",
        [own_p2m, in_own_p2m("3 > nr_pages", "2 > nr_pages")],
    ),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.name}: {change.piece}")
def test_an_older_shape_is_read(change: PieceChange) -> None:
    """As it is meant; and what is beside it isn't."""
    source = source_of(change)
    (piece,) = made({change.piece: PIECES[change.piece]}, source, change.mode)
    assert_said(piece, change.verdict)
