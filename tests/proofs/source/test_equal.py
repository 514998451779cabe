"""Whether a tree's pieces are the encodings': each change is seen in the pieces that it changes, and in no other."""

import pytest
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.source.check_tree import Answer, TreeCheck, _decided, check_tree
from ptproof.formal.source.dom0_source import dom0_source
from ptproof.proofs.source.questions import inquiry
from small_tree import Change, changed, files

pytestmark = pytest.mark.usefixtures("shared_answers")

END = "v_end = (vstack_end + (1UL << 22) - 1) & ~((1UL << 22) - 1);"
COMPARED = "NR(v_start, v_end, L2_PAGETABLE_SHIFT)) <= nr_pt_pages"


def checked(*changes: Change) -> TreeCheck:
    return check_tree(Tree("small", files(*changes).get), seconds=60, jobs=1)


def compared(*changes: Change) -> tuple[Answer, ...]:
    """Count and layout of a tree against the encodings', for both sorts of guest; what else is proved of it isn't asked."""
    asked = inquiry(dom0_source(Tree("small", files(*changes).get)))
    return _decided((*asked.count, *asked.layout), seconds=60, jobs=1, progress=None, cache=None)


def differing(found: tuple[Answer, ...]) -> set[str]:
    """The pieces that aren't proved: each is refuted, and the machine saw it, or isn't understood."""
    return {each.piece.name for each in found if not each.proved}


def test_an_unchanged_tree_is_the_encoding() -> None:
    found = checked()
    assert differing((*found.count, *found.layout)) == set()
    assert found.count_is(X86_64) == "4-level"
    assert found.count_is(COMPAT) == "compat"
    assert found.layout_is(X86_64) == "4.10.1 to today"


SAME = {
    "another order of sums": changed(
        "vpt_start + nr_pt_pages * PAGE_SIZE", "(nr_pt_pages << PAGE_SHIFT) + vpt_start"
    ),
    "the end in one step": changed(
        END, "v_end = (vstack_end + (512UL << 10) + (4UL << 20) - 1) & -(4UL << 20); if ( 0 )"
    ),
    "names of its own": changed(
        "vstack_start = vpt_end;", "{ unsigned long n = vpt_end, g0 = n; vstack_start = g0; }"
    ),
    "a shadow": changed(
        "vstack_start = vpt_end;",
        "vstack_start = vpt_end; { unsigned long v_end = 3, nr_pt_pages = v_end; tell(nr_pt_pages); }",
    ),
    "more before": changed(
        "nr_pages = memory_of(d);", "nr_pages = memory_of(d) / 3; if ( nr_pages < 7 ) return 1;"
    ),
    "talk in between": changed(
        "vstack_start = vpt_end;", 'vstack_start = vpt_end; printk("%lu", nr_pt_pages);'
    ),
}


@pytest.mark.parametrize("name", sorted(SAME))
def test_what_means_the_same_is_equal(name: str) -> None:
    """However it is written."""
    assert differing(compared(SAME[name])) == set()


DIFFERING = {
    "first count": (changed("nr_pt_pages = 2;", "nr_pt_pages = 3;"), {"start"}),
    "step": (changed("nr_pt_pages++ )", "nr_pt_pages += 2 )"), {"step"}),
    "set aside": (changed("tell(v_end);", "nr_pt_pages++; tell(v_end);"), {"set-aside"}),
    "the stack lowered": (changed("tell(v_end);", "vstack_end -= PAGE_SIZE; tell(v_end);"), {"set-aside"}),
    "the stack on the tables": (
        changed("tell(v_end);", "vstack_start = vpt_start; tell(v_end);"),
        {"set-aside"},
    ),
    "the tables' end": (changed("tell(v_end);", "vpt_end = vpt_start; tell(v_end);"), {"set-aside"}),
    "rounding": (changed(END, END.replace("22", "21")), {"v_end"}),
    "padding": (changed("512UL << 10", "256UL << 10"), {"v_end"}),
    "no padding": (changed("v_end += 1UL << 22;", ";"), {"v_end"}),
    "a late end": (changed("tell(v_end);", "v_end += PAGE_SIZE; tell(v_end);"), {"v_end"}),
    "compared": (changed(COMPARED, COMPARED.replace("<=", "<")), {"guard"}),
    "level": (
        changed("NR(v_start, v_end, L4_PAGETABLE_SHIFT)", "NR(v_start, v_end, L3_PAGETABLE_SHIFT)"),
        {"guard"},
    ),
    "a level forgotten": (changed("!compat + NR", "NR"), {"guard"}),
    "compat's L2": (changed(" : 4)", " : 3)"), {"guard"}),
    "initrd": (
        changed("vinitrd_end = vinitrd_start + initrd_len;", "vinitrd_end = vinitrd_start + initrd_len + 1;"),
        {"initrd", "p2m", "start_info", "xenstore", "console", "page_tables"},
    ),
    "p2m's entries": (
        changed("(compat ? sizeof(uint32_t) : sizeof(uint64_t))", "sizeof(uint64_t)"),
        {"p2m", "start_info", "xenstore", "console", "page_tables"},
    ),
    "start info": (changed("vstartinfo_end += ", "vstartinfo_end = "), {"start_info"}),
    "tables": (changed("vpt_start = vconsole_end;", "vpt_start = vconsole_start;"), {"page_tables"}),
    "console": (
        changed(
            "vconsole_end = vconsole_start + PAGE_SIZE;", "vconsole_end = vconsole_start + PAGE_SIZE * 1;;"
        ),
        set(),
    ),
    "kernel": (
        changed("vkern_end = parms.virt_kend;", "vkern_end = parms.virt_kend | 1;"),
        {"kernel", "initrd", "p2m", "start_info", "xenstore", "console", "page_tables"},
    ),
    "region's start": (
        changed("v_start = parms.virt_base;", "v_start = parms.virt_base & PAGE_MASK;"),
        {"v_start"},
    ),
}


def test_an_end_cut_to_32_bits_differs() -> None:
    """It is refuted for a 64-bit dom0; a 32-bit one has no layout that the machine builds where it shows."""
    found = compared(changed("v_end += 1UL << 22;", "v_end = (unsigned int) v_end + (1UL << 22);"))
    assert differing(found) == {"v_end"}
    assert next(each.refuted for each in found if not each.proved)


@pytest.mark.parametrize("name", DIFFERING)
def test_a_difference_is_refuted_where_it_is(name: str) -> None:
    """By values that the machine confirms."""
    change, pieces = DIFFERING[name]
    found = compared(change)
    assert differing(found) == pieces
    assert all(each.refuted for each in found if not each.proved), [each.why for each in found if each.why]


NOT_UNDERSTOOD = {
    "asm": changed("v_end += 1UL << 22;", 'asm volatile ("" : "+r" (v_end));'),
    "a pointer": changed("v_end += 1UL << 22;", "{ unsigned long *p = &v_end; *p += 1UL << 22; }"),
    "an unknown option": changed(
        "v_end += 1UL << 22;", "v_end += 1UL << 22;\n#ifdef CONFIG_MORE\nv_end += PAGE_SIZE;\n#endif\n"
    ),
    "the sort of guest set anew": changed("tell(v_end);", "compat = 0; tell(v_end);"),
    "an unknown call": changed("v_end += 1UL << 22;", "v_end = raised(v_end);"),
    "a macro that is lacking": changed("v_end += 1UL << 22;", "RAISE(v_end);"),
    "a switch": changed("v_end += 1UL << 22;", "switch ( nr_pt_pages ) { case 3: v_end = 0; }"),
    "a label": changed("v_end += 1UL << 22;", "{ again: v_end += 1UL << 22; }"),
    "an early end": changed("vstack_start = vpt_end;", "vstack_start = vpt_end; if ( memory_of(d) ) break;"),
    "a parse error": changed("vstack_start = vpt_end;", "vstack_start = vpt_end; v_end = ) 3;"),
    "an address that is kept": changed("v_end += 1UL << 22;", "*at += 1UL << 22;"),
    "two loops": changed("tell(v_end);", "while ( v_end < memory_of(d) ) v_end += PAGE_SIZE; tell(v_end);"),
    "another variable": changed("nr_pt_pages++ )", "nr_pt_pages += tries++ )"),
    "floating": changed("v_end += 1UL << 22;", "v_end *= 1.5;"),
    "signed overflow": changed("nr_pt_pages++ )", "nr_pt_pages = (int) nr_pt_pages + 1 )"),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_equal_to_nothing(name: str) -> None:
    """And says where and why."""
    kept = changed("read_image(&parms);", "unsigned long *at = &v_end; read_image(&parms);")
    found = checked(kept, NOT_UNDERSTOOD[name])
    assert found.count_is(X86_64) is None
    assert found.count_is(COMPAT) is None
    assert found.status == 3
    assert any("dom0_build.c:" in each.why for each in found.count)
