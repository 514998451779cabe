"""Claims about GRUB's loader for Xen: what it sets aside, and what its stop test forgets."""

from typing import Final

from ...encodings import grub as rule
from ...formal.edge.amounts import exactly
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SIZE, X86_64
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import touched
from ...formal.others import grub as machine
from ...formal.words.word import Truth, number
from ..count.claims import ordinary, small
from ..shared import replays
from ..shared.region import v_start, vpt_start
from ..shared.replays import Values
from . import grub
from .cases import FAMILY, LINUX, SENTENCE, case

SOURCE: Final = "follows: GRUB's loader for Xen, 2.06 to 2.12"


def _first_round() -> Truth:
    """A kernel where Linux's is, whose tables end in the region of the first round."""
    return ordinary() & (v_start == LINUX) & (vpt_start < LINUX + (1 << 30)) & (grub.pages == 0)


def _around() -> Truth:
    """Tables so close to 2^64, of a region so long, that they pass it."""
    return (v_start == (1 << 64) - (1 << 40)) & (vpt_start == (1 << 64) - (8 << 20)) & (grub.pages == 0)


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def grub_count() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: GRUB's tables end in the region, of which f(S, V) map it.

    The rest maps a page beside the region, for GRUB's last steps. Each round that continues asks for more tables
    than the one before, and none asks for more than all of 48 bits take. So the rounds end, or the region reaches
    2^64.
    """
    first = ordinary() & (grub.pages == 0)
    return (
        Part(
            name="what is set aside",
            lemma=grub.counts(),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={
                "in-order": (v_start == 6 << 20) & (vpt_start == 0) & (grub.pages == 0),
                "fits": _around(),
                "block": first
                & (v_start == (1 << 48) - (4 << 20))
                & (vpt_start == (1 << 48) - 16 * PAGE_SIZE),
            },
            replay=_counted,
        ),
        Part(
            name="each round",
            lemma=grub.rises(),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={
                "no-wrap": (v_start == 0) & (vpt_start == (1 << 64) - (1 << 20)) & (grub.pages == 1000),
            },
            replay=_one_round,
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="at most 128 tables, as in any region of up to 240 MiB; or a stop test that counts the stack and the 512 KiB",
)
def grub_stack() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: the boot stack that GRUB starts a kernel with ends in the region.

    Refuted: the rounds stop when the tables end in the region, and the stack is above them. With at most 128 tables
    the 512 KiB that are left make up for them. A region of up to 240 MiB has no more.
    """
    return (
        _anywhere("grub-stack", rule.STACK, _first_round(), _leaves(rule.STACK, "of the stack")),
        Part(
            name="128 tables at most",
            lemma=grub.leaves("grub-stack[128]", "n ≤ 128 ⇒ 1 MiB is left above the tables", rule.STACK, 128),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"few": _first_round()},
            replay=_leaves(rule.STACK, "of the stack"),
        ),
        Part(
            name="a region of 240 MiB at most",
            lemma=grub.leaves_in("grub-stack[240 MiB]", rule.STACK, 240 << 20),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"small": _first_round()},
            replay=_leaves(rule.STACK, "of the stack"),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a stop test that counts the stack and the 512 KiB",
)
def grub_padding() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: 512 KiB are left above the boot stack, as Xen's interface has it.

    Refuted: the region is made with room for 512 KiB, but for no tables, and the test lets the tables take from it.
    A test that counts stack and 512 KiB leaves them free.
    """
    return (
        _anywhere(
            "grub-padding", grub.ROOM, small() & (grub.pages == 0), _leaves(grub.ROOM, "of stack and 512 KiB")
        ),
        Part(
            name="a stop test that counts stack and 512 KiB",
            lemma=grub.leaves(
                "grub-padding[tested]", "1.5 MiB are left above the tables", grub.ROOM, None, grub.ROOM
            ),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages < 64),
            without={"fits": _around()},
            replay=_leaves(grub.ROOM, "of stack and 512 KiB", grub.ROOM),
        ),
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="at most 383 tables, as in any region of up to 750 MiB; or a stop test that counts the stack and the 512 KiB",
)
def grub_last_page() -> tuple[Part, ...]:
    """64-bit, S ≤ T, the region across no multiple of 2^48: the region's last page, GRUB's way into the kernel, is no table.

    Refuted: the tables may end where the region does. With at most 383 tables a page of the 1.5 MiB is left. A region
    of up to 750 MiB has no more.
    """
    return (
        _anywhere("grub-last-page", PAGE_SIZE, _first_round(), _last_page),
        Part(
            name="383 tables at most",
            lemma=grub.leaves(
                "grub-last-page[383]", "n ≤ 383 ⇒ a page is left above the tables", PAGE_SIZE, 383
            ),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"few": _first_round()},
            replay=_last_page,
        ),
        Part(
            name="a region of 750 MiB at most",
            lemma=grub.leaves_in("grub-last-page[750 MiB]", PAGE_SIZE, 750 << 20),
            least=(v_start, vpt_start),
            shape=small() & (grub.pages == 0),
            without={"small": _first_round()},
            replay=_last_page,
        ),
    )


CLAIMS: tuple[Claim, ...] = (grub_count, grub_stack, grub_padding, grub_last_page)


def _anywhere(name: str, bytes_: int, shape: Truth, replay: replays.Judge) -> Part:
    """That so many bytes are always left above GRUB's tables, which is refuted."""
    statement = Statement(
        assumptions=(grub.in_order(), grub.fits(), grub.block()), runs=(grub.found(),), goal=grub.left(bytes_)
    )
    return Part(
        name="any region",
        expected=Expected.REFUTED,
        lemma=Lemma(f"{name}[any]", f"{exactly(bytes_)} are left above the tables", statement),
        least=(v_start, vpt_start),
        shape=shape,
        replay=replay,
    )


def _loaded(values: Values, above: int = 0) -> machine.Loaded | None:
    """What GRUB sets aside for a case, which must be what the model has; ``None`` if its rounds don't end."""
    found = machine.load(values["v_start"], values["vpt_start"], above)
    if found is not None:
        replays.agreed("the frames that the region is made for", values["pages"], found.made_for)
        _agreed(values, found)
    return found


def _agreed(values: Values, found: machine.Loaded) -> None:
    words = [number(values[name]) for name in ("v_start", "vpt_start", "pages")]
    replays.agreed("the tables", int(rule.tables_for(*words)), found.tables)
    replays.agreed("the region's end", int(rule.region_end(*words[1:])), found.end)


ENDLESS: Final = Replay(None, "GRUB's rounds reach a region that was tried before, and continue")


@case
def _counted(values: Values) -> Replay:
    """Judges whether the tables end in the region, and whether a walk over it comes to as many as map it."""
    found = _loaded(values)
    if found is None:
        return ENDLESS
    start, tables_start = found.v_start, found.vpt_start
    walked = touched(X86_64, start, found.end if found.end > start else found.end + ADDRESS_LIMIT)
    own = 1 + machine.count_of(found.region)
    fit = found.tables * PAGE_SIZE <= (found.end - tables_start) % ADDRESS_LIMIT
    return Replay(
        fit and own == walked, f"{found.sentence}; {own} map the region, and a walk over it touches {walked}"
    )


@case
def _one_round(values: Values) -> Replay:
    """Judges one round: whether it is over, or asks for more than the region was made for."""
    found = machine.go_round(values["v_start"], values["vpt_start"], values["pages"])
    _agreed(values, found)
    goes_on = found.tables_end > found.end
    return Replay(
        found.tables <= grub.MOST and (not goes_on or found.tables > found.made_for),
        f"{found.sentence}, made for {found.made_for}: {'one more round' if goes_on else 'it is the last'}",
    )


def _leaves(bytes_: int, what: str, above: int = 0) -> replays.Judge:
    """Judges whether the pages right above the tables are all mapped, looking each of them up."""

    @case
    def judge(values: Values) -> Replay:
        found = _loaded(values, above)
        if found is None:
            return ENDLESS
        if not found.one_piece:
            return Replay(None, f"{found.sentence}; they don't map what lies between")
        pages = bytes_ // PAGE_SIZE
        missing = found.unmapped(found.tables_end, pages)
        return Replay(
            not missing,
            f"{found.sentence}; of the {pages} pages {what}, from {found.tables_end:#x} on, "
            f"{missing or 'none'} {'is' if missing == 1 else 'are'} not mapped",
        )

    return judge


@case
def _last_page(values: Values) -> Replay:
    """Judges what the region's last page is, of the pages that GRUB has for something."""
    found = _loaded(values)
    if found is None:
        return ENDLESS
    last = (found.end - PAGE_SIZE) % ADDRESS_LIMIT
    table = last in range(found.vpt_start, found.vpt_start + found.tables * PAGE_SIZE, PAGE_SIZE)
    return Replay(
        not table, f"{found.sentence}; its last page, {last:#x}, is {'a' if table else 'no'} page table"
    )
