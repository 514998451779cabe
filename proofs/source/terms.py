"""A tree's count and layout as terms over the words that lemmas speak of: S, T and n, for one sort of guest.

Notation of DOMAIN.md section 1: S = v_start, T = vpt_start, n = nr_pt_pages. Facts: what the inputs are called in Xen's builder,
4.0 to today (`INPUTS`); that a 32-bit guest's INIT_P2M counts as not given before the layout begins; that the PV builder is
never run for a PVH guest.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

from attrs import field, frozen

from ...formal.c.statements import SourceLoop, live
from ...formal.c.values import Any, Unknown, Value
from ...formal.layouts.paging import PagingMode
from ...formal.source.dom0_source import COUNT, Dom0Source
from ...formal.words.word import TRUE, AnyTerm, Truth, Word, inputs, number, replaced, word
from ..shared.region import n, v_start, vpt_start

UNSET: Final = (1 << 64) - 1
"""What Xen has for an address that isn't given."""
INPUTS: Final = {
    "parms.virt_base": word("virt_base"),
    "parms.virt_kstart": word("kernel_start"),
    "parms.virt_kend": word("kernel_end"),
    "parms.p2m_base": word("init_p2m"),
    "nr_pages": word("nr_pages"),
    "initrd_len": word("initrd_len"),
    "sizeof(struct start_info)": word("info"),
    "sizeof(struct dom0_vga_console_info)": word("vga"),
}
"""The inputs of a layout, by their names in the source."""
UNMAPPED: Final = ("parms.unmapped_initrd", "parms.elf_notes[16].data.num")
"""What says that the initrd isn't mapped (note MOD_START_PFN), where it isn't 0."""
SHIM: Final = "pv_shim"
_32_BIT: Final = re.compile(r"is_pv_(?:32bit|32on64)_(?:domain|vcpu)\(\w+\)")
_PVH: Final = re.compile(r"is_pvh_domain\(\w+\)")


def for_mode(term: AnyTerm, source: Dom0Source, mode: PagingMode) -> AnyTerm:
    """The term for one sort of guest."""
    put: dict[Word, Word] = {}
    for each in inputs([term]):
        name = str(each.value)
        if name in source.mode or _32_BIT.fullmatch(name):
            put[each] = number(int(mode.bits == 32), each.width)
        elif _PVH.fullmatch(name):
            put[each] = number(0, each.width)
    return replaced(term, put)


def strangers(terms: Iterable[Word | Truth], known: Iterable[Word]) -> list[str]:
    """Inputs that a term has, besides those that are known."""
    names = {id(each) for each in known}
    return [str(each.value) for each in inputs(terms) if id(each) not in names]


@frozen(eq=False, kw_only=True)
class Count:
    """A loop over n alone, as it stands in the source, over S, T and n.

    ``start`` and ``step`` are of n; a round ``goes_on`` or not, or ``leaves`` the function; ``tried_end`` is where it has the
    region end. When all is done the region ends at ``v_end``, and ``count`` frames are set aside; ``ends`` are other
    addresses then, by their names. A count that isn't ``searched`` for is ``start`` at once: a formula of S and T.
    ``lines`` say where in the source the single pieces stand that a statement or two are about.
    """

    mode: PagingMode
    where: str
    start: Word
    step: Word
    goes_on: Truth
    leaves: Truth
    tried_end: Word
    v_end: Word
    count: Word
    ends: Mapping[str, Word]
    searched: bool = True
    lines: Mapping[str, str] = field(factory=dict)

    @cached_property
    def plain(self) -> bool:
        """Whether the count is what the last round had."""
        return self.count is n


def count_of(source: Dom0Source, mode: PagingMode) -> Count | Unknown:
    """The source's count for a sort of guest, or why it isn't understood."""
    loop = source.loop
    if loop is None:
        return _formula(source, mode)
    reads = {"the start": loop.start.get(COUNT), "the step": loop.step.get(COUNT), "the guard": loop.goes_on}
    reads |= {name: source.values.get(name) for name in ("v_end", COUNT)}
    reads["the end"] = loop.exits.get("v_end")
    for what, each in reads.items():
        if each is None or isinstance(each, Unknown):
            return each or Unknown(loop.where, f"{what} of {COUNT} isn't found in the loop")
    of_count = {name: _of_count(loop, name) for name in live(loop) if name != COUNT}
    others = [name for name, each in of_count.items() if each is None]
    if others:
        return Unknown(loop.where, f"the loop hangs on {', '.join(others)} of the round before")
    carried = {loop.state[name]: each for name, each in of_count.items() if each is not None}
    if loop.state[COUNT].width != n.width:
        return Unknown(loop.where, f"{COUNT} isn't of 64 bits")
    low, tables = (loop.head.get(name) for name in ("v_start", "vpt_start"))
    names: dict[Word, Word] = {loop.state[COUNT]: n}
    for name, each, ours in (("v_start", low, v_start), ("vpt_start", tables, vpt_start)):
        if not isinstance(each, Value) or each.term.operation != "input" or name in loop.state:
            return (
                each
                if isinstance(each, Unknown)
                else Unknown(loop.where, f"{name} isn't set before the loop")
            )
        names[each.term] = ours
    return _over_words(source, mode, loop, names, carried)


def _of_count(loop: SourceLoop, name: str) -> Word | None:
    """What a variable is at the beginning of any round, if that is the same term of the count each time; else ``None``.

    It is so at first, and after a round of the next count: so a loop that lays out before it asks is one that asks first.
    """
    count = loop.state[COUNT]
    values = [part.get(each) for part in (loop.start, loop.step) for each in (COUNT, name)]
    if not all(isinstance(each, Value) for each in values):
        return None
    first, started, after, stepped = (each.term for each in values if isinstance(each, Value))
    term = replaced(stepped, {after: count})
    theirs = {id(each) for each in loop.state.values()}
    if any(id(each) in theirs and each is not count for each in inputs([term])):
        return None
    if after.operation == "input" or _has(replaced(stepped, {after: word("the next count")}), count):
        return None
    put_back = replaced(replaced(term, {count: first}), loop.given)
    return term if put_back is started else None


def _has(term: Word, wanted: Word) -> bool:
    return any(each is wanted for each in inputs([term]))


def _formula(source: Dom0Source, mode: PagingMode) -> Count | Unknown:
    """A count without a loop, or with one that was gone through round by round."""
    read: dict[str, Word] = {}
    for name in (COUNT, "v_end", "v_start", "vpt_start", "vstack_end", "vpt_end"):
        value = source.value(name)
        if isinstance(value, Value):
            read[name] = for_mode(value.term, source, mode)
        elif name in (COUNT, "v_end", "v_start", "vpt_start"):
            return value
    names = {read["vpt_start"]: vpt_start, read["v_start"]: v_start}
    over = {name: replaced(each, names) for name, each in read.items()}
    start = over[COUNT]
    foreign = strangers(over.values(), [v_start, vpt_start])
    if foreign:
        return Unknown(source.first, f"the count also reads {', '.join(foreign)}")
    if {each.width for each in over.values()} != {64}:
        return Unknown(source.first, f"{COUNT} or v_end isn't of 64 bits")
    if start.operation not in ("constant", "input"):
        over = {name: replaced(each, {start: n}) for name, each in over.items()}
    return Count(
        mode=mode,
        where=source.first,
        start=start,
        step=n,
        goes_on=~TRUE,
        leaves=~TRUE,
        tried_end=over["v_end"],
        v_end=over["v_end"],
        count=n,
        ends={name: over[name] for name in ("vstack_end", "vpt_end") if name in over},
        searched=False,
        lines=_lines(source),
    )


def _lines(source: Dom0Source) -> dict[str, str]:
    """Where the statements stand that the single pieces, and properties, of a count are about."""
    looping = source.loop is not None
    tables, end = source.where_set("vpt_end", "vstack_end"), source.where_set("v_end", in_loop=looping)
    found = {"set-aside": tables, "consistent": tables, "v_end": end, "tried-end": end, "fits": end}
    if looping:
        found |= {
            "start": source.where_set(COUNT),
            "step": source.where_set(COUNT, in_loop=True, last=True),
            "guard": source.where_left,
        }
    return found


def _over_words(
    source: Dom0Source,
    mode: PagingMode,
    loop: SourceLoop,
    names: dict[Word, Word],
    carried: Mapping[Word, Word],
) -> Count | Unknown:
    def over(term: AnyTerm) -> AnyTerm:
        return replaced(for_mode(replaced(term, carried), source, mode), names)

    def word_of(value: Any) -> Word:
        assert isinstance(value, Value)
        return over(value.term)

    assert isinstance(loop.goes_on, Truth)
    found = Count(
        mode=mode,
        where=loop.where,
        start=word_of(loop.start[COUNT]),
        step=word_of(loop.step[COUNT]),
        goes_on=over(loop.goes_on),
        leaves=over(loop.leaves),
        tried_end=word_of(loop.exits["v_end"]),
        v_end=word_of(source.values["v_end"]),
        count=word_of(source.values[COUNT]),
        ends={
            name: word_of(each)
            for name in ("vstack_end", "vpt_end", "vstack_start")
            if isinstance(each := source.values.get(name), Value)
        },
        lines=_lines(source),
    )
    laid_out = (found.start, found.step, found.tried_end, found.v_end, found.count, *found.ends.values())
    if {each.width for each in laid_out} != {64}:
        return Unknown(loop.where, f"{COUNT}, v_end, or where the tables or the stack lie isn't of 64 bits")
    foreign = strangers(
        [found.start, found.step, found.goes_on, found.leaves, found.tried_end, found.v_end, found.count],
        [v_start, vpt_start, n],
    )
    if foreign:
        return Unknown(loop.where, f"the count also reads {', '.join(foreign)}")
    return found
