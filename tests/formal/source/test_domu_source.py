"""The toolstack's builder as it is read of a real tree, held against what gcc makes of the same lines: on numbers, edges first."""

import ctypes
import re
import subprocess
from pathlib import Path
from random import Random

import pytest
from c_snippets import compiler
from ptproof.encodings import domu
from ptproof.formal.c.tree_files import opened
from ptproof.formal.c.values import Value
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE, X86_64, PagingMode
from ptproof.formal.logic.search import run
from ptproof.formal.source.domu_source import MAPS, DomuSource, counted, domu_source
from ptproof.formal.words.word import Truth, Word, compiled, evaluate, inputs, number, word
from real_trees import toolstack

BEFORE = """
#define NDEBUG
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
typedef uint64_t xen_vaddr_t, x86_pgentry_t;
typedef unsigned long xen_pfn_t;
#define PRIpfn "lx"
#define PAGE_SHIFT_X86 12
#define PAGE_SIZE_X86 (1UL << PAGE_SHIFT_X86)
#define PGTBL_LEVELS_I386 3
#define PGTBL_LEVEL_SHIFT_X86 9
#define DOMPRINTF(...) ((void)0)
#define xc_dom_panic(...) ((void)0)
struct elf_dom_parms { uint64_t virt_base; };
struct xc_dom_image {
    void *arch_private, *xch; struct elf_dom_parms *parms; xen_pfn_t p2m_size, pfn_alloc_end;
    xen_vaddr_t virt_alloc_end, virt_pgtab_end; unsigned int alloc_bootstack; int pgtables_seg;
};
static uint64_t aside;
static int xc_dom_alloc_segment(struct xc_dom_image *dom, int *segment, const char *name, xen_vaddr_t start, xen_vaddr_t size)
{ aside = size; return 0; }
"""
AFTER = """
static struct xc_dom_image_x86 x86;
static struct xc_dom_params params;
static struct elf_dom_parms parms;
static struct xc_dom_image dom = { .arch_private = &x86, .parms = &parms, .alloc_bootstack = 1 };
static void begin(unsigned int levels)
{
    memset(&x86, 0, sizeof(x86));
    x86.params = &params;
    params.levels = levels;
    params.vaddr_mask = bits_to_mask(levels == 4 ? 48 : 32);
}
void count(unsigned int levels, const uint64_t *in, uint64_t *out)
{
    begin(levels);
    dom.p2m_size = in[5];
    for ( int m = 0; m < 2; m++, x86.n_mappings++ )
    {
        out[6 * m] = count_pgtables(&dom, in[2 * m], in[2 * m + 1], in[4]) != 0;
        for ( int l = 0; l < 4; l++ )
            out[6 * m + 1 + l] = x86.maps[m].lvls[l].pgtables;
        out[6 * m + 5] = x86.maps[m].area.pgtables;
        if ( out[6 * m] )
            return;
    }
}
int tries(unsigned int levels, uint64_t v_start, uint64_t alloc_end, uint64_t *out)
{
    begin(levels);
    dom.p2m_size = -1UL;
    parms.virt_base = v_start;
    dom.virt_alloc_end = alloc_end;
    int refused = alloc_pgtables_pv(&dom);
    out[0] = dom.virt_pgtab_end, out[1] = aside;
    return refused;
}
"""
EDGES = (
    0,
    1,
    0x1FFFFF,
    0x200000,
    0x40000000,
    0xBFFFFFFF,
    0xC0000000,
    (1 << 39) - 1,
    1 << 39,
    (1 << 47),
    (1 << 48) - 1,
)


@pytest.fixture(scope="module")
def source() -> DomuSource:
    with opened(str(toolstack())) as tree:
        found = domu_source(tree)
    assert isinstance(found, DomuSource)
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The lines of the tree that count and try, between stubs for what they use."""
    text = (toolstack() / "tools/libs/guest/xg_dom_x86.c").read_text()
    macros = re.findall(r"^#define (?:bits_to_mask|round_\w+)\(.*", text, re.MULTILINE)
    structs = re.search(r"struct xc_dom_params \{.*?\nstruct xc_dom_image_x86 \{.*?\n\};", text, re.DOTALL)
    functions = re.search(r"static int count_pgtables\(.*?(?=\n/\* -)", text, re.DOTALL)
    assert structs
    assert functions
    folder: Path = tmp_path_factory.mktemp("toolstack")
    (folder / "count.c").write_text("\n".join([BEFORE, *macros, structs[0], functions[0], AFTER]))
    command = [compiler(), "-w", "-O1", "-shared", "-fPIC", "-o", "count.so", "count.c"]
    subprocess.run(command, check=True, cwd=folder)
    return ctypes.CDLL(str(folder / "count.so"))


def _address(random: Random) -> int:
    value = random.choice((random.choice(EDGES), random.getrandbits(random.choice((22, 32, 40, 48, 64)))))
    return (value + random.choice((0, 0, 1, -1, 0x1000, random.getrandbits(22)))) % (1 << 64)


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_gcc_counts_the_same(source: DomuSource, library: ctypes.CDLL, mode: PagingMode) -> None:
    """Both mappings, level by level, and whether they are refused."""
    levels = 4 if mode is X86_64 else 3
    names = [word(each) for each in ("v_start", "last", "p2m", "p2m_last", "pfn", "*dom.p2m_size")]
    v_start, last, p2m, p2m_last, pfn, _ = names
    first = counted(source, mode, v_start, last, pfn)
    second = counted(source, mode, p2m, p2m_last, pfn, first)
    terms: list[Word | Truth] = []
    for mapping, found in enumerate((first, second)):
        terms.append(found.leaves[-1][1])
        for place in (*(f"lvls[{level}].pgtables" for level in range(levels)), "area.pgtables"):
            value = found.value(f"{MAPS}[{mapping}].{place}")
            assert isinstance(value, Value)
            terms.append(value.term)
    assert set(inputs(terms)) <= set(names)
    reading = compiled(terms, names)
    random = Random(1)
    both = 0
    for _ in range(6000):
        case = [
            *(_address(random) for _ in range(4)),
            random.getrandbits(3),
            (1 << 52) + random.getrandbits(3),
        ]
        out = (ctypes.c_uint64 * 12)()
        library.count(levels, (ctypes.c_uint64 * 6)(*case), out)
        for mapping, mine in enumerate((reading(*case)[: levels + 2], reading(*case)[levels + 2 :])):
            theirs = out[6 * mapping : 6 * mapping + 6]
            assert mine[0] == (not theirs[0]), case
            if theirs[0]:
                break
            assert list(mine[1:-1]) == theirs[1 : 1 + levels], case
            assert mine[-1] == theirs[5], case
        else:
            both += 1
    assert both > 1000


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_gcc_ends_with_the_encodings_region(library: ctypes.CDLL, mode: PagingMode) -> None:
    """The loop as compiled, and the encoding's run to its end."""
    random = Random(2)
    for _ in range(500):
        start = random.choice((0, random.getrandbits(30), (1 << 64) - (2 << 30))) & -PAGE_SIZE
        start %= 1 << 64 if mode is X86_64 else 3 << 30
        end = start + (random.getrandbits(random.choice((23, 30 if mode is COMPAT else 36))) & -PAGE_SIZE)
        if end > (1 << 64) - (64 << 20):
            continue
        state = run(domu.search(mode), (start, end))
        assert state is not None
        last = domu.last_address(number(end), number(state[0]))
        tables = domu.tables(mode, number(start), last)
        out = (ctypes.c_uint64 * 2)()
        levels = 4 if mode is X86_64 else 3
        assert library.tries(levels, ctypes.c_uint64(start), ctypes.c_uint64(end), out) == 0
        assert list(out) == [(evaluate(last, {}) + 1) % (1 << 64), evaluate(tables, {}) * PAGE_SIZE]
