"""Comments for the places of Xen's PV dom0 builder, in our own words.

A remark rests on the verdicts that it names: only a run that gave them all prints it. A remark on what is refuted says
what does not hold. The places are those of Xen 4.22.
"""

from typing import Final

from ..formal.reports.source_comments import Place, Remark, proved, refuted

BUILDER: Final = "xen/arch/x86/pv/dom0_build.c"
SIZES: Final = "xen/arch/x86/dom0_build.c"
PAE: Final = "32-bit PAE guest on 64-bit Xen"
STRONGER: Final = "the stronger check catches every miscount"

VARIABLES: Final = Place(
    name="the variables",
    file=BUILDER,
    where="dom0_construct(), the comment above the variables of the layout",
    indent=4,
    remarks=(
        Remark(
            "The memory layout of the initial domain. Kernel, initrd (unless MOD_START_PFN keeps it unmapped), p2m "
            "(unless INIT_P2M puts it elsewhere), start info, Xenstore and console pages (of the shim only), page "
            "tables and boot stack lie in this order, without overlap, between v_start and v_end, as long as none "
            "is larger than 2^56 bytes.",
            (proved("segments-disjoint"),),
        ),
        Remark(
            "All *_start addresses are page-aligned, except: v_start is VIRT_BASE as the image gives it, "
            "vkern_start is where the image puts its kernel, and vphysmap_start may be INIT_P2M as given.",
            (
                refuted("comment-superpage", "v_start"),
                refuted("starts-page-aligned", "kernel"),
                refuted("starts-page-aligned", "p2m at INIT_P2M"),
                *(
                    proved("starts-page-aligned", f"{width}, {initrd}, p2m in the region{shim}")
                    for width in ("64-bit", PAE)
                    for initrd in ("no initrd mapped", "mapped initrd")
                    for shim in ("", ", shim")
                ),
            ),
        ),
        Remark(
            "*_end addresses need not be page-aligned, except v_end, which is a multiple of 4 MiB.",
            (proved("ends-misaligned"), proved("comment-superpage", "v_end")),
        ),
    ),
)

SEARCH: Final = Place(
    name="the search",
    file=BUILDER,
    where="dom0_construct(), above the loop that finds nr_pt_pages",
    indent=4,
    remarks=(
        Remark(
            "The page tables lie in the region that they map, so how many there are depends on itself. The first "
            "count that is enough is precise, not merely an upper bound: the region that it makes takes exactly "
            "that many tables, and no smaller count has that property. This holds for any v_start and vpt_start, if "
            "the region is at least 2^40 bytes smaller than the address space.",
            (proved("exact", "64-bit"), proved("exact", PAE), proved("least")),
        ),
        Remark(
            "The loops below take exactly that many frames (for a 32-bit dom0: if its region ends by 4 GiB). If "
            "v_start is page-aligned, the pages from vpt_start on map them in the order in which they are taken. "
            "The region must not run off the end of the L4, and a 32-bit dom0's must end by 0xf5800000.",
            (proved("consumed-64"), proved("consumed-compat"), proved("tables-mapped")),
        ),
        Remark(
            "A count that fits is not the only one: if one more table moves v_end to the next 4 MiB line, a larger "
            "count can fit, too. So the search has to start from below.",
            (refuted("unique"),),
        ),
        Remark(
            "The search ends for every layout: no address space takes more tables than it has blocks.",
            (proved("terminates"),),
        ),
        Remark(
            "A 32-bit dom0 always gets four L2. Its L4, the monitor table, is not part of the region and not "
            "counted.",
            (proved("compat-four-l2"), proved("monitor-not-counted")),
        ),
        Remark(
            "The count is right even if v_start is not superpage-aligned. But v_start must be page-aligned: "
            "otherwise the mapping ends before v_end, and the tables are misaligned.",
            (
                refuted("unaligned-superpage"),
                refuted("unaligned-page", "any S"),
                proved("unaligned-page", "S on a page"),
            ),
        ),
    ),
)

STATIC: Final = Place(
    name="counting without a search",
    file=BUILDER,
    where="dom0_construct(), where a count without a search would replace the loop",
    indent=4,
    remarks=(
        Remark(
            "Count the tables of the region without any in it, then count again with room for as many as were "
            "found, and so on. For a 64-bit dom0 three such raises give what the search gives, if vpt_start is "
            "within 506 TiB of v_start. Some regions need all three.",
            (proved("static-lower"), proved("raises-64")),
        ),
        Remark(
            "A 32-bit dom0 takes two: one raise is not always enough.",
            (
                refuted("raises-compat-1", "in 4 GiB: 1 raise"),
                proved("raises-compat-1", "in 4 GiB: 2 raises"),
            ),
        ),
    ),
)

START: Final = Place(
    name="the start count",
    file=BUILDER,
    where="dom0_construct(), at the first value of nr_pt_pages",
    indent=4,
    remarks=(
        Remark(
            "The search may start at the least count that any region takes. For a 64-bit dom0 that is 4: one table "
            "of each level. For a 32-bit one it is 6: an L3, four L2 and an L1. Some regions take no more. Starting "
            "there finds what starting at 2 finds; 2 itself is never enough.",
            (
                proved("two-too-small"),
                proved("min-64"),
                proved("min-compat-3", f"never less than 6, {PAE}"),
                proved("min-compat-3", f"6 is reached, {PAE}"),
                proved("start-6-4"),
            ),
        ),
        Remark(
            "Do not start any higher: from 5, or 7 for a 32-bit dom0, the search misses the least count of some "
            "regions.",
            (refuted("start-higher"),),
        ),
    ),
)

ROUNDING: Final = Place(
    name="v_end's rounding",
    file=BUILDER,
    where="dom0_construct(), in the loop, above the rounding of v_end",
    indent=8,
    remarks=(
        Remark(
            "Both steps together round vstack_end + 512 KiB up to a multiple of 4 MiB. At least 512 KiB are left "
            "above the boot stack, and less than 4 MiB + 512 KiB.",
            (proved("v-end-closed"), proved("padding")),
        ),
        Remark(
            "The count does not depend on these figures: it is precise for any other padding, and for rounding to "
            "any other power of two from a page to 2^62.",
            (proved("any-rounding"),),
        ),
        Remark(
            "Compared with an end that is not padded, and rounded only to a page, they cost at most 4 table frames, "
            "or 2 for a 32-bit dom0 that ends 8 MiB below 4 GiB or lower.",
            (proved("rounding-cost"),),
        ),
    ),
)

ALLOCATION: Final = Place(
    name="the allocation",
    file=BUILDER,
    where="dom0_construct(), above the order of the allocation",
    indent=4,
    remarks=(
        Remark(
            "Every page of the region maps a frame of this one allocation, or of a mapped initrd, which has its "
            "own. So kernel, p2m, start info, page tables, boot stack and padding all have room. The order is the "
            "least that is enough. A p2m at INIT_P2M is not part of it.",
            (proved("allocation-suffices"),),
        ),
    ),
)

WALK: Final = Place(
    name="the read-only walk",
    file=BUILDER,
    where="mark_pv_pt_pages_rdonly(), above the loop",
    indent=4,
    remarks=(
        Remark(
            "This visits exactly the frames of the page tables, in the order in which they were taken. It follows "
            "no empty entry, not even when it looks for the page after the last. v_start must be page-aligned, the "
            "region must not run off the end of the L4, and a 32-bit dom0's must end by 0xf5800000.",
            (proved("walk-visits-tables"),),
        ),
    ),
)

ASSERTS: Final = Place(
    name="the asserts",
    file=BUILDER,
    where="mark_pv_pt_pages_rdonly(), above the asserts",
    indent=8,
    remarks=(
        Remark(
            "Each of the nr_pt_pages frames must have a page table type, L1 to L4, and no references yet: no other "
            "bit is set in type_info. The exception is PGT_pae_xen_l2, which a 32-bit dom0's L2 in slot 3 has by "
            "now. Without that exception the asserts fail although the count is right.",
            (
                proved("asserts-fixed"),
                refuted("asserts-posted-compat", f"posted, {PAE}"),
                proved("asserts-posted-compat", "posted, every frame but the L2 in slot 3"),
            ),
        ),
        Remark(
            "A failure means that more frames were set aside than taken: a left-over frame is a writable page by "
            "now. If there is one, the walk visits it, under the conditions given above the loop.",
            (proved("asserts-overcount"),),
        ),
        Remark(
            "Too small a count is NOT caught here: the tables beyond it are not visited. An ASSERT() in "
            "dom0_construct() that mpt_alloc, the next table frame, is where the page tables end would catch every "
            "miscount, too small or too large.",
            (
                *(
                    refuted("asserts-undercount", f"an under-count is caught, {mode}")
                    for mode in ("64-bit", PAE)
                ),
                *(proved("asserts-undercount", f"{STRONGER}, {mode}") for mode in ("64-bit", PAE)),
            ),
        ),
    ),
)

OVERLAP: Final = Place(
    name="the overlap check",
    file=BUILDER,
    where="dom0_construct(), at the check for an overlap with Xen's own area",
    indent=4,
    remarks=(
        Remark(
            "This check is complete for a region in one half of the canonical addresses that ends before 2^64, and "
            "for every region of a 32-bit dom0.",
            (
                proved("overlap-complete", "a region in one half of the canonical addresses"),
                proved("overlap-complete", "32-bit: any region"),
                proved("wrap-caught", "32-bit: a V past 4 GiB"),
            ),
        ),
        Remark(
            "It does NOT refuse a 64-bit region that crosses 2^47, although Xen's slots of the L4 map what lies "
            "beyond.",
            (refuted("overlap-complete", "any image"),),
        ),
        Remark(
            "It does NOT refuse a region that passes 2^64 either: v_end has wrapped by then. v_end - 1 < v_start is "
            "true for every such region.",
            (refuted("wrap-caught", "any image"), proved("wrap-caught", "what does catch it: V - 1 < S")),
        ),
    ),
)

CAP: Final = Place(
    name="the cap",
    file=SIZES,
    where="dom0_compute_nr_pages(), above the cap for a p2m in the initial mapping",
    indent=4,
    remarks=(
        Remark(
            "This keeps v_end from passing 2^64 for an image with VIRT_BASE in the last 2 GiB, if kernel and mapped "
            "initrd end at least 18 MiB below 2^64, and dom0_mem gives neither an amount nor a minimum.",
            (proved("cap-prevents-wrap", "an image in the last 2 GiB, 18 MiB left above kernel and initrd"),),
        ),
        Remark(
            "It does NOT do so for every image: the p2m gets half of what is left, and nothing checks that start "
            "info, page tables, boot stack and padding fit into the other half.",
            (
                refuted("cap-prevents-wrap", "any image: a small kernel that ends close below 2^64"),
                refuted(
                    "cap-prevents-wrap",
                    "a Linux kernel at -2 GiB, with a mapped initrd of almost 2 GiB and memory for it",
                ),
            ),
        ),
        Remark(
            "It does NOT only lower nr_pages: the test doubles kernel, initrd and p2m, but the clipped value does "
            "not. Suppose kernel and initrd end within the address space. If they and twice the p2m reach its end, "
            "clipping never raises nr_pages; otherwise, whenever it clips, it raises it.",
            tuple(
                ground
                for mode in ("64-bit", PAE)
                for ground in (
                    refuted("cap-only-lowers", f"any image, {mode}"),
                    proved("cap-only-lowers", f"where vend and twice the p2m pass the end, {mode}"),
                    proved("cap-only-lowers", f"of what the cap catches, nowhere else, {mode}"),
                )
            ),
        ),
    ),
)

PHYSMAP: Final = Place(
    name="the physmap's + 3",
    file=BUILDER,
    where="setup_pv_physmap(), above the test of nr_pages in the loop",
    indent=8,
    remarks=(
        Remark(
            "One step takes at most three tables, an L3, an L2 and an L1, and no more pages than are left to map, "
            "superpages included. So with this test dom0 never gets more pages than nr_pages, for a page-aligned "
            "p2m that ends below the last GiB of the address space.",
            (proved("physmap-plus-3"),),
        ),
        Remark(
            "The tables that this takes are not among the nr_pt_pages ones. Each level takes one for each block "
            "that the p2m touches, except for a block that the initial mapping touches, too, or that superpages "
            "fill, if all can be allocated. This holds for a p2m in one half of the canonical addresses, outside "
            "Xen's own area and below the last GiB.",
            (proved("physmap-tables"),),
        ),
        Remark(
            "The check above compares the p2m only with the initial mapping. It does NOT refuse a p2m in Xen's own "
            "slots of the L4: if these are filled, its entries are made in Xen's tables.",
            (refuted("p2m-checked", "any image"), proved("p2m-checked", "what would catch it")),
        ),
    ),
)

PLACES: Final = (VARIABLES, SEARCH, STATIC, START, ROUNDING, ALLOCATION, WALK, ASSERTS, OVERLAP, CAP, PHYSMAP)
"""In the order of the source: the entry point ``ptproof.places``."""
