"""A small tree of sources in the shape of Xen's: written here, with the names that the tool looks for, and made to be changed."""

from collections.abc import Callable, Mapping
from pathlib import Path

FILES = {
    "xen/include/xen/config.h": """
#ifndef XEN_CONFIG_H
#define XEN_CONFIG_H
#define PAGE_SHIFT 12
#define PAGE_SIZE (1L << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define L2_PAGETABLE_SHIFT 21
#define L3_PAGETABLE_SHIFT 30
#define L4_PAGETABLE_SHIFT 39
#define UNSET_ADDR ((uint64_t)-1)
#define round_pgup(p) (((p) + (PAGE_SIZE - 1)) & PAGE_MASK)
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
extern void panic(const char *text, ...);
extern int printk(const char *text, ...);
#endif
""",
    "xen/include/xen/image.h": """
struct elf_dom_parms {
    uint64_t virt_base, virt_kstart, virt_kend;
    uint64_t p2m_base;
    bool unmapped_initrd;
};
struct start_info { char magic[32]; };
struct dom0_vga_console_info { char type; };
struct domain { int domain_id; };
static inline bool is_pv_32bit_domain(const struct domain *d) { return d->domain_id == 7; }
extern void read_image(struct elf_dom_parms *parms);
extern unsigned long memory_of(struct domain *d);
extern void tell(unsigned long value);
#ifdef CONFIG_PV_SHIM
extern bool pv_shim;
#else
#define pv_shim 0
#endif
""",
    "xen/arch/x86/pv/dom0_build.c": """
#include <xen/image.h>

static int build(struct domain *d, unsigned long initrd_len)
{
    struct elf_dom_parms parms;
    struct start_info *si;
    bool compat;
    unsigned long nr_pages, nr_pt_pages, tries;
    unsigned long v_start, v_end, vkern_start, vkern_end, vinitrd_start, vinitrd_end;
    unsigned long vphysmap_start, vphysmap_end, vstartinfo_start, vstartinfo_end;
    unsigned long vxenstore_start = 0, vxenstore_end = 0, vconsole_start = 0, vconsole_end = 0;
    unsigned long vpt_start, vpt_end, vstack_start, vstack_end;

    read_image(&parms);
    compat = is_pv_32bit_domain(d);
    nr_pages = memory_of(d);

    v_start = parms.virt_base;
    vkern_start = parms.virt_kstart;
    vkern_end = parms.virt_kend;
    if ( parms.unmapped_initrd )
    {
        vinitrd_start = vinitrd_end = 0;
        vphysmap_start = round_pgup(vkern_end);
    }
    else
    {
        vinitrd_start = round_pgup(vkern_end);
        vinitrd_end = vinitrd_start + initrd_len;
        vphysmap_start = round_pgup(vinitrd_end);
    }
    vphysmap_end = vphysmap_start + nr_pages * (compat ? sizeof(uint32_t) : sizeof(uint64_t));
    if ( parms.p2m_base != UNSET_ADDR )
        vphysmap_end = vphysmap_start;
    vstartinfo_start = round_pgup(vphysmap_end);
    vstartinfo_end = vstartinfo_start + sizeof(struct start_info);
    if ( pv_shim )
    {
        vxenstore_start = round_pgup(vstartinfo_end);
        vxenstore_end = vxenstore_start + PAGE_SIZE;
        vconsole_start = vxenstore_end;
        vconsole_end = vconsole_start + PAGE_SIZE;
        vpt_start = vconsole_end;
    }
    else
    {
        vpt_start = round_pgup(vstartinfo_end);
        vstartinfo_end += sizeof(struct dom0_vga_console_info);
    }

    for ( nr_pt_pages = 2; ; nr_pt_pages++ )
    {
        vpt_end = vpt_start + nr_pt_pages * PAGE_SIZE;
        vstack_start = vpt_end;
        vstack_end = vstack_start + PAGE_SIZE;
        v_end = (vstack_end + (1UL << 22) - 1) & ~((1UL << 22) - 1);
        if ( v_end - vstack_end < (512UL << 10) )
            v_end += 1UL << 22;
#define NR(low, high, shift) \\
    ((((high) + (1UL << (shift)) - 1) & ~((1UL << (shift)) - 1)) - \\
     ((low) & ~((1UL << (shift)) - 1)) >> (shift))
        if ( (!compat + NR(v_start, v_end, L4_PAGETABLE_SHIFT) +
              (!compat ? NR(v_start, v_end, L3_PAGETABLE_SHIFT) : 4) +
              NR(v_start, v_end, L2_PAGETABLE_SHIFT)) <= nr_pt_pages )
            break;
    }

    if ( v_end - v_start > nr_pages * PAGE_SIZE )
        panic("too small");
    if ( parms.p2m_base != UNSET_ADDR )
    {
        vphysmap_start = parms.p2m_base;
        vphysmap_end = vphysmap_start + nr_pages * sizeof(uint64_t);
    }
    tell(v_end);
    si->nr_pt_frames = nr_pt_pages;
    nr_pt_pages = tries;
    return 0;
}
""",
}
BUILDER = "xen/arch/x86/pv/dom0_build.c"
LIBXC = "tools/libxc/xc_dom_x86.c"
LIBXC_TEXT = """
typedef unsigned long xen_vaddr_t;
struct elf_dom_parms { xen_vaddr_t virt_base; xen_vaddr_t virt_entry; };
struct xc_dom_image {
    void *xch;
    struct elf_dom_parms parms;
    xen_vaddr_t virt_alloc_end, virt_pgtab_end;
    unsigned int pgtables, pg_l4, pg_l3, pg_l2, pg_l1, alloc_bootstack, extra_pages;
    unsigned long p2m_size;
};
int xc_dom_printf(void *xch, const char *text, ...);
int grow(struct xc_dom_image *dom);
extern unsigned long last;

static unsigned long nr_page_tables(struct xc_dom_image *dom, xen_vaddr_t low, xen_vaddr_t high, unsigned long shift)
{
    xen_vaddr_t within = (1UL << shift) - 1;
    int number;

    if ( !shift )
        return 0;
    number = (((high | within) - (low & ~within)) >> shift) + 1;
    xc_dom_printf(dom->xch, "%d tables", number);
    return number;
}

static int count_pgtables(struct xc_dom_image *dom, int pae, int bits4, int bits3, int bits2, int bits1)
{
    int pages, beside = 128 + (dom->alloc_bootstack ? 1 : 0) + dom->extra_pages;
    xen_vaddr_t base = dom->parms.virt_base, end;
    unsigned long frames;

    pages = beside;
    for ( ; ; )
    {
        end = (dom->virt_alloc_end + pages * 4096UL) | 0x3fffffUL;
        frames = (end - base) >> 12;
        if ( frames > dom->p2m_size )
            return -12;
        dom->pg_l4 = nr_page_tables(dom, base, end, bits4);
        dom->pg_l3 = nr_page_tables(dom, base, end, bits3);
        dom->pg_l2 = nr_page_tables(dom, base, end, bits2);
        dom->pg_l1 = nr_page_tables(dom, base, end, bits1);
        if ( pae && end < 0xc0000000UL )
            dom->pg_l2++;
        dom->pgtables = dom->pg_l1 + dom->pg_l2 + dom->pg_l3 + dom->pg_l4;
        pages = dom->pgtables + beside;
        if ( end + 1 >= dom->virt_alloc_end + pages * 4096UL )
            break;
    }
    dom->virt_pgtab_end = end + 1;
    return 0;
}

static int count_pgtables_x86_32_pae(struct xc_dom_image *dom)
{
    return count_pgtables(dom, 1, 0, 32, 30, 21);
}

static int count_pgtables_x86_64(struct xc_dom_image *dom)
{
    return count_pgtables(dom, 0, 48, 39, 30, 21);
}
"""
"""A toolstack's builder of the shape that there was before 4.7."""
Change = Callable[[str], str]


def changed(old: str, new: str) -> Change:
    """A change of the one place where some text stands in the builder."""

    def change(text: str) -> str:
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        return text.replace(old, new)

    return change


def files(*changes: Change) -> Mapping[str, str]:
    """The tree's files, the builder's changed."""
    text = FILES[BUILDER]
    for change in changes:
        text = change(text)
    return {**FILES, BUILDER: text}


def written(folder: Path, *changes: Change) -> Path:
    """The tree in a folder."""
    for name, text in files(*changes).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
