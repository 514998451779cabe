"""What each claim means and which question it answers, in plain English: ``ptproof.meanings`` and ``ptproof.questions``.

A meaning says what the claim says, whatever the verdict: a refuted claim's meaning is false. A question is answered by
"yes" exactly if its claim holds.
"""

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    "exact": "The number of frames that the search finds is precise: the region that it makes needs exactly that many, neither "
    "fewer nor more. The region must not fill almost the whole address space.",
    "least": "From 2 on, where the search starts, no smaller number of frames is exactly what its own region needs.",
    "unique": "No other number of frames is exactly what its own region needs.",
    "terminates": "The search ends, whatever the image and the options are.",
    "v-end-closed": "Rounding up to 4 MiB, and adding 4 MiB where less than 512 KiB is left, is the same as adding 512 KiB "
    "and then rounding up.",
    "span-modular": "The macro that counts the tables of a level for a range is right up to the end of the address space, "
    "and across it. Only an empty range, and one that touches every table, may be counted wrong.",
    "two-too-small": "The 2 that the search starts from is never enough. A 64-bit dom0's region must not fill almost the "
    "whole address space.",
    "min-64": "A 64-bit dom0 takes at least 4 page tables, and some take no more. The region must not fill almost the "
    "whole address space.",
    "min-compat-3": "Some 32-bit dom0 takes 3 page tables or fewer.",
    "min-2level": "With two levels of tables, as on early 32-bit Xen, 2 was the least count, and some regions took no more.",
    "small-needs-4": "A small kernel that ends below 2 MiB, stack included, takes 4 tables, or 3 for PAE without the four "
    "forced L2, if the region's end isn't rounded up.",
    "start-6-4": "Starting the search from 6 for a 32-bit dom0, and from 4 for a 64-bit one, changes no result. The "
    "region must not fill almost the whole address space.",
    "start-higher": "Starting the search one higher, from 7 and from 5, changes no result either.",
    "comment-superpage": "The region starts and ends at a multiple of a superpage, as the comment in the source says.",
    "starts-page-aligned": "Every segment starts on a page, as the comment in the source says.",
    "unaligned-superpage": "The count is wrong for some region that starts on a page, but not on a superpage.",
    "unaligned-page": "The region is mapped up to its end, and its tables lie on pages, wherever it starts.",
    "ends-misaligned": "The p2m and the start info may end off a page, and what follows them still starts on one.",
    "static-lower": "Counting once, with no tables in the region, or with 4 of them, or 6 for a 32-bit dom0, never gives "
    "more than the search. The region must not fill almost the whole address space.",
    "raises-64": "For a 64-bit dom0, counting three more times, each time with the result before, gives what the search "
    "gives, if the tables start within 506 TiB above the region's start. Some regions need all three. Within 2 GiB less "
    "32 MiB, one is enough.",
    "raises-compat-1": "For a 32-bit dom0, counting once more with the result of the first count gives what the search "
    "gives, if the tables start within 4 GiB above the region's start.",
    "static": "A fixed number of counts in a row, without a search, gives what the search gives. The region must not fill "
    "almost the whole address space.",
    "closed-form": "One division for each level that maps more than 4 MiB, and one for the 4 MiB themselves, give what the "
    "search gives, without a search. The region must not fill almost the whole address space.",
    "any-rounding": "The count is precise for any rounding and padding, not only 4 MiB and 512 KiB: for any power of two "
    "from a page to 2^62 bytes, and any padding. The region must not fill almost the whole address space.",
    "least-any-rounding": "For any rounding and padding, no smaller count fits the region that it makes, among those that the "
    "search tries.",
    "closed-form-any-rounding": "For any rounding and padding, a division for each level that maps more than the rounding, and one for "
    "the rounding itself, give what the search gives: for any power of two from a page to 2^61 bytes. The region must not fill "
    "almost the whole address space.",
    "rounding-cost": "Rounding to 4 MiB and padding cost at most 4 more page tables, or 2 for a 32-bit dom0, and at most 4 MiB "
    "+ 508 KiB more address space than a region that ends right above the stack. Against 2 MiB and 64 KiB of padding it is as many "
    "tables, and 4 MiB. Some regions reach each of these. The region must not fill almost the whole address space, and a "
    "32-bit dom0's must end 8 MiB below 4 GiB or lower.",
    "segments-disjoint": "Kernel, initrd, p2m, start info, page tables and stack lie in this order within the region, and "
    "don't overlap, if kernel, initrd and memory take at most 2^56 bytes each.",
    "padding": "At least 512 KiB are left above the boot stack, and less than 4 MiB + 512 KiB.",
    "start-info-page": "The page tables start at the right page, although the start info grows after their place was chosen. All "
    "of it must fit into a page.",
    "consumed-64": "The loop that maps a 64-bit dom0's region takes exactly as many frames as were set aside. The region "
    "must not fill almost the whole address space.",
    "consumed-compat": "The loop that maps a 32-bit dom0's region, with the L2 added after it, takes exactly as many frames "
    "as were set aside. The region must end by 4 GiB.",
    "compat-four-l2": "A 32-bit dom0 whose region ends by 4 GiB always gets exactly four L2 tables.",
    "monitor-not-counted": "The L4 above a 32-bit dom0's tables is not among the counted frames. The region must end by 4 "
    "GiB.",
    "tables-mapped": "The addresses at which dom0 is told to find its page tables map exactly these tables, in the order "
    "in which they were taken. The region must start on a page, stay within the root table and, for a 32-bit dom0, below "
    "the addresses that may be Xen's own.",
    "allocation-suffices": "Every page of dom0's region, page tables included, has a frame in the memory that was "
    "allocated for it, or in the initrd. The region must not fill almost the whole address space.",
    "asserts-posted-64": "For a 64-bit dom0 the asserts, as first posted and as first committed, hold for every frame "
    "that was set aside, if the count is right. The region must not fill almost the whole address space.",
    "asserts-posted-compat": "For a 32-bit dom0 the asserts, as first posted and as first committed, hold for every frame "
    "that was set aside, if the count is right.",
    "asserts-fixed": "The asserts that allow Xen's mark on one L2 hold for every frame that was set aside, if the count "
    "is right, for a dom0 of either width. The region must not fill almost the whole address space.",
    "asserts-same-test": 'The "obfuscated" form of the assert on the type tests the same as the plain one.',
    "asserts-overcount": "The asserts fire whenever more frames were set aside than the builder takes. The region must "
    "start on a page, stay within the root table and, for a 32-bit dom0, below the addresses that may be Xen's own.",
    "asserts-undercount": "The asserts fire for one of the frames that were set aside if these are fewer than the builder takes.",
    "walk-visits-tables": "The walk that makes the page tables read-only, and checks them, visits exactly these tables, "
    "in the order in which they were taken, and never follows an empty entry. The region must start on a page, stay "
    "within the root table and, for a 32-bit dom0, below the addresses that may be Xen's own.",
    "first-4level-terminates": "The first count for four levels, which lived for 39 minutes in 2005, finds an answer for a "
    "kernel in the last 2 GiB.",
    "compat-l4-counted-exact": "For a 32-bit dom0, today's mapping loop takes exactly as many frames as Xen 3.1 to 4.2.0 set "
    "aside.",
    "i386-exact": "The counts of Xen for i386, with PAE and without, were precise: the tables that the region touches, "
    "and those that are always there, although they used the region's length alone. This compares formulas, not loops. "
    "The region must not fill almost the whole address space.",
    "rounded-start-same-count": "Rounding the region's start down to 4 MiB, as Xen 3.0 did, changes no count.",
    "cap-prevents-wrap": "The cap on dom0's memory keeps the region from passing the end of the address space.",
    "cap-only-lowers": "The cap on dom0's memory never gives it more than was asked for.",
    "wrap-caught": "The check for Xen's own area refuses a region that passes the end of the address space.",
    "overlap-complete": "The check for Xen's own area refuses every region that reaches into what Xen's own tables map.",
    "physmap-tables": "The number of tables for a p2m at an address of its own is known beforehand, level by level, if "
    "the p2m lies apart from the region and from Xen's own addresses. Each must lie in one half of the canonical "
    "addresses, and the p2m below the last GiB.",
    "p2m-checked": "A p2m at an address of its own is refused where Xen's own tables map it.",
    "physmap-plus-3": "The three spare pages that the separate p2m asks for at each step are always enough for the step's "
    "tables. The p2m must start on a page and end below the last GiB of the address space.",
    "domu-equals-dom0": "For a 64-bit guest the toolstack's builder finds the same count and the same end as the "
    "hypervisor's, if the region crosses no border of 256 TiB and ends at least 4 MiB before the end of the address "
    "space. Where the tables start in the last 4 MiB, with room above them, its count never ends.",
    "domu-p2m-tables": "The toolstack gives a p2m below the region exactly the tables that the region doesn't have already.",
    "domu-pae-before-4-7": "For a 32-bit PAE guest the toolstack counted before Xen 4.7 as it has since.",
    "domu-pae-equals": "For a 32-bit PAE guest the toolstack's builder finds the same count and the same end as the "
    "hypervisor's.",
    "grub-count": "GRUB's loader for Xen sets aside exactly the tables that its region takes, and those of one page beside it. They lie in the region, and its rounds end. The region must cross no border of 256 TiB.",
    "grub-stack": "The boot stack that GRUB starts a kernel with lies in the region that it maps.",
    "grub-padding": "GRUB leaves the 512 KiB above the boot stack that Xen's interface promises to a kernel.",
    "grub-last-page": "The last page of GRUB's region, from which it enters the kernel, is not a page table.",
    "netbsd-least": "NetBSD's search for the tables that it makes for itself ends, if any number passes its test. It finds the least such number, from the first one tried on.",
    "netbsd-exact": "NetBSD makes exactly the last-level tables that map its kernel and these tables.",
    "netbsd-temporary": "The temporary tables that NetBSD makes on its way to its own lie in the memory that Xen has mapped for it.",
    "mini-os-exact": "Mini-OS takes exactly the page tables that its memory needs beyond those that Xen has given it.",
    "mini-os-mapped": "Mini-OS never takes a page for a table before that page is mapped.",
    "arm64-early": "Linux for arm64 sets aside exactly the pages of its image that the image's first tables take.",
    "arm64-early-moved": "The first tables that Linux for arm64 counts for an image where it is linked are enough wherever the image is moved, with none added. (Linux adds one at each level, and these are enough.)",
}

QUESTIONS: Final[Mapping[str, str]] = {
    "exact": "Is the count precise?",
    "least": "Is it the least count that fits?",
    "unique": "Is it the only count that fits?",
    "terminates": "Does the search always end?",
    "v-end-closed": "Are the two steps that round the region's end one rounding?",
    "span-modular": "Does the macro count right across the end of the address space?",
    "two-too-small": "Is the first value, 2, always too small?",
    "min-64": "Is 4 the minimum for a 64-bit dom0?",
    "min-compat-3": "Can 3 be enough for a 32-bit dom0?",
    "min-2level": "Was 2 the minimum with two levels?",
    "small-needs-4": "Are 4 tables, or 3 for PAE, right for a kernel below 2 MiB without rounding?",
    "start-6-4": "May the search start from 4, or from 6 for a 32-bit dom0?",
    "start-higher": "May the search start from 5, or from 7 for a 32-bit dom0?",
    "comment-superpage": "Are v_start and v_end always aligned to a superpage?",
    "starts-page-aligned": "Does every segment start on a page?",
    "unaligned-superpage": "Is the count wrong if VIRT_BASE is off a superpage?",
    "unaligned-page": "Does the builder work if VIRT_BASE is off a page?",
    "ends-misaligned": "May the p2m and the start info end off a page?",
    "static-lower": "Is a single count, without tables, a lower bound?",
    "raises-64": "Are three more counts enough for a 64-bit dom0?",
    "raises-compat-1": "Is one more count enough for a 32-bit dom0?",
    "static": "Can a fixed number of counts replace the search?",
    "closed-form": "Can a few divisions replace the search?",
    "any-rounding": "Is the count precise with another rounding and padding?",
    "least-any-rounding": "Is it the smallest count, with another rounding and padding?",
    "closed-form-any-rounding": "Can a few divisions replace the search, with another rounding and padding?",
    "rounding-cost": "Do rounding and padding cost at most 4 tables?",
    "segments-disjoint": "Do the segments lie in order, without overlap?",
    "padding": "Are 512 KiB always left above the boot stack?",
    "start-info-page": "Do the tables start at the right page, although the start info grows later?",
    "consumed-64": "Does the builder take what is set aside, for a 64-bit dom0?",
    "consumed-compat": "Does the builder take what is set aside, for a 32-bit dom0?",
    "compat-four-l2": "Does a 32-bit dom0 always get four L2?",
    "monitor-not-counted": "Is the L4 of a 32-bit dom0 left out of the count?",
    "tables-mapped": "Does dom0 find its page tables where it is told?",
    "allocation-suffices": "Is the allocated memory enough for the whole region?",
    "asserts-posted-64": "Do the asserts as posted hold for a 64-bit dom0?",
    "asserts-posted-compat": "Do the asserts as posted hold for a 32-bit dom0?",
    "asserts-fixed": "Do the asserts hold once Xen's mark on an L2 is allowed?",
    "asserts-same-test": "Do both forms of the assert on the type test the same?",
    "asserts-overcount": "Do the asserts catch a count that is too large?",
    "asserts-undercount": "Do the asserts catch a count that is too small?",
    "walk-visits-tables": "Does the read-only walk visit exactly the page tables?",
    "first-4level-terminates": "Did the first four-level search end for a kernel in the last 2 GiB?",
    "compat-l4-counted-exact": "Does today's builder take what Xen 3.1 to 4.2.0 set aside for a 32-bit dom0?",
    "i386-exact": "Were the counts of Xen for i386 precise?",
    "rounded-start-same-count": "Is the count the same from a start rounded down to 4 MiB?",
    "cap-prevents-wrap": "Does the cap on dom0's memory keep the region below 2^64?",
    "cap-only-lowers": "Does the cap only ever lower dom0's memory?",
    "wrap-caught": "Does Xen refuse a region that passes 2^64?",
    "overlap-complete": "Does Xen refuse every region that reaches its own slots?",
    "physmap-plus-3": "Are three spare pages enough for each step of a separate p2m?",
    "physmap-tables": "Can the tables of a separate p2m be counted beforehand?",
    "p2m-checked": "Does Xen refuse a p2m that reaches its own slots?",
    "domu-equals-dom0": "Does the toolstack find the same count for a 64-bit guest?",
    "domu-pae-equals": "Does the toolstack find the same count for a 32-bit PAE guest?",
    "domu-p2m-tables": "Does a domU's p2m get just the tables that its region lacks?",
    "domu-pae-before-4-7": "Did the toolstack count the same before Xen 4.7, for a PAE guest?",
    "grub-count": "Does GRUB's loader set exactly the tables aside that it needs?",
    "grub-stack": "Does GRUB's boot stack always lie in the mapped region?",
    "grub-padding": "Does GRUB leave the promised 512 KiB above the boot stack?",
    "grub-last-page": "Is GRUB's last page always free of page tables?",
    "netbsd-least": "Does NetBSD find the least number of tables that passes its test?",
    "netbsd-exact": "Does NetBSD make exactly the last-level tables that it needs?",
    "netbsd-temporary": "Do NetBSD's temporary tables lie in mapped memory?",
    "mini-os-exact": "Does Mini-OS take exactly the tables that its memory needs?",
    "mini-os-mapped": "Is a frame mapped before Mini-OS takes it for a table?",
    "arm64-early": "Does Linux for arm64 set aside exactly the pages of its first tables?",
    "arm64-early-moved": "Are the pages that Linux for arm64 sets aside enough for a moved image, with nothing added?",
}
