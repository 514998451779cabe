"""Is what a tree says what the encodings say? A statement for each piece, for all 64-bit inputs.

Where it is, every theorem about the encoding is one about the tree. Notation of DOMAIN.md section 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Final

from attrs import frozen

from ...encodings.dom0_arrangement import Arrangement, Span, arrangement
from ...encodings.dom0_count import FIRST_TRIED
from ...encodings.dom0_layout import v_end
from ...encodings.history import VERSIONS, Version
from ...formal.c.values import Unknown, Value
from ...formal.layouts.layout import (
    ADDRESS_LIMIT,
    START_INFO_SIZE,
    VGA_CONSOLE_INFO_SIZE,
    Configuration,
    Layout,
    Segment,
)
from ...formal.layouts.paging import COMPAT, PAGE_SIZE, PagingMode
from ...formal.logic.claim import Part
from ...formal.logic.theorem import Assumption, Lemma, Statement, Steps, Use
from ...formal.logic.verdict import Replay
from ...formal.machine.arrange import TooLarge, arrange, region_end, touched
from ...formal.source.dom0_source import Dom0Source
from ...formal.source.questions import Piece
from ...formal.words.word import (
    TRUE,
    Truth,
    Word,
    all_of,
    compiled,
    implies,
    inputs,
    number,
    replaced,
    subterms,
    word,
)
from ..shared import replays
from ..shared.region import n, terms, v_start, vpt_start
from ..shared.replays import Values
from .terms import INPUTS, SHIM, UNMAPPED, UNSET, Count, for_mode, strangers

TRIED: Final = 200
"""On how many numbers a rule of another version is tried before it is claimed."""
ROUND: Final = (
    ((v_start | vpt_start) & (PAGE_SIZE - 1) == 0)
    & (v_start <= vpt_start)
    & (vpt_start - v_start < 1 << 31)
    & (n < 1 << 12)
)
"""Where to look for a case: a region as images have it."""


def count_pieces(found: Count) -> Iterator[Piece]:
    """The pieces of the count, each compared with the encoding: today's, or the version's whose rule it is."""
    if not found.searched:
        why = Unknown(
            found.where, "the count isn't searched for: there is no loop to hold against the encoding's"
        )
        yield Piece(
            name="search", mode=found.mode, where=found.where, says="the count is searched for", asked=why
        )
        return
    version, case = rule_of(found)
    mode = found.mode.name

    def piece(name: str, says: str, asked: Part | Unknown) -> Piece:
        return Piece(
            name=name,
            mode=found.mode,
            where=found.lines.get(name, found.where),
            says=says,
            asked=asked,
            same_as=version.name,
            today=version.current,
        )

    yield piece(
        name="start",
        says=f"the count starts at {FIRST_TRIED}",
        asked=_part(
            "start", mode, found.start == FIRST_TRIED, _number("the first count", found.start, FIRST_TRIED)
        ),
    )
    yield piece(
        name="step",
        says="it goes up by one",
        asked=_part(
            "step",
            mode,
            found.step == n + 1,
            _arithmetic("the next count", found.step, lambda case: case["n"] + 1),
        ),
    )
    yield piece(
        name="set-aside",
        says="as many frames are set aside as were tried last, and the boot stack lies right above them",
        asked=_set_aside(found),
    )
    ours = v_end(vpt_start, n)
    for name, says, theirs in (
        ("v_end", "the region ends at a multiple of 4 MiB, 512 KiB above the stack at least", found.v_end),
        ("tried-end", "the region that is tried ends there, too", found.tried_end),
    ):
        if name == "v_end" or found.tried_end is not found.v_end:
            yield piece(
                name=name,
                says=says,
                asked=_part(name, mode, theirs == ours, _arithmetic("v_end", theirs, _end_of)),
            )
    needed = n < version.needed(v_start, found.tried_end)
    guard = found.goes_on == needed
    yield piece(
        name="guard",
        says="it goes on as long as it is less than what the region needs that is tried",
        asked=_as_part(
            _lemma(
                "guard",
                mode,
                guard,
                Steps(uses=() if case else _same_within(found, needed), generalise=terms(found.tried_end)),
                case,
            ),
            _guard_judge(found, version),
        ),
    )
    if found.leaves is not ~TRUE:
        yield piece(
            name="ways-out",
            says="nothing leaves the loop but its end",
            asked=_part("ways-out", mode, ~found.leaves, _unjudged),
        )


def _same_within(found: Count, needed: Truth) -> list[Use]:
    """What within the guard and the encoding's is the same as numbers tell, each to be proved from what is the same within it.

    The region's end is any word in it. A solver that isn't told loses itself in sums of what it doesn't see to be the same.
    """
    end = word("end of the region")
    theirs, ours = (replaced(each, {found.tried_end: end}) for each in (found.goes_on, needed))
    over = inputs([theirs, ours])
    source = Random(1)  # noqa: S311 - numbers to try, not secrets
    numbers = [[source.getrandbits(source.randint(1, each.width)) for each in over] for _ in range(TRIED)]

    def read(of: Truth) -> dict[Word, tuple[int, ...]]:
        parts = [each for each in subterms([of]) if isinstance(each, Word) and each.arguments]
        reading = compiled(parts, over)
        return dict(zip(parts, zip(*(reading(*each) for each in numbers), strict=True), strict=True))

    known = {(each.width, seen): each for each, seen in read(ours).items()}
    uses: list[Use] = []
    for each, seen in read(theirs).items():
        same = known.get((each.width, seen))
        if same is not None and same is not each:
            name = f"tree:guard[{found.mode.name}]/{len(uses)}"
            lemma = Lemma(name, "the same sum", Statement(goal=each == same), Steps(uses=uses))
            uses.append(Use(lemma))
    return [Use(each.lemma, {end: found.tried_end}) for each in uses]


def _set_aside(found: Count) -> Part | Unknown:
    """That the count is n, the tables end n pages above where they start, and the stack is the page above."""
    missing = [each for each in ("vpt_end", "vstack_end") if each not in found.ends]
    if missing:
        return Unknown(found.where, f"what {' and '.join(missing)} are in the end isn't understood")
    tables_end = vpt_start + n * PAGE_SIZE
    ends = {"vpt_end": tables_end, "vstack_start": tables_end, "vstack_end": tables_end + PAGE_SIZE}
    pairs = [(each, found.ends[each], ends[each]) for each in ends if each in found.ends]
    goal = (found.count == n) & all_of(theirs == ours for _, theirs, ours in pairs)

    def judge(values: Values) -> Replay:
        case = _case(values)
        above = {"vpt_end": 0, "vstack_start": 0, "vstack_end": 1}
        wanted = [("the count", found.count, case["n"])]
        wanted += [
            (each, theirs, case["vpt_start"] + (case["n"] + above[each]) * PAGE_SIZE)
            for each, theirs, _ in pairs
        ]
        for what, theirs, ours in wanted:
            replay = _arithmetic(what, theirs, lambda _, ours=ours: ours)(values)  # type: ignore[misc]
            if not replay.holds:
                return replay
        return Replay(holds=True, says="tables and stack lie there on the machine, too")

    return _part("set-aside", found.mode.name, goal, judge)


def rule_of(found: Count) -> tuple[Version, dict[str, int] | None]:
    """The version whose rule the guard may be: the first that agrees with it on numbers.

    Where none does, today's, and numbers on which the two differ, as small a region as was met.
    """
    versions = [each for each in VERSIONS if each.mode is found.mode and each.released]
    guards = [n < each.needed(v_start, found.tried_end) for each in versions]
    reading = compiled([found.goes_on, *guards], [v_start, vpt_start, n])
    agreeing = set(range(len(versions)))
    source = Random(1)  # noqa: S311 - numbers to try, not secrets
    differing: list[tuple[int, int, int]] = []
    for turn in range(TRIED):
        start = source.choice(
            [0, source.getrandbits(31) & -PAGE_SIZE, source.getrandbits(40), -source.getrandbits(24)]
        )
        length = source.getrandbits(source.choice([16, 24, 30])) & -PAGE_SIZE
        tried = source.choice([2, 3, 4, 5, 6, 7, 8, 9, source.getrandbits(12), source.getrandbits(20)])
        case = (start % ADDRESS_LIMIT, (start + length) % ADDRESS_LIMIT, tried)
        theirs, *each = reading(*case)
        agreeing &= {place for place, holds in enumerate(each) if holds == theirs}
        if each[0] != theirs:
            differing.append(case)
        if not agreeing and turn > TRIED // 2 and differing:
            break
    if agreeing:
        return versions[min(agreeing)], None
    names = ("v_start", "vpt_start", "n")
    return versions[0], dict(zip(names, min(differing), strict=True)) if differing else None


def _lemma(
    name: str, mode: str, goal: Truth, proof: Steps | None = None, case: Mapping[str, int] | None = None
) -> Lemma:
    """That a piece is the encoding's; in one ``case`` alone where it is known to differ there, so that nobody searches."""
    only = all_of(word(each) == value for each, value in (case or {}).items())
    assumed = (Assumption("case", only, "a case that was met on numbers"),) if case else ()
    return Lemma(
        f"tree:{name}[{mode}]",
        f"the tree's {name} is the encoding's",
        Statement(assumptions=assumed, goal=goal),
        Steps() if case else proof or Steps(),
    )


def _part(name: str, mode: str, goal: Truth, judge: replays.Judge) -> Part:
    return _as_part(_lemma(name, mode, goal), judge)


def _as_part(lemma: Lemma, judge: replays.Judge) -> Part:
    if lemma.statement.assumptions:
        return Part(name=lemma.name, lemma=lemma, replay=judge)
    highest = 1 << (31 if f"[{COMPAT.name}]" in lemma.name else 47)
    return Part(name=lemma.name, lemma=lemma, shape=ROUND & (vpt_start < highest), least=(n,), replay=judge)


def _case(values: Values) -> dict[str, int]:
    return {
        name: values.get(name, default)
        for name, default in (("v_start", 0), ("vpt_start", 2 * PAGE_SIZE), ("n", 2))
    }


def _read(term: Word | Truth, values: Mapping[str, int]) -> int:
    over = inputs([term])
    return compiled([term], over)(*(values[str(each.value)] for each in over))[0]


def _number(what: str, term: Word, expected: int) -> replays.Judge:
    return _arithmetic(what, term, lambda _: expected)


def _arithmetic(what: str, term: Word, expected: Callable[[Mapping[str, int]], int]) -> replays.Judge:
    def judge(values: Values) -> Replay:
        case = _case(values)
        theirs, ours = _read(term, case), expected(case) % ADDRESS_LIMIT
        return Replay(theirs == ours, f"{what} is {theirs:#x} by the tree, {ours:#x} by the frame machine")

    return judge


def _end_of(case: Mapping[str, int]) -> int:
    return region_end(case["vpt_start"] + (case["n"] + 1) * PAGE_SIZE)


def _guard_judge(found: Count, version: Version) -> replays.Judge:
    def judge(values: Values) -> Replay:
        case = _case(values)
        if not version.current:
            return Replay(None, "the machine walks as today's builder does")
        start = case["v_start"]
        end = start + (_read(found.tried_end, case) - start) % ADDRESS_LIMIT
        if found.mode.bits == 32 and end > 1 << 32:
            return Replay(None, replays.ABOVE_4_GIB)
        try:
            needs = touched(found.mode, start, end)
        except TooLarge:
            return Replay(None, replays.TOO_LARGE)
        theirs = bool(_read(found.goes_on, case))
        says = f"with {case['n']} frames tried a walk touches {needs} tables; the tree {'goes on' if theirs else 'stops'}"
        return Replay(theirs == (case["n"] < needs), says)

    return judge


def _unjudged(_values: Values) -> Replay:
    return Replay(None, "the machine doesn't leave")


# The layout, segment by segment


@frozen(eq=False, kw_only=True)
class Choice:
    """One way in which a layout can come: an initrd that is mapped or not, the p2m in the region or not, the shim or not."""

    mapped: bool
    inside: bool
    shim: bool

    @property
    def condition(self) -> Truth:
        """What it says of the address of the p2m."""
        return TRUE if self.inside else INPUTS["parms.p2m_base"] != UNSET


@frozen(eq=False)
class Generation:
    """How start info and its VGA part are laid out, with the Xens that do it so."""

    name: str
    vga_below: bool


GENERATIONS: Final = (
    Generation("4.10.1 to today", vga_below=False),
    Generation("up to 4.10.0", vga_below=True),
)
SEGMENTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("kernel", "vkern_start", "vkern_end"),
    ("initrd", "vinitrd_start", "vinitrd_end"),
    ("p2m", "vphysmap_start", "vphysmap_end"),
    ("start_info", "vstartinfo_start", "vstartinfo_end"),
    ("xenstore", "vxenstore_start", "vxenstore_end"),
    ("console", "vconsole_start", "vconsole_end"),
)
"""A layout's segments by their names, and the variables that they go from and to."""


def layout_pieces(source: Dom0Source, mode: PagingMode) -> Iterator[Piece]:
    """Each segment, compared with the encoding in every choice; by the generation that the start of the tables is of."""
    names = {str(each.value) for each in inputs(_terms(source, mode).values())}
    choices = [
        Choice(mapped=mapped, inside=inside, shim=shim)
        for mapped in ((True, False) if names & set(UNMAPPED) else (True,))
        for inside in ((True, False) if mode.bits == 64 and "parms.p2m_base" in names else (True,))
        for shim in ((False, True) if SHIM in names else (False,))
    ]
    generation = _generation_of(source, mode, choices)
    listed = [
        ("v_start", ("v_start",)),
        *((name, pair) for name, *pair in SEGMENTS),
        ("page_tables", ("vpt_start",)),
    ]
    for name, variables in listed:
        goals: list[Truth] = []
        why: Unknown | None = None
        for choice in choices:
            wanted = _wanted(_encoded(mode, choice, generation), name)
            for variable, ours in zip(
                variables, wanted, strict=bool(wanted) and len(wanted) == len(variables)
            ):
                theirs = _for_choice(source, variable, mode, choice)
                if isinstance(theirs, Unknown):
                    why = why or theirs
                else:
                    goals.append(implies(choice.condition, theirs == ours))
        if not goals and why is None:
            continue
        lemma = Lemma(
            f"tree:{name}[{mode.name}]", f"the tree's {name} is the encoding's", Statement(goal=all_of(goals))
        )
        yield Piece(
            name=name,
            mode=mode,
            where=source.where_set(*variables) if why is None else why.where,
            says=f"{name.replace('_', ' ')} lies where it is encoded, in {len(choices)} sorts of layout",
            asked=why
            or Part(
                name=lemma.name,
                lemma=lemma,
                shape=_usual(),
                replay=_layout_judge(source, name, variables, mode, choices, generation),
            ),
            same_as=generation.name,
            today=generation is GENERATIONS[0],
        )


def _terms(source: Dom0Source, mode: PagingMode) -> dict[str, Word]:
    found = {}
    for name in source.values:
        value = source.value(name)
        if isinstance(value, Value):
            found[name] = for_mode(value.term, source, mode)
    return found


def _for_choice(source: Dom0Source, variable: str, mode: PagingMode, choice: Choice) -> Word | Unknown:
    """A variable of the layout in one choice, over the words of `INPUTS`."""
    value = source.value(variable)
    if isinstance(value, Unknown):
        return value
    term = for_mode(value.term, source, mode)
    put: dict[Word, Word] = {}
    for each in inputs([term]):
        name = str(each.value)
        if name in UNMAPPED:
            put[each] = number(int(not choice.mapped), each.width)
        elif name == SHIM:
            put[each] = number(int(choice.shim), each.width)
        elif name == "parms.p2m_base" and choice.inside:
            put[each] = number(UNSET)
        elif name in INPUTS and each.width == INPUTS[name].width:
            put[each] = INPUTS[name]
    term = replaced(term, put)
    foreign = strangers([term], INPUTS.values())
    if foreign:
        return Unknown(source.first, f"{variable} also reads {', '.join(foreign)}")
    return term if term.width == 64 else Unknown(source.first, f"{variable} isn't of 64 bits")


def _encoded(mode: PagingMode, choice: Choice, generation: Generation) -> Arrangement:
    info, vga = word("info"), word("vga")
    return arrangement(
        mode,
        virt_base=word("virt_base"),
        kernel=Span(word("kernel_start"), word("kernel_end")),
        nr_pages=word("nr_pages"),
        initrd_len=word("initrd_len") if choice.mapped else None,
        init_p2m=None if choice.inside else word("init_p2m"),
        shim=choice.shim,
        start_info_size=info + vga if generation.vga_below else info,
        vga_console_info_size=number(0) if generation.vga_below else vga,
    )


def _wanted(encoded: Arrangement, name: str) -> tuple[Word, ...]:
    if name == "v_start":
        return (encoded.v_start,)
    if name == "page_tables":
        return (encoded.vpt_start,)
    span: Span | None = getattr(encoded, name)
    return () if span is None else (span.start, span.end)


def _generation_of(source: Dom0Source, mode: PagingMode, choices: list[Choice]) -> Generation:
    """The generation whose tables start where the tree's do on some numbers, else today's."""
    values = {
        "kernel_end": 0x5000,
        "nr_pages": 512,
        "initrd_len": 3,
        "info": 4000,
        "vga": 200,
        "virt_base": 0,
    }
    theirs = _for_choice(source, "vpt_start", mode, choices[0])
    if isinstance(theirs, Unknown):
        return GENERATIONS[0]
    case = {str(each.value): values.get(str(each.value), UNSET) for each in INPUTS.values()}
    read = _read(theirs, case)
    return next(
        (each for each in GENERATIONS if _read(_encoded(mode, choices[0], each).vpt_start, case) == read),
        GENERATIONS[0],
    )


def _usual() -> Truth:
    """Where to look for a case: an image as there are, its kernel at its base."""
    virt_base, start, end = word("virt_base"), word("kernel_start"), word("kernel_end")
    lengths = {"nr_pages": 1 << 18, "initrd_len": 1 << 26, "info": 1 << 13, "vga": 1 << 13}
    small = all_of((word(name) >= 1) & (word(name) < most) for name, most in lengths.items())
    return small & (start == virt_base) & (start <= end) & (end - start < 1 << 26) & (virt_base < 1 << 31)


def _layout_judge(
    source: Dom0Source,
    name: str,
    variables: Sequence[str],
    mode: PagingMode,
    choices: list[Choice],
    generation: Generation,
) -> replays.Judge:
    def judge(values: Values) -> Replay:
        base = values.get("virt_base", 0)
        case = {
            "virt_base": base,
            "kernel_start": base,
            "kernel_end": base + PAGE_SIZE,
            "nr_pages": 1 << 10,
            "initrd_len": 1,
            "info": START_INFO_SIZE,
            "vga": VGA_CONSOLE_INFO_SIZE,
            "init_p2m": 1 << 39,
        } | dict(values)
        for choice in choices:
            if not choice.inside and case["init_p2m"] == UNSET:
                continue
            try:
                layout = arrange(_configuration(mode, choice, generation, case))
            except TooLarge:
                return Replay(None, replays.TOO_LARGE)
            ours = _laid(layout, name)
            if ours is None or (name == "initrd" and not case["initrd_len"]):
                continue
            for variable, address in zip(variables, ours, strict=True):
                theirs = _for_choice(source, variable, mode, choice)
                assert isinstance(theirs, Word)
                read = _read(theirs, case)
                if read != address:
                    return Replay(
                        holds=False,
                        says=f"{variable} is {read:#x} by the tree, {address:#x} by the frame machine",
                    )
        return Replay(holds=True, says=f"{name} lies there on the machine, too")

    return judge


def _configuration(
    mode: PagingMode, choice: Choice, generation: Generation, case: Mapping[str, int]
) -> Configuration:
    below = case["vga"] if generation.vga_below else 0
    return Configuration(
        mode=mode,
        virt_base=case["virt_base"],
        kernel=Segment(case["kernel_start"], case["kernel_end"]),
        nr_pages=case["nr_pages"],
        initrd_len=case["initrd_len"],
        mod_start_pfn=not choice.mapped,
        init_p2m=None if choice.inside else case["init_p2m"],
        shim=choice.shim,
        start_info_size=case["info"] + below,
        vga_console_info_size=case["vga"] - below,
    )


def _laid(layout: Layout, name: str) -> tuple[int, ...] | None:
    if name == "v_start":
        return (layout.v_start,)
    if name == "page_tables":
        return (layout.vpt_start,)
    segment: Segment | None = getattr(layout, name)
    return None if segment is None else (segment.start, segment.end)
