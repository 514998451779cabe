"""What the builder settles before it maps: dom0's memory, the one allocation for the region, and whether it overlaps Xen.

Facts: where dom0's memory is computed (``MEMORY``: 4.10 on, and before), and what variables and options are called there, 4.0
to today. Notation of DOMAIN.md sections 5 and 6.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from ....encodings.allocation import initrd_pages, order_pages, own_length
from ....encodings.memory import nr_pages_capped, nr_pages_clamped, nr_pages_unasked
from ....encodings.overlap import overlaps, overlaps_compat
from ....formal.c.types import Node, part, text_of, within
from ....formal.c.values import BOOL, Value
from ....formal.edge.errors import InputError
from ....formal.layouts.dom0_mem import Amount, Dom0Mem, capped
from ....formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ....formal.layouts.paging import PAGE_SIZE, PagingMode
from ....formal.logic.verdict import Replay
from ....formal.machine.builder import XEN_AREA
from ....formal.source.dom0_source import COUNT, TOLD, Dom0Source, File, name_of, read_file
from ....formal.source.questions import Piece
from ....formal.source.slices import block, leaves, mentions, writes
from ....formal.source.summaries import ASSUMED, HOLE
from ....formal.words.word import (
    Truth,
    Word,
    all_of,
    choose,
    implies,
    inputs,
    number,
    replaced,
    word,
    zero_extended,
)
from ...shared.replays import Judge, Values
from ..terms import UNMAPPED, UNSET
from .pieces import Pieces, compared, executed, judged, known, not_found, not_read, read, renamed, unchanged

MEMORY: Final = ("xen/arch/x86/dom0_build.c", "xen/arch/x86/domain_build.c")
_COMPUTES: Final = "(?:dom0_)?compute_(?:dom0_)?nr_pages"
_COMPUTES_IN: Final = "nr_pages("
_AMOUNTS: Final = ("get_memsize(&dom0_size, avail)", "dom0_nrpages", "nr_pages")
"""What the amount is that dom0 asks for: 4.12 on, 4.6 on, and before."""
_ASKED: Final = ("memsize_gt_zero(&dom0_size)", "dom0_nrpages")
_LEAST: Final = ("memsize_gt_zero(&dom0_min_size)", "dom0_min_nrpages")
"""What says that a positive amount, and a positive minimum, is asked for: 4.12 on, and before."""
_MINIMUM: Final = {
    "minimum": "where a positive minimum is asked for, that is what min_pages is, and it isn't 0"
}
_LIMITS: Final = {"limits": "min_pages and max_pages are what dom0_mem's min: and max: come to"}
nr_pages, min_pages, max_pages, avail = word("nr_pages"), word("min_pages"), word("max_pages"), word("avail")
v_start, v_end, vinitrd_start = word("v_start"), word("v_end"), word("vinitrd_start")
initrd_len, virt_base, kernel_end = word("initrd_len"), word("virt_base"), word("kernel_end")
init_p2m, hole = word("init_p2m"), word("hole", 32)


# Memory


@lru_cache(2)
def _memory(source: Dom0Source) -> tuple[File, Node]:
    for path in MEMORY:
        if path != source.path and _COMPUTES_IN not in (source.tree.read(path) or ""):
            continue
        file = source.file if path == source.path else read_file(source.tree, path)
        function = file.function(_COMPUTES)
        if function is not None:
            return file, function
    raise not_found(source.first, "the function that computes dom0's memory")


def _assigns(node: Node, *names: str) -> bool:
    return node.type == "expression_statement" and writes(node, ["nr_pages"]) and mentions(node, *names)


def _clamping(file: File, function: Node) -> tuple[list[Node], range]:
    """The block where the memory is clamped the last time, and where in it that is done. Raises NotRead."""
    blocks = (
        [each for each in inner.named_children if each.type != "comment"]
        for inner in within(function)
        if inner.type == "compound_statement"
    )
    nodes = [each for each in blocks if any(_assigns(one, "nr_pages", "max_pages") for one in each)]
    if not nodes:
        raise not_found(file.where(function), "where nr_pages is lowered to max_pages")
    last = max(place for place, each in enumerate(nodes[-1]) if _assigns(each, "nr_pages", "max_pages"))
    while last + 1 < len(nodes[-1]) and _assigns(nodes[-1][last + 1], "nr_pages"):
        last += 1
    first = _after(nodes[-1][: last + 1], ("min_pages", "max_pages", "avail"))
    while (
        first < last
        and _assigns(nodes[-1][first])
        and len(re.findall(r"\bnr_pages\b", text_of(nodes[-1][first]))) == 1
    ):
        first += 1  # it is set anew
    whole = [place for place in range(first, last) if nodes[-1][place].type != "expression_statement"]
    first = max([first, *(place + 1 for place in whole if writes(nodes[-1][place], ["nr_pages"]))])
    return nodes[-1], range(first, last + 1)


def _after(nodes: Sequence[Node], names: Iterable[str]) -> int:
    """The place after the last of some statements that changes one of the variables."""
    names = tuple(names)
    return max((place for place, each in enumerate(nodes) if writes(each, names)), default=-1) + 1


def _unasked(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    file, function = _memory(source)
    nodes, clamp = _clamping(file, function)
    begin = _after(nodes[: clamp.start], ["avail"])
    if begin == clamp.start:
        raise not_found(file.where(nodes[begin]), "where it is settled what dom0 asks for")
    given = {"pv_shim": Value(number(0, BOOL.bits), BOOL)}
    found = executed(source, mode, file, function, nodes[begin : clamp.start], given=given)
    term = known(found.value("nr_pages")).term
    names = {str(each.value): each for each in inputs([term])}
    amount = next((names[each] for each in _AMOUNTS if each in names), None)
    if amount is None:
        raise not_found(found.where, "an amount that dom0 asks for")
    term = renamed(replaced(term, {amount: number(0)}), {"avail": avail}, found.where)
    some = (
        read(term, {"avail": 8}) != 8
    )  # before 4.12 a 16th that comes to nothing isn't taken off, and gives nothing
    goal = term == nr_pages_unasked(avail)
    return compared(
        name,
        f"{says}, where it is 16 pages at least" if some else says,
        mode,
        found.where,
        implies(avail >= 16, goal) if some else goal,
        judged("the memory", term, lambda case: Dom0Mem().nr_pages(case.get("avail", 0))),
        "encodings/memory.py",
        assumes={"amounts": ASSUMED["amounts"]},
    )


def _clamp(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    file, function = _memory(source)
    nodes, clamp = _clamping(file, function)
    found = executed(source, mode, file, function, nodes[clamp.start : clamp.stop])
    names = {str(each.value): each for each in (nr_pages, min_pages, max_pages, avail)}
    term = renamed(known(found.value("nr_pages")).term, names, found.where)

    def expected(case: Values) -> int:
        asked, least, most, there = (case.get(each, 0) for each in names)
        return min(max(asked, least), most, there)

    return compared(
        name,
        says,
        mode,
        found.where,
        term == nr_pages_clamped(nr_pages, min_pages, max_pages, avail),
        judged("the memory", term, expected),
        "encodings/memory.py",
        assumes=_LIMITS,
    )


def _positive(names: dict[str, Word], of: tuple[str, str]) -> Truth:
    """Whether a positive amount is asked for, by what the source has for it."""
    yes, signed = (names.get(each) for each in of)
    if yes is None and signed is not None and signed.width == 64:
        return (signed ^ 1 << 63) > 1 << 63
    return (word(of[0], 8) if yes is None else yes) != 0


def _cap(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    file, function = _memory(source)
    nodes = block(function)
    last = _after(nodes, ["nr_pages"]) - 1
    if last < 0 or nodes[last].type != "if_statement" or not mentions(nodes[last], "parms"):
        raise not_found(file.where(function), "the cap on memory for kernels without INIT_P2M")
    _nothing_beside(file, function, nodes, last)
    _nothing_after(source, function)
    found = executed(source, mode, file, function, [nodes[last]])
    term = known(found.value("nr_pages")).term
    names = {str(each.value): each for each in inputs([term])}
    asked, least = _positive(names, _ASKED), _positive(names, _LEAST)
    ours = {
        "nr_pages": nr_pages,
        "min_pages": min_pages,
        "initrd_len": initrd_len,
        "parms->virt_base": virt_base,
        "parms->virt_kend": kernel_end,
        "parms->p2m_base": init_p2m,
    }
    kept = {each: names[each] for each in (*_ASKED, *_LEAST) if each in names}
    minimum = choose(least, min_pages, number(0))
    goals: list[Truth] = []
    terms: dict[bool, Word] = {}
    for mapped in (True, False) if _unmapped(names) else (True,):
        put = {names[each]: number(int(not mapped), names[each].width) for each in _unmapped(names)}
        terms[mapped] = renamed(replaced(term, put), ours | kept, found.where)
        clipped = nr_pages_capped(
            mode, virt_base, kernel_end, initrd_len if mapped else None, nr_pages, minimum
        )
        capped_too = (init_p2m == UNSET) & ~asked
        goals.append(terms[mapped] == choose(capped_too, clipped, nr_pages))
    return compared(
        name,
        says,
        mode,
        found.where,
        implies(~least | (min_pages > 0), all_of(goals)),
        _cap_judge(mode, terms, asked, least),
        "encodings/memory.py",
        assumes=_MINIMUM,
        ways=[least],
        shape=(virt_base < 1 << 31) & (kernel_end >= virt_base) & (kernel_end - virt_base < 1 << 28),
    )


def _nothing_beside(file: File, function: Node, nodes: Sequence[Node], cap: int) -> None:
    """That nothing changes the memory between clamp and cap, and that it is what the function gives. Raises NotRead."""
    block_of, clamp = _clamping(file, function)
    clamped = block_of[clamp.stop - 1].end_byte
    between = [
        each
        for each in (*block_of[clamp.stop :], *nodes)
        if clamped <= each.start_byte < nodes[cap].start_byte
    ]
    unchanged(file, between, ["nr_pages", "min_pages"], "memory changes between its clamp and its cap")
    for each in within(function):
        if each.type == "return_statement" and each.start_byte >= clamped:
            given = [inner for inner in each.named_children if inner.type != "comment"]
            if [text_of(inner) for inner in given] != ["nr_pages"]:
                raise not_read(file, each, f"it gives {text_of(each)[:60]}")


def _nothing_after(source: Dom0Source, function: Node) -> None:
    """That the builder's memory is what the function gives, and stays so. Raises NotRead."""
    for each in block(source.builder):
        text = "".join(text_of(each).split())
        if writes(each, ["nr_pages"]) and not re.fullmatch(rf"nr_pages={name_of(function)}\([^()]*\);", text):
            raise not_read(source.file, each, "the builder changes the memory that it is given")


def _unmapped(names: Iterable[str]) -> list[str]:
    return [each for each in names if each.replace("->", ".", 1) in UNMAPPED]


def _cap_judge(mode: PagingMode, terms: dict[bool, Word], asked: Truth, least: Truth) -> Judge:
    def judge(case: Values) -> Replay:
        memory = Dom0Mem(
            amount=Amount(int(read(asked, case))),
            minimum=Amount(case.get("min_pages", 0) if read(least, case) else 0),
        )
        base, p2m = case.get("virt_base", 0), case.get("init_p2m", 0)
        for mapped, term in terms.items():
            try:
                given = Configuration(
                    mode=mode,
                    virt_base=base,
                    kernel=Segment(base, case.get("kernel_end", 0)),
                    nr_pages=case.get("nr_pages", 0),
                    initrd_len=case.get("initrd_len", 0),
                    mod_start_pfn=not mapped,
                    init_p2m=None if p2m == UNSET else p2m,
                )
            except (InputError, ValueError):
                return Replay(None, "no image is like that")
            ours, theirs = capped(given, memory, None), read(term, case)
            if ours != theirs:
                return Replay(
                    holds=False, says=f"the memory is {theirs:#x} by the tree, {ours:#x} by the frame machine"
                )
        return Replay(holds=True, says="the memory is the same on the machine")

    return judge


# The allocation


def _allocation(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    nodes = block(source.builder)
    begin = nodes.index(source.statements[0]) + _after(source.statements, [COUNT, "v_end"])
    end = next(
        (
            place
            for place, each in enumerate(nodes)
            if place >= begin and each.type == "if_statement" and mentions(each, "nr_pages") and leaves(each)
        ),
        None,
    )
    if end is None or any(mentions(each, TOLD) for each in nodes[begin:end]):
        raise not_found(source.last, "a check of dom0's memory against the region's allocation")
    found = executed(source, mode, source.file, source.builder, nodes[begin : end + 1], leaving=True)
    names = {str(each.value): each for each in (v_start, v_end, vinitrd_start, initrd_len, nr_pages)}
    where = source.file.where(nodes[end])
    _taken_of_that_order(source, nodes[end:])
    refuses = renamed(_refusals(found.leaves), names, where)
    order = renamed(known(found.value("order")).term, names, where)
    order = zero_extended(order, 64)
    used = {str(each.value) for each in inputs([refuses])}
    if "initrd_len" in used:
        own = choose(
            vinitrd_start == 0, own_length(v_start, v_end, None), own_length(v_start, v_end, initrd_len)
        )
        beside = initrd_pages(initrd_len)
    else:
        own, beside = own_length(v_start, v_end, None), number(0)
    goal = refuses == (order_pages(own) + beside > nr_pages)
    return compared(
        name,
        says,
        mode,
        where,
        goal & (number(1) << order == order_pages(own)),
        _allocation_judge(refuses, number(1) << order, initrd="initrd_len" in used),
        "encodings/allocation.py",
        assumes={"order": ASSUMED["order"]},
        shape=(v_end - v_start < 1 << 30) & (v_start < v_end) & (initrd_len < 1 << 28),
    )


def _taken_of_that_order(source: Dom0Source, nodes: Sequence[Node]) -> None:
    """That what is allocated first is of the order that was checked. Raises NotRead."""
    for each in nodes:
        for call in within(each):
            arguments = part(call, "arguments") if call.type == "call_expression" else None
            if arguments is not None and text_of(part(call, "function") or call) == "alloc_domheap_pages":
                given = [text_of(one) for one in arguments.named_children if one.type != "comment"]
                if given[1:2] != ["order"]:
                    raise not_read(source.file, call, f"allocated is {text_of(call)[:60]}")
                return
        unchanged(source.file, [each], ["order"], "the order changes before it is allocated")


def _refusals(leaves_by: Iterable[tuple[str, Truth]]) -> Truth:
    return ~all_of(~condition for _, condition in leaves_by)


def _allocation_judge(refuses: Truth, pages: Word, *, initrd: bool) -> Judge:
    def judge(case: Values) -> Replay:
        length = (case.get("v_end", 0) - case.get("v_start", 0)) % ADDRESS_LIMIT
        beside = -(-case.get("initrd_len", 0) // PAGE_SIZE) if initrd else 0
        if initrd and case.get("vinitrd_start", 0):
            length -= beside * PAGE_SIZE
        if length <= 0:
            return Replay(None, "no region is empty")
        allocation = 1
        while allocation * PAGE_SIZE < length:
            allocation *= 2
        theirs, ours = bool(read(refuses, case)), allocation + beside > case.get("nr_pages", 0)
        allocated = read(pages, case)
        says = f"{allocated:#x} pages are allocated by the tree, {allocation:#x} by the frame machine"
        return Replay(
            allocated == allocation and theirs == ours,
            f"{says}; the tree {'refuses' if theirs else 'goes on'}",
        )

    return judge


# The overlap check


def _overlap(name: str, says: str, source: Dom0Source, mode: PagingMode) -> Piece:
    nodes = block(source.builder)
    after = nodes[nodes.index(source.statements[-1]) + 1 :]
    told = next((place for place, each in enumerate(after) if mentions(each, TOLD)), len(after))
    checks = [
        each
        for each in after[:told]
        if each.type == "if_statement"
        and (condition := part(each, "condition")) is not None
        and mentions(condition, "v_end")
        and leaves(each)
    ]
    if not checks:
        raise not_found(source.last, "a check of the region against Xen's own addresses")
    found = executed(source, mode, source.file, source.builder, checks, leaving=True)
    refuses = _refusals(found.leaves)
    names = {"v_start": v_start, "v_end": v_end}
    holes = [str(each.value) for each in inputs([refuses]) if str(each.value).startswith(f"{HOLE}(")]
    if mode.bits == 32:
        names |= dict.fromkeys(holes[:1], hole)
    refuses = renamed(refuses, names, found.where)
    ours = overlaps(v_start, v_end) if mode.bits == 64 else overlaps_compat(v_end, zero_extended(hole, 64))
    area = XEN_AREA[mode.name]

    def expected(case: Values) -> bool:
        low, high = case.get("v_start", 0), case.get("v_end", 0)
        if mode.bits == 32:
            return high > case.get("hole", 0)
        return low < area.end and high > area.start

    judge = judged("whether it is refused", refuses, expected)
    return compared(name, says, mode, found.where, refuses == ours, judge, "encodings/overlap.py")


PIECES: Final[Pieces] = {
    "memory-unasked": (
        "without an amount dom0 gets the memory that is there, less a 16th, or less 128 MiB",
        _unasked,
    ),
    "memory-clamp": (
        "dom0's memory is raised to its minimum, then lowered to its maximum and to what is there",
        _clamp,
    ),
    "memory-cap": (
        "without INIT_P2M and an amount, it is so little that twice the p2m fits above kernel and initrd",
        _cap,
    ),
    "allocation": (
        "the region is allocated at once, and refused where that and the initrd are more than the memory",
        _allocation,
    ),
    "overlap": ("the region is refused where it overlaps Xen's own addresses", _overlap),
}
