"""The ``type_info`` word of a frame: where its bits lie, and the asserts that Xen makes about it.

Facts: the PGT_* and PGC_* masks of Xen's ``xen/arch/x86/include/asm/mm.h`` (4.22); the asserts of
``mark_pv_pt_pages_rdonly()`` in ``xen/arch/x86/pv/dom0_build.c`` as posted on 2021-08-16 (thread.txt),
as committed, and as fixed two days later (DOMAIN.md section 4).
"""

from collections.abc import Callable

from attrs import frozen

TYPE_SHIFT = 61
TYPE_MASK = 7 << TYPE_SHIFT
"""The type field: 0 none, 1 to 4 a table of level L1 to L4, 7 writable."""
WRITABLE_PAGE = 7 << TYPE_SHIFT
PINNED = 1 << 59
VALIDATED = 1 << 58
PAE_XEN_L2 = 1 << 57

ALLOCATED = 1 << 63
"""In ``count_info``: the frame belongs to the domain. The low bits count references."""


def table_type(level: int) -> int:
    """The type field of a table of level L``level``.

    A five-level root would be 5, which in Xen is a descriptor page: no Xen builds one.
    """
    return level << TYPE_SHIFT


@frozen
class Condition:
    """One ASSERT: ``text`` says what it demands, ``holds(type_info, root)`` whether it does.

    ``root`` is the type field of the mode's topmost table (L4 on a 64-bit Xen, for compat guests too).
    """

    text: str
    holds: Callable[[int, int], bool]


@frozen
class Asserts:
    """The asserts that one generation of Xen makes of each page-table frame, in their order."""

    name: str
    conditions: tuple[Condition, ...]


_not_none = Condition("type != 0", lambda type_info, _root: type_info & TYPE_MASK != 0)
_at_least_l1 = Condition("type >= L1", lambda type_info, _root: type_info & TYPE_MASK >= table_type(1))
_at_most_root = Condition("type <= root", lambda type_info, root: type_info & TYPE_MASK <= root)
_nothing_else = Condition("only type bits", lambda type_info, _root: type_info & ~TYPE_MASK == 0)
_nothing_else_but_pae = Condition(
    "only type bits and PGT_pae_xen_l2",
    lambda type_info, _root: type_info & ~(TYPE_MASK | PAE_XEN_L2) == 0,
)

POSTED = Asserts("posted", (_not_none, _at_most_root, _nothing_else))
"""As first posted to the mailing list."""
COMMITTED = Asserts("committed", (_at_least_l1, _at_most_root, _nothing_else))
"""As committed: fires for every 32-bit PAE dom0, at the L2 of slot 3."""
FIXED = Asserts("fixed", (_at_least_l1, _at_most_root, _nothing_else_but_pae))
"""As fixed two days after the commit, and so to this day."""

GENERATIONS = (POSTED, COMMITTED, FIXED)
