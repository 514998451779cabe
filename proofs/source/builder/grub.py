"""GRUB's loader for Xen in a tree: whether it counts the tables of a 64-bit kernel as it is encoded.

What it has been given before the tables is Q pages long there, and a round is made for Q + P pages, where the encoding says
from T = S + 4096 Q and P. A round is compared from any P on; that the next one's P is the tables that are needed, and the
first one's 0, carries over to all of them.

Facts: `formal.source.grub_source`. Notation of DOMAIN.md section 1.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from attrs import evolve

from ....encodings import domu, grub
from ....formal.c.types import text_of, within
from ....formal.c.values import ULONG, Any, converted
from ....formal.layouts.layout import ADDRESS_LIMIT
from ....formal.layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64
from ....formal.logic.claim import Part
from ....formal.logic.theorem import Assumption, Lemma, Statement, Steps
from ....formal.logic.verdict import Replay
from ....formal.machine import domu as machine
from ....formal.machine.arrange import TooLarge
from ....formal.others import grub as others
from ....formal.source.domu_source import NotFound, type_of
from ....formal.source.grub_source import (
    ASSUMED,
    REFUSED,
    STATE,
    TABLES,
    GrubSource,
    Rounds,
    mapping,
    rounds,
)
from ....formal.source.grub_source import Mapping as Counted
from ....formal.source.questions import Piece
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    WidthsDiffer,
    Word,
    all_of,
    choose,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    word,
)
from ...shared import replays
from ...shared.arithmetic import associative
from ...shared.replays import Judge, Values
from .pieces import NotRead, judged, known, not_read, note, noted_reads, of_another_width, read, renamed

SAME_AS: Final = "encodings/grub.py"
v_start, end, page, pages, before = (word(each) for each in ("v_start", "end", "page", "pages", "before"))
some, beside = TABLES
_NAMES: Final = {str(each.value): each for each in (v_start, end, page, pages, before, some, beside)} | {
    f"{STATE}.xen_inf.virt_base": v_start,
    **{f"{REFUSED}{each}": word(f"{REFUSED}{each}", 32) for each in ("0", "1", "aside")},
    "pfn": word("pfn"),
}
_ASSUMED: Final = {
    **ASSUMED,
    "whole-pages": "what is allocated before the tables are whole pages",
    "nothing-mapped": "nothing is mapped before the tables are set aside, which is done once",
}
SAYS: Final = {
    "grub-tables": "a region's tables are counted level by level, with one topmost",
    "grub-tables-beside": "a second mapping gets at each level the tables that the first one lacks",
    "grub-start": "the first round is made for no tables",
    "grub-tried-end": "a round's region has room for its tables, stack and 512 KiB, rounded up to 4 MiB, and is counted",
    "grub-beside": "so is a page beside it: at 0, or past a region that starts there",
    "grub-step": "the next round is made for the tables of both",
    "grub-guard": "it goes on as long as these don't end in the region",
    "grub-set-aside": "the tables of both are set aside, the stack lies above them, and the region ends where it was tried",
}
"""What each of the pieces says."""
vpt_start: Final = v_start + (before << PAGE_SHIFT)


def pieces(source: GrubSource) -> tuple[Piece, ...]:
    """What the loader is asked."""
    found: list[Piece] = []
    for name, make in (("grub-tables", _counting), ("grub-guard", _rounds)):
        try:
            with noted_reads() as reads:
                made = list(make(source))
            found += [evolve(each, reads=tuple(reads)) for each in made]
        except (NotRead, NotFound, WidthsDiffer) as error:
            tries = source.file.where(source.tries)
            why = of_another_width(tries, error) if isinstance(error, WidthsDiffer) else error.why
            found.append(
                Piece(name=name, mode=X86_64, where=why.where, says=SAYS[name], asked=why, same_as=SAME_AS)
            )
    return tuple(found)


def _piece(
    name: str,
    where: str,
    goal: Truth,
    judge: Judge,
    proof: Steps | None = None,
    assumes: Mapping[str, str] = _ASSUMED,
    tried: Iterable[Mapping[str, int]] = (),
) -> Piece:
    """A piece that is the encoding's if the goal holds; where numbers that are ``tried`` break it, in that case alone: nobody searches."""
    over = inputs([goal])
    holds = compiled([goal], over)
    cases = (case for case in tried if not holds(*(case.get(str(each.value), 0) for each in over))[0])
    case = next(cases, None)
    only = [each == case.get(str(each.value), 0) for each in over] if case is not None else []
    lemma = Lemma(
        f"tree:{name}",
        f"the tree's {name} is the encoding's",
        Statement(
            assumptions=(Assumption("case", all_of(only), "a case that was met on numbers"),) if only else (),
            goal=goal,
        ),
        Steps() if only else proof or Steps(),
    )
    spoken = set(map(id, lemma.statement.variables))
    words = (v_start, end, before, pages, some, beside, page)
    small = [each for each in words if id(each) in spoken]
    return Piece(
        name=name,
        mode=X86_64,
        where=where,
        says=SAYS[name],
        asked=Part(
            name=lemma.name,
            lemma=lemma,
            shape=TRUE if only else all_of(each < 1 << 40 for each in small) & (v_start < end),
            least=() if only else tuple(small[:3]),
            replay=judge,
        ),
        same_as=SAME_AS,
        assumes=assumes,
    )


# The tables of a mapping


def _counting(source: GrubSource) -> Iterator[Piece]:
    _gives_no_error_else(source)
    first = mapping(source, v_start, end)
    note(first.read)
    region = [domu.level_tables(X86_64, v_start, end - 1, shift) for shift in domu.shifts(X86_64)]
    yield _of_mapping("grub-tables", first, 0, region, number(1), _walk(first, 0))
    second = mapping(source, page, page + PAGE_SIZE, first)
    note(second.read)
    alone = [
        domu.second_level_tables(page, page + (PAGE_SIZE - 1), v_start, end - 1, shift)
        for shift in domu.shifts(X86_64)
    ]
    yield _of_mapping("grub-tables-beside", second, 1, alone, number(0), _walk(second, 1))


def _of_mapping(
    name: str, found: Counted, index: int, ours: list[Word], topmost: Word, judge: Judge
) -> Piece:
    theirs = [_held(found, index, f"lvls[{(shift - 21) // 9}].n_pt_pages") for shift in domu.shifts(X86_64)]
    levels = [
        Lemma(f"tree:{name}/{shift}", "a level's tables are the encoding's", Statement(goal=one == other))
        for shift, one, other in zip(domu.shifts(X86_64), theirs, ours, strict=True)
    ]
    total = topmost + ours[0] if int(topmost) else ours[0]
    for each in ours[1:]:
        total += each
    cut = [each for each in (*theirs, *ours) if each.operation not in ("constant", "input")]
    return _piece(
        name,
        found.where,
        _held(found, index, "area.n_pt_pages") == total,
        judge,
        Steps(uses=tuple(each.at() for each in levels), generalise=tuple(cut)),
    )


def _held(found: Counted, index: int, place: str) -> Word:
    """What is in a mapping at the end, as a number of 64 bits, over the encoding's words."""
    value = converted(known(found.value(f"mappings[{index}].{place}")), ULONG)
    return renamed(value.term, _NAMES, found.where)


def _gives_no_error_else(source: GrubSource) -> None:
    """That the function gives 0 at its end, and errors elsewhere. Raises NotRead."""
    returns = [each for each in within(source.counts) if each.type in ("return_statement", "goto_statement")]
    for each in returns:
        wanted = r"return GRUB_ERR_NONE ?;" if each is returns[-1] else r"return grub_error ?\(.*\) ?;"
        if not re.fullmatch(wanted, text_of(each)):
            raise not_read(source.file, each, f"it gives {text_of(each)[:60]}")


def _walk(found: Counted, index: int) -> Judge:
    """What a walk over the region comes to, or one over the page beside it."""
    theirs = _held(found, index, "area.n_pt_pages")

    def judge(values: Values) -> Replay:
        start, region_end, at = (values.get(each, 0) for each in ("v_start", "end", "page"))
        domain = machine.Domu(v_start=start, alloc_end=start)
        try:
            walked = machine.walked(domain, start, (region_end - 1) % ADDRESS_LIMIT)
            if index:
                walked = machine.walked(domain, at, (at + PAGE_SIZE - 1) % ADDRESS_LIMIT, walked)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        tables, tree = sum(map(len, walked.values())), read(theirs, values)
        return Replay(tree == tables, f"there are {tree} tables by the tree, {tables} by a walk")

    return judge


# The rounds


@cache
def pages_above() -> Lemma:
    """S + 4096 (Q + x) = T + 4096 x."""
    x, q = word("x"), before
    paged = Lemma(
        "pages-in-bytes",
        "4096 (Q + x) = 4096 Q + 4096 x",
        Statement(goal=(q + x) << PAGE_SHIFT == (q << PAGE_SHIFT) + x * PAGE_SIZE),
    )
    return Lemma(
        "pages-above",
        "S + 4096 (Q + x) = T + 4096 x",
        Statement(goal=v_start + ((q + x) << PAGE_SHIFT) == vpt_start + x * PAGE_SIZE),
        Steps(
            uses=(paged.at(), associative().at(a=v_start, b=q << PAGE_SHIFT, c=x * PAGE_SIZE)),
            generalise=(
                (q + x) << PAGE_SHIFT,
                vpt_start + x * PAGE_SIZE,
                (q << PAGE_SHIFT) + x * PAGE_SIZE,
            ),
        ),
    )


def _both_mapped() -> Steps:
    """With the tables of both mappings in place of x, added one after the other."""
    needed = some + beside
    one_by_one = (before + some) + beside
    return Steps(
        uses=(pages_above().at(x=needed), associative().at(a=before, b=some, c=beside)),
        generalise=(one_by_one, before + needed, vpt_start + needed * PAGE_SIZE),
    )


def _rounds(source: GrubSource) -> Iterator[Piece]:
    found = rounds(source)
    note(found.read)
    where = source.file.where(source.rounds)
    tried = [each for each in found.calls if each[1] == 0]
    if len(tried) != 1 or tried[0][0] is not TRUE or len(found.calls) < 2:
        raise not_read(source.file, source.rounds, "it doesn't count the region once, and a page beside it")
    region = tried[0][2]
    tried_end = known(region.arguments[1]).term

    cut = {tried_end: end}

    def over(value: Any) -> Word:
        return _over(converted(known(value), ULONG).term, where, cut)

    first = over(found.first)
    yield _piece(
        "grub-start",
        where,
        first == before,
        judged("what the first round is made for", first, lambda values: values.get("before", 0)),
    )
    theirs = _over(tried_end, where, {})
    ours = grub.region_end(vpt_start, pages)
    above = v_start + ((before + pages) << PAGE_SHIFT)
    yield _piece(
        "grub-tried-end",
        region.where,
        (theirs == ours) & (over(region.arguments[0]) == v_start),
        judged("the region's end", theirs, _region_end),
        Steps(uses=(pages_above().at(x=pages),), generalise=(above, vpt_start + pages * PAGE_SIZE)),
    )
    at = choose(v_start == 0, end, number(0))
    goal = all_of(
        implies(
            _over(path, where, cut),
            (over(call.arguments[0]) == at) & (over(call.arguments[1]) == at + PAGE_SIZE),
        )
        for path, index, call in found.calls
        if index == 1
    )
    beside_it = next(call for _, index, call in found.calls if index == 1)
    yield _piece("grub-beside", beside_it.where, goal, _beside(found, over, where, cut))
    after = over(found.next)
    yield _piece(
        "grub-step",
        where,
        after == before + (some + beside),
        judged("what the next round is made for", after, _next),
        Steps(uses=(associative().at(a=before, b=some, c=beside),)),
    )
    both = all_of(word(f"{REFUSED}{each}", 32) == 0 for each in ("0", "1"))
    stops, goes_on = (_over(each, where, cut) for each in (found.stops, found.goes_on))
    ends = vpt_start + (some + beside) * PAGE_SIZE <= end
    yield _piece(
        "grub-guard",
        where,
        implies(both, (stops == ends) & (goes_on == ~ends)),
        _where(both, judged("whether it goes on", goes_on, _goes_on)),
        _both_mapped(),
        tried=[
            {
                "v_start": start,
                "before": 1 << 10,
                **dict(zip(map(str, TABLES), (3, 1), strict=True)),
                "end": start + (1028 << 12) + more,
            }
            for start in (0, 1 << 30)
            for more in (-1, 0, 1)
        ],
    )
    yield _set_aside(source, found, over)


def _over(term: AnyTerm, where: str, cut: Mapping[Word, Word]) -> AnyTerm:
    """A term of the rounds over S, Q and P, and the region's end where that is cut."""
    allocated = word(f"{STATE}.max_addr")
    whole = replaced(replaced(term, dict(cut)), {allocated >> PAGE_SHIFT: before})
    return renamed(
        replaced(whole, {allocated: before << PAGE_SHIFT, word("need"): before + pages}), _NAMES, where
    )


def _set_aside(source: GrubSource, found: Rounds, over: Callable[[Any], Word]) -> Piece:
    def then(place: str) -> Word:
        key = f"{STATE}.{place}"
        return over(found.after.read(key, type_of(found.executor, key), found.aside.where))

    if len(found.aside.arguments) != 4:
        raise not_read(source.file, source.tries, "what is set aside is given otherwise")
    needed, allocated = some + beside, before << PAGE_SHIFT
    stack = then("state.stack")
    goals = (
        then("next_start.nr_pt_frames") == needed,
        over(found.aside.arguments[2]) == allocated,
        over(found.aside.arguments[3]) == needed * PAGE_SIZE,
        then("max_addr") == end - v_start,
        stack == vpt_start + needed * PAGE_SIZE + grub.STACK,
    )
    x = word("x")
    in_bytes = Lemma("a-page-in-bytes", "x pages", Statement(goal=x << PAGE_SHIFT == x * PAGE_SIZE))
    last_moves = Lemma(
        "stack-moves",
        "(x + 1 MiB) + S = (S + x) + 1 MiB",
        Statement(goal=(x + grub.STACK) + v_start == (v_start + x) + grub.STACK),
    )
    return _piece(
        "grub-set-aside",
        found.aside.where,
        all_of(goals),
        judged("the stack's end", stack, _stack_end),
        Steps(
            uses=(
                in_bytes.at(x=needed),
                associative().at(a=v_start, b=allocated, c=needed * PAGE_SIZE),
                last_moves.at(x=allocated + (needed << PAGE_SHIFT)),
            ),
            generalise=(needed << PAGE_SHIFT, needed * PAGE_SIZE, allocated),
        ),
    )


def _beside(found: Rounds, over: Callable[[Any], Word], where: str, cut: Mapping[Word, Word]) -> Judge:
    at = number(0)
    for path, index, call in found.calls:
        if index == 1:
            at = choose(_over(path, where, cut), over(call.arguments[0]), at)

    def expected(values: Values) -> int:
        return values.get("end", 0) if not values.get("v_start") and not values.get(f"{REFUSED}0") else 0

    return judged("where the page beside it lies", at, expected)


def _where(condition: Truth, judge: Judge) -> Judge:
    """A judge of what holds where a condition does."""

    def judged_there(values: Values) -> Replay:
        return judge(values) if read(condition, values) else Replay(holds=True, says="nothing is asked there")

    return judged_there


def _counted(values: Values) -> int:
    return values.get("tables", 0) + values.get("tables beside", 0)


def _next(values: Values) -> int:
    return (values.get("before", 0) + _counted(values)) % ADDRESS_LIMIT


def _tables_start(values: Values) -> int:
    return values.get("v_start", 0) + values.get("before", 0) * PAGE_SIZE


def _region_end(values: Values) -> int:
    region_end = _tables_start(values) + values.get("pages", 0) * PAGE_SIZE + others.ROOM + others.STACK
    return (region_end + -region_end % others.LINE) % ADDRESS_LIMIT


def _goes_on(values: Values) -> bool:
    tables_end = (_tables_start(values) + _counted(values) * PAGE_SIZE) % ADDRESS_LIMIT
    return tables_end > values.get("end", 0)


def _stack_end(values: Values) -> int:
    return (_tables_start(values) + _counted(values) * PAGE_SIZE + others.STACK) % ADDRESS_LIMIT
