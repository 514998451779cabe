"""What each claim means, in plain English and without a formula: the entry point ``ptproof.meanings``.

It says what the claim says, not what came of it: a refuted claim's meaning is false.
"""

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    "exact": "The number of frames that the search finds is precise, as long as the region doesn't take up almost the whole "
    "address space: counted over the region that it makes, it comes out the same, neither fewer nor more.",
    "least": "No smaller number of frames, from the 2 on that the search starts from, is just right for the region that it makes.",
    "unique": "No other number of frames is just right for the region that it makes.",
    "terminates": "The search ends, whatever the image and the options are.",
    "v-end-closed": "Rounding up to 4 MiB and adding 4 MiB where less than 512 KiB is left is the same as adding 512 KiB "
    "and then rounding up.",
    "span-modular": "The macro that counts how many tables of a level a range touches is right up to the end of the "
    "address space, and across it: only a range that touches everything is counted wrong.",
    "two-too-small": "The 2 that the search starts from is never enough.",
    "min-64": "A 64-bit dom0 takes at least 4 page tables, and some take no more.",
    "min-compat-3": "Some 32-bit dom0 takes 3 page tables or fewer.",
    "min-2level": "With two levels of tables, as long ago, 2 was the least count, and some regions took no more.",
    "small-needs-4": "A small kernel that ends below 2 MiB, stack included, takes 4 tables, or 3 for PAE without "
    "the four forced L2, as long as the region's end isn't rounded up.",
    "start-6-4": "Starting the search from 6 for a 32-bit dom0 and from 4 for a 64-bit one changes no result.",
    "start-higher": "Starting the search one higher than that, from 7 and from 5, changes no result either.",
    "comment-superpage": "The region starts and ends at a multiple of a superpage, as the comment in the source has it.",
    "starts-page-aligned": "Every segment starts on a page, as the comment in the source has it.",
    "unaligned-superpage": "The count is wrong for some region that starts on a page, but not on a superpage.",
    "unaligned-page": "The region is mapped up to its end, and its tables lie on pages, wherever it starts.",
    "ends-misaligned": "The p2m and the start info may end off a page, and what follows them still starts on one.",
    "static-lower": "Counting once, with no tables in the region, never gives more than the search.",
    "raises-64": "For a 64-bit dom0, counting again three times with what was found gives what the search gives, and some "
    "regions take all three. Within 2 GiB, once is enough.",
    "raises-compat-1": "For a 32-bit dom0, counting again once with what was found gives what the search gives.",
    "static": "A fixed number of counts in a row, without a search, gives what the search gives, as long as "
    "the region doesn't take up almost the whole address space.",
    "closed-form": "A division for each level that reaches further than 4 MiB, and one for the 4 MiB themselves, give what the "
    "search gives, without a search and without counting again, as long as the region doesn't take up almost the whole address "
    "space.",
    "any-rounding": "That the count is precise doesn't rest on the 4 MiB and the 512 KiB: any power of two from a page on and "
    "any padding do.",
    "rounding-cost": "Rounding to 4 MiB and padding cost at most 4 more page tables, or 2 for a 32-bit dom0, and 4 MiB + 508 "
    "KiB more address space; and some region pays each of these.",
    "segments-disjoint": "Kernel, initrd, p2m, start info, page tables and stack lie in this order within the region, and "
    "don't overlap.",
    "padding": "At least 512 KiB are left above the boot stack, and less than 4 MiB + 512 KiB.",
    "start-info-page": "The page tables start at the right page, though the start info grows after their place was chosen, as "
    "long as all of it fits into a page.",
    "consumed-64": "The loop that maps a 64-bit dom0's region takes exactly as many frames as were set aside.",
    "consumed-compat": "The loop that maps a 32-bit dom0's region, and the filling up after it, take exactly as many "
    "frames as were set aside, where the region ends by 4 GiB.",
    "compat-four-l2": "A 32-bit dom0 whose region ends by 4 GiB always gets exactly four L2 tables.",
    "monitor-not-counted": "The L4 above a 32-bit dom0's tables is none of the frames that are counted.",
    "tables-mapped": "Where the region runs neither off the root table nor into what may be Xen's own of a 32-bit dom0's "
    "addresses, the pages at which dom0 is told its page tables are map just these tables, in the order in which they were "
    "taken.",
    "allocation-suffices": "Every page of dom0's region, its page tables among them, has a frame in the memory that was "
    "allocated for it, or in the initrd.",
    "asserts-posted-64": "For a 64-bit dom0 the asserts, as first posted and as first committed, hold of every frame that "
    "was set aside, when the count is right.",
    "asserts-posted-compat": "For a 32-bit dom0 the asserts, as first posted and as first committed, hold of every frame "
    "that was set aside, when the count is right.",
    "asserts-fixed": "The asserts that allow for Xen's mark on one L2 hold of every frame that was set aside, when the count is "
    "right, for dom0s of either width.",
    "asserts-same-test": 'The "obfuscated" form of the assert on the type tests the same as the plain one.',
    "asserts-overcount": "The asserts fire whenever more frames were set aside than the builder takes, where the region "
    "runs neither off the root table nor into what may be Xen's own of a 32-bit dom0's addresses.",
    "asserts-undercount": "The asserts fire at one of the frames that were set aside when these are fewer than the builder "
    "takes.",
    "walk-visits-tables": "Where the region runs neither off the root table nor into what may be Xen's own of a 32-bit dom0's "
    "addresses, the walk that makes the page tables read-only, and looks at them, comes to just these tables, in the order "
    "in which they were taken, and never goes through an empty entry.",
    "first-4level-terminates": "The first count for four levels, which lived for 39 minutes in 2005, finds an answer for a "
    "kernel in the last 2 GiB.",
    "compat-l4-counted-exact": "Today's mapping loop takes exactly as many frames for a 32-bit dom0 as Xen 3.1 to 4.2.0 set "
    "aside.",
    "i386-exact": "The counts of Xen for i386, with PAE and without, were precise: just the tables that the region touches, and "
    "those that are always there, though they looked at the region's length alone. Formulas are compared, no loop.",
    "rounded-start-same-count": "Rounding the region's start down to 4 MiB, as Xen 3.0 did, changes no count.",
    "cap-prevents-wrap": "The cap on dom0's memory keeps the region from passing the end of the address space.",
    "cap-only-lowers": "The cap on dom0's memory never gives it more than was asked for.",
    "wrap-caught": "A region that passes the end of the address space is refused by the check for Xen's own area.",
    "overlap-complete": "The check for Xen's own area refuses every region that gets into what Xen's own tables map.",
    "physmap-tables": "How many tables a p2m at an address of its own takes is known beforehand, level by level, where it lies "
    "apart from the region and from Xen's own addresses.",
    "p2m-checked": "A p2m at an address of its own is refused where Xen's own tables map it.",
    "physmap-plus-3": "The three spare pages that the separate p2m asks for at each step are always enough for the step's "
    "tables.",
    "domu-equals-dom0": "For a 64-bit guest the toolstack's builder comes to the same count and the same end as the "
    "hypervisor's, if the region crosses no border of 256 TiB and stays 4 MiB short of the end of the address space.",
    "domu-p2m-tables": "The toolstack gives a p2m below the region just the tables that the region doesn't have already.",
    "domu-pae-before-4-7": "For a 32-bit PAE guest the toolstack counted the same before Xen 4.7 as since.",
    "domu-pae-equals": "For a 32-bit PAE guest the toolstack's builder comes to the same count and the same end as the "
    "hypervisor's.",
    "grub-count": "GRUB's loader for Xen sets just the tables aside that its region takes, and those of one page beside it, they lie "
    "in the region, and its rounds come to an end.",
    "grub-stack": "The boot stack that GRUB starts a kernel with lies in the region that it maps.",
    "grub-padding": "GRUB leaves the 512 KiB above the boot stack that Xen's interface promises to a kernel.",
    "grub-last-page": "The last page of GRUB's region, from which it enters the kernel, is none of the page tables.",
    "netbsd-least": "NetBSD's search for the tables that it makes for itself ends, at the least number from the first one on that is "
    "enough by its test.",
    "netbsd-exact": "NetBSD makes just the last-level tables that map its kernel and these tables.",
    "netbsd-temporary": "The temporary tables that NetBSD makes on its way to its own lie in the memory that Xen has mapped for it.",
    "mini-os-exact": "Mini-OS takes just the page tables that the memory which it maps needs beyond what Xen has given it.",
    "mini-os-mapped": "Mini-OS never takes a page for a table before that page is mapped.",
    "arm64-early": "Linux for arm64 sets just the pages aside in its image that the image's first tables take.",
    "arm64-early-moved": "What Linux for arm64 sets aside for its first tables is enough wherever the image is moved to before it starts.",
}
