"""Claims about the tables that Mini-OS takes on its way through memory."""

from typing import Final

from ...encodings import mini_os as rule
from ...encodings.dom0_layout import padded_end
from ...formal.layouts.layout import ADDRESS_LIMIT
from ...formal.layouts.paging import PAGE_SIZE, X86_64
from ...formal.logic.claim import Claim, Part, claim
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import region_end, touched
from ...formal.others import mini_os as machine
from ...formal.words.word import number
from ..count.claims import small
from ..shared import replays
from ..shared.region import n, v_start, vpt_start
from ..shared.replays import Values
from . import mini_os
from .cases import FAMILY, SENTENCE, case

SOURCE: Final = "follows: Mini-OS's mm.c, of 2018"


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def mini_os_exact() -> tuple[Part, ...]:
    """64-bit, S < V: with the tables that Mini-OS takes until its mapping has come to a, each level has the N(S, a) that it needs.

    S and V are Xen's region, which has the first ones. Mini-OS counts nothing: it takes a table where it finds none.
    """
    end, memory = mini_os.region_end, mini_os.memory_end
    return (
        Part(
            name=X86_64.title,
            lemma=mini_os.exact(),
            least=(v_start, end, memory),
            shape=(v_start == 0) & (end == 4 << 20) & (memory == (1 << 30) + (64 << 20)),
            without={
                "in-order": (v_start == 8 << 20) & (end == 4 << 20) & (memory == 8 << 20),
                "on-a-step": (v_start == 0) & (end == (4 << 20) + PAGE_SIZE) & (memory == 8 << 20),
            },
            replay=_exact,
        ),
    )


@claim(family=FAMILY, sentence=SENTENCE, source=SOURCE)
def mini_os_mapped() -> tuple[Part, ...]:
    """64-bit, S < V(n) ≤ a, whatever n: the frames that Mini-OS takes for tables by a end there or below, where all is mapped.

    It clears each at its own address, so it must be mapped by then. The 516 KiB that Xen leaves above its tables see to that.
    """
    return (
        Part(
            name=X86_64.title,
            lemma=mini_os.mapped_in_time(),
            least=(v_start, vpt_start, n, mini_os.at),
            shape=small() & (vpt_start >= 1 << 20) & (n == 5) & (mini_os.at == 64 << 20),
            without={"beyond": (v_start == 0) & (vpt_start == 0x7A0000) & (n == 9) & (mini_os.at == 8 << 20)},
            replay=_mapped,
        ),
    )


CLAIMS: tuple[Claim, ...] = (mini_os_exact, mini_os_mapped)


@case
def _exact(values: Values) -> Replay:
    """Judges the tables that there are, once the mapping has come to its end, by a walk over all that is mapped."""
    start, end, memory, at = (values[name] for name in ("v_start", "region_end", "memory_end", "at"))
    if start >= end or end % rule.STEP:
        return Replay(None, "no region that Xen makes")
    mapping = machine.given(start, end, end)
    machine.map_memory(mapping, memory)
    for level in ("L3", "L2", "L1"):
        replays.agreed(f"{level} taken", values[level.lower()], mapping.taken[level])
    there, walked = 1 + len(mapping.tables), touched(X86_64, start, at)
    return Replay(
        there == walked,
        f"{mapping.taken.total()} tables are taken and make {there}, and a walk over what is mapped comes to {walked}",
    )


@case
def _mapped(values: Values) -> Replay:
    """Judges, of each frame that is taken by a, whether it was mapped by then."""
    start, at = values["v_start"], values["at"]
    first = (values["vpt_start"] + values["n"] * PAGE_SIZE) % ADDRESS_LIMIT
    end = region_end(first + PAGE_SIZE) % ADDRESS_LIMIT
    words = number(values["vpt_start"]), number(values["n"])
    replays.agreed("the region's end", int(padded_end(*words)), end)
    if not start < end <= at:
        return Replay(None, "Xen has mapped that")
    mapping = machine.given(start, end, first)
    machine.map_memory(mapping, at)
    mapping.need(at)
    return Replay(
        not mapping.early and mapping.frame <= at,
        f"{mapping.taken.total()} frames are taken, up to {mapping.frame:#x}, where the mapping has come to {at:#x}; "
        f"{len(mapping.early) or 'none'} of them before they were mapped",
    )
