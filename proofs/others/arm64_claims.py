"""Claims about the pages that Linux for arm64 sets aside for its first tables."""

from typing import Final

from ...encodings import arm64 as rule
from ...encodings.dom0_count import tables
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PagingMode
from ...formal.logic.claim import Claim, Expected, Part, claim
from ...formal.logic.theorem import Lemma, Statement
from ...formal.logic.verdict import Replay
from ...formal.others import arm64 as machine
from ...formal.words.word import Truth, number
from ..shared import replays
from ..shared.region import v_start
from ..shared.replays import Values
from . import arm64
from .cases import FAMILY, SENTENCE, case

SOURCE: Final = "follows: Linux's kernel-pgtable.h for arm64, as of 6.9"
LINKED: Final = 0xFFFF800080000000
"""Where the image is linked to."""
STEP: Final = 2 << 20
"""The image is moved by multiples of this."""


def _image() -> Truth:
    """An image where Linux's is, of less than 1 GiB."""
    end = arm64.end
    return (v_start == LINKED) & (end > LINKED) & (end - LINKED < 1 << 30) & (end & 0xFFFF == 0)


def _moved() -> Truth:
    """It is moved up, by less than 1 GiB."""
    return (arm64.moved & (STEP - 1) == 0) & (arm64.moved < 1 << 30)


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def arm64_early() -> tuple[Part, ...]:
    """S < E ≤ S + 2^63: EARLY_PAGES(S, E) of arm64, with nothing added, is f(S, E).

    S and E are where the image starts and ends, its first tables in it.
    """
    return tuple(
        Part(
            name=mode.title,
            lemma=arm64.exact(mode),
            least=(v_start, arm64.end),
            shape=_image(),
            without={"image": (v_start == 0) & (arm64.end == 0)},
            replay=_exact(mode),
        )
        for mode in rule.MODES
    )


@claim(
    family=FAMILY,
    sentence=SENTENCE,
    source=SOURCE,
    cure="a table more at each level below the root, as a kernel has that can be moved",
)
def arm64_early_moved() -> tuple[Part, ...]:
    """S < E ≤ S + 2^63, d any: what is set aside for [S, E) is enough for the image moved by d.

    Refuted with nothing added. With a table more at each level below the root it is, for every d.
    """
    return (
        *(
            Part(
                name=f"{mode.title}, a table more at each level",
                lemma=arm64.enough_when_moved(mode),
                least=(v_start, arm64.end, arm64.moved),
                shape=_image() & _moved(),
                without={"image": _backwards(1 << mode.levels[0].shift)},
                replay=_enough(mode, 1),
            )
            for mode in rule.MODES
        ),
        *(
            Part(
                name=f"{mode.title}, nothing added",
                expected=Expected.REFUTED,
                lemma=Lemma(
                    f"arm64-moved[{mode.name},none]",
                    "S < E ⇒ f(S + d, E + d) ≤ EARLY_PAGES(S, E, 0)",
                    Statement(assumptions=(arm64.image(),), goal=_fits(mode, 0)),
                ),
                least=(v_start, arm64.end, arm64.moved),
                shape=_image() & _moved(),
                replay=_enough(mode, 0),
            )
            for mode in rule.MODES
        ),
    )


CLAIMS: tuple[Claim, ...] = (arm64_early, arm64_early_moved)


def _backwards(block: int) -> Truth:
    """An end below the start, by so much that the moved one is a block short."""
    eighth = block // 8
    return (v_start == 13 * eighth) & (arm64.end == eighth) & (arm64.moved == 6 * eighth)


def _fits(mode: PagingMode, extra: int) -> Truth:
    wanted = tables(mode, v_start + arm64.moved, arm64.end + arm64.moved)
    return wanted <= rule.early_pages(mode, v_start, arm64.end, extra)


def _aside(mode: PagingMode, values: Values, extra: int) -> int:
    return int(rule.early_pages(mode, number(values["v_start"]), number(values["end"]), extra))


def _exact(mode: PagingMode) -> replays.Judge:
    """Judges what is set aside by the tables that are made."""

    @case
    def judge(values: Values) -> Replay:
        if values["v_start"] >= values["end"]:
            return Replay(None, "no image")
        made, aside = machine.tables(mode, values["v_start"], values["end"]), _aside(mode, values, 0)
        return Replay(made == aside, f"{aside} pages are set aside, and {made} tables are made")

    return judge


def _enough(mode: PagingMode, extra: int) -> replays.Judge:
    """Judges what is set aside by the tables that are made for the moved image."""

    @case
    def judge(values: Values) -> Replay:
        start, end = ((values[name] + values["moved"]) % ADDRESS_LIMIT for name in ("v_start", "end"))
        if values["v_start"] >= values["end"] or start >= end:
            return Replay(None, "no image")
        made, aside = machine.tables(mode, start, end), _aside(mode, values, extra)
        return Replay(
            made <= aside, f"{aside} pages are set aside, and {made} tables are made for the moved image"
        )

    return judge
