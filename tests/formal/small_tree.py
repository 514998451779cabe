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
