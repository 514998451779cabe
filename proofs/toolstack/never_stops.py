"""Lemmas about the end of the address space, where libxenguest's iteration never stops.

The region that it makes there ends at 2^64. Past its last address comes 0, as a word, and no tables fit below that:
the iteration makes the same region again, for ever.
"""

from functools import cache

from ...encodings import domu
from ...formal.layouts.paging import PAGE_SIZE, X86_64
from ...formal.logic.theorem import Assumption, Induction, Lemma, Run, Statement, Steps
from ...formal.words.word import Truth, Word, number, word
from ..shared.region import v_start, vpt_start
from .iteration import pages, toolstacks
from .mappings import LINE

steps, taken = word("steps"), word("taken")


def full_tables() -> Word:
    """The tables of a region that ends at 2^64, as the toolstack counts them: wherever its own tables start."""
    return domu.tables(X86_64, v_start, number((1 << 64) - 1))


def near_the_end() -> Assumption:
    """The assumption that the region can only end at 2^64."""
    return Assumption("last", vpt_start >= (1 << 64) - LINE, "T is in the last 4 MiB of the address space")


def room_at_the_end() -> Assumption:
    """The assumption that no figure of the iteration comes to 2^64."""
    space = number((1 << 64) - PAGE_SIZE) - vpt_start
    few = (full_tables() < 512) & ((full_tables() + domu.EXTRA) * PAGE_SIZE <= space)
    few &= vpt_start <= (1 << 64) - PAGE_SIZE
    return Assumption("fits", few, "the tables, the stack, 512 KiB and one more page fit above T")


def as_tried() -> Truth:
    """What the iteration makes its regions for: 129 pages first, and then the tables of the whole and 129."""
    return (pages == domu.EXTRA) | (pages == full_tables() + domu.EXTRA)


@cache
def never_stops() -> Lemma:
    """At the end of the address space every state goes on: the region ends at 2^64, a 0 which nothing fits below.

    By induction over the steps taken: each state makes the region that ends at 2^64, which needs the same tables.
    """
    counted, last = toolstacks(X86_64), domu.last_address(vpt_start, pages)
    goes_to = counted + domu.EXTRA
    return Lemma(
        "toolstack-never-stops",
        "T in the last 4 MiB ⇒ after k steps, for every k, the iteration goes on",
        Statement(
            assumptions=(near_the_end(), room_at_the_end()),
            runs=(Run(domu.steps(X86_64), (v_start, vpt_start, steps), (pages, taken)),),
            goal=vpt_start + goes_to * PAGE_SIZE > last + 1,
        ),
        Induction(
            invariant=as_tried(),
            base=Steps(generalise=(full_tables(),)),
            step=Steps(
                uses=(ends_at_the_end().at(), same_last().wherever()),
                generalise=(full_tables(), counted, last),
            ),
            end=Steps(
                uses=(ends_at_the_end().at(), same_last().wherever()),
                generalise=(full_tables(), counted, last),
            ),
        ),
    )


@cache
def ends_at_the_end() -> Lemma:
    """From a T in the last 4 MiB, pages that fit make the region that ends at 2^64."""
    return Lemma(
        "ends-at-the-end",
        "T ≥ 2^64 - 4 MiB, p = 129 or p = c + 129, c + 129 pages fit ⇒ the region's last address is 2^64 - 1",
        Statement(
            assumptions=(
                near_the_end(),
                room_at_the_end(),
                Assumption(
                    "pages",
                    as_tried(),
                    "p = 129 or p = c + 129",
                ),
            ),
            goal=domu.last_address(vpt_start, pages) == -1,
        ),
        Steps(generalise=(full_tables(),)),
    )


@cache
def same_last() -> Lemma:
    """A region that ends at 2^64 has the tables of one."""
    return Lemma(
        "same-last",
        "the region's last address is 2^64 - 1 ⇒ its tables are those of [S, 2^64 - 1]",
        Statement(
            assumptions=(Assumption("last", domu.last_address(vpt_start, pages) == -1, "it ends at 2^64"),),
            goal=toolstacks(X86_64) == full_tables(),
        ),
        Steps(generalise=(domu.last_address(vpt_start, pages),)),
    )
