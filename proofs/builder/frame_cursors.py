"""Lemmas on the frames that the mapping loop maps: its two cursors, of the allocation and of the initrd.

An initrd of w pages that starts at page i has frames of its own; every other page takes the allocation's next one.
"""

from functools import cache

from ...encodings.dom0_builder import frame_given, frame_of, is_initrds, left_out
from ...formal.logic.theorem import Assumption, Induction, Lemma, Statement, Steps
from ...formal.words.word import Truth, Word, choose, number
from ..shared import arithmetic
from ..shared.arithmetic import a, b
from .loop_steps import after, looking
from .table_places import ITS


def frame_now() -> Word:
    """The frame that the step maps."""
    initrds = is_initrds(ITS.mapped, ITS.initrd_page, ITS.initrd_pages)
    return choose(initrds, ITS.initrd_frame + ITS.next_initrds, ITS.next_frame)


def frame_at(page: Word) -> Word:
    """The frame that a page maps, among those of the initrd or of the allocation."""
    initrds = is_initrds(page, ITS.initrd_page, ITS.initrd_pages)
    frame = frame_of(page, ITS.initrd_page, ITS.initrd_pages)
    return choose(initrds, ITS.initrd_frame + frame, frame)


def cursors() -> Truth:
    """The frames' cursors: those of the initrd count its pages, and the allocation's all others."""
    past = left_out(ITS.mapped, ITS.initrd_page, ITS.initrd_pages)
    return (ITS.next_initrds == past) & (ITS.next_frame == ITS.mapped - past)


def initrd_in_order() -> Assumption:
    """The initrd's pages don't wrap."""
    return Assumption("order", ITS.initrd_page <= ITS.initrd_page + ITS.initrd_pages, "i ≤ i + w")


@cache
def left_out_goes_on() -> Lemma:
    """A page more is left out after one of the initrd's."""
    page, first, pages = ITS.mapped, ITS.initrd_page, ITS.initrd_pages
    onward, end = page + 1, first + pages
    past = left_out(page, first, pages)
    return Lemma(
        "left-out-goes-on",
        "as many pages before p + 1 map the initrd's frames, and one more if p does",
        Statement(
            assumptions=(initrd_in_order(), Assumption("mapped", page < ITS.pages, "p + 1 doesn't wrap")),
            goal=left_out(onward, first, pages) == choose(is_initrds(page, first, pages), past + 1, past),
        ),
        Steps(
            uses=(
                *(arithmetic.next_number().at(a=page, b=each, d=ITS.pages) for each in (first, end)),
                arithmetic.same_difference().wherever(a=onward, b=end, c=first),
                arithmetic.added_taken_off().at(a=first, b=pages),
            ),
            generalise=(onward - first, page - first, end - first, onward, end),
        ),
    )


@cache
def cursors_go_on() -> Lemma:
    """A step keeps the frames' cursors, and maps the frame that they say."""
    past = left_out(ITS.mapped, ITS.initrd_page, ITS.initrd_pages)
    return Lemma(
        "cursors-go-on",
        "the cursors count the initrd's pages and the others, and the page p maps the frame for it",
        Statement(
            assumptions=(
                initrd_in_order(),
                Assumption("cursors", cursors() & (ITS.mapped < ITS.pages), "so before"),
            ),
            goal=after(cursors()) & (frame_now() == frame_at(ITS.mapped)),
        ),
        Steps(
            uses=(
                left_out_goes_on().at(),
                arithmetic.last_taken_off().at(a=ITS.mapped, b=past, c=number(1)),
                arithmetic.taken_off().at(a=ITS.mapped, b=number(1), c=past),
            ),
            generalise=(after(past),),
        ),
    )


@cache
def same_frame() -> Lemma:
    """The same page maps the same frame."""
    return arithmetic.same("same-frame", "p = q ⇒ they map the same frame", frame_at, a, b)


@cache
def given_where_left_out() -> Lemma:
    """With the initrd's pages left out, the cursors give a page the frame for it."""
    figures = ITS.initrd_page, ITS.initrd_pages
    past = left_out(a, *figures)
    return Lemma(
        "given-where-left-out",
        "the initrd's frame is as many as are left out before the page p, and the other one p less these",
        Statement(
            assumptions=(initrd_in_order(),),
            goal=frame_given(a, *figures, a - past, past) == frame_of(a, *figures),
        ),
    )


@cache
def as_many_left_out() -> Lemma:
    """Before the same page as many are left out: what is lost where these are generalised."""
    return arithmetic.same(
        "as-many-left-out",
        "p = q ⇒ as many pages before them map the initrd's frames",
        lambda page: left_out(page, ITS.initrd_page, ITS.initrd_pages),
        a,
        b,
    )


@cache
def mapped_in_order() -> Lemma:
    """The frame that the cursors give a page, each going up by one where it is used."""
    given = frame_given(ITS.pages, ITS.initrd_page, ITS.initrd_pages, ITS.next_frame, ITS.next_initrds)
    ends = ITS.mapped, ITS.pages
    past = [left_out(each, ITS.initrd_page, ITS.initrd_pages) for each in ends]
    return Lemma(
        "mapped-in-order",
        "the p-th page maps the frame p below i, the initrd's p - i up to i + w, and p - w from there on",
        Statement(
            assumptions=(initrd_in_order(),),
            runs=(looking(),),
            goal=given == frame_of(ITS.pages, ITS.initrd_page, ITS.initrd_pages),
        ),
        Induction(
            invariant=(ITS.mapped <= ITS.pages) & cursors(),
            step=Steps(uses=(cursors_go_on().at(),)),
            end=Steps(
                uses=(
                    given_where_left_out().at(a=ITS.pages),
                    as_many_left_out().wherever(a=ITS.mapped, b=ITS.pages),
                    arithmetic.same_both(minus=True).wherever(
                        **dict(zip("acbd", (*ends, *past), strict=True))
                    ),
                ),
                generalise=(*(end - each for end, each in zip(ends, past, strict=True)), *past),
            ),
        ),
    )
