"""A second reader of a tree: what is read of it, compiled by gcc as it stands and run, against what this tool reads in it.

The statements that lay out go to the compiler's own preprocessor with the macros that they use, and with types for what they read;
so does what the other pieces rest on (`sliced_units`). If there is no compiler, or something can't be compared, the output says
so. A difference is the tool's own failure.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Final

from attrs import define, field, frozen

from ..c.expressions import QUESTIONS, named, written
from ..c.statements import live
from ..c.tokens import is_name, tokens
from ..c.types import Node, parsed, types_of
from ..c.values import CType, Integer, Pointer, Unknown, Value
from ..words.word import Term, Word, compiled, inputs
from .compiled_units import WORDS, Compared, NotCompared, Read, Unit, held_against, macros_in
from .dom0_source import LAYOUT, Dom0Source
from .sliced_units import EDGES, Drawing, one_of
from .summaries import SUMMARIES

LAYOUTS: Final = 6000
"""How many layouts both readers are given at most."""
ROUNDS: Final = 40
"""How often a loop goes round at most in one of them."""
_BITS: Final = (12, 22, 28, 31, 40)
_PATH: Final = re.compile(r"(\w+)((?:(?:\.|->)\w+|\[\d+\])*)")
_STEP: Final = re.compile(r"(\.|->)(\w+)|\[(\d+)\]")
_SIZE: Final = re.compile(r"sizeof\((struct \w+)\)")
_QUESTION: Final = re.compile(rf"({'|'.join(QUESTIONS)})\(.*\)")


@frozen(eq=False)
class SecondReading:
    """What came of reading a second time: the ``layout``, and by identity what else was read."""

    layout: Compared = field(factory=Compared)
    reads: Mapping[int, tuple[Read, Compared]] = field(factory=dict)

    @property
    def differs(self) -> str:
        """The first thing that differs; empty where nothing does."""
        if self.layout.differs:
            return self.layout.differs
        found = ((read.where, came.differs) for read, came in self.reads.values() if came.differs)
        return next((f"{where}: {differs}" for where, differs in found), "")

    def of(self, reads: Iterable[Read]) -> Compared:
        """Of several that one piece rests on: the first difference, or why one isn't compared, or the least number of cases."""
        found = [self.reads[id(each)][1] for each in reads]
        return min(found, key=_worst) if found else Compared(why="it isn't given to one")


def _worst(of: Compared) -> tuple[bool, bool, int]:
    return not of.differs, not of.why, of.layouts


def read_again(source: Dom0Source | None, reads: Sequence[Read]) -> SecondReading:
    """Hold what is read of a tree's layout, and all else that was read, against what gcc, or cc, makes of it."""
    found: dict[int, Compared] = {}
    units: list[tuple[int, Unit]] = []

    def prepare(key: int, make: Callable[[], Sequence[Unit]]) -> None:
        try:
            units.extend((key, each) for each in make())
        except NotCompared as error:
            found[key] = Compared(why=str(error))

    layout = 0
    if source is None:
        found[layout] = Compared(why="it is GRUB's")
    else:
        prepare(layout, lambda: [_layout(source)])
    for each in reads:
        prepare(id(each), each.units)
    for (key, _), came in zip(units, held_against([unit for _, unit in units]), strict=True):
        found[key] = min(found.get(key, came), came, key=_worst)
    return SecondReading(found[layout], {id(each): (each, found[id(each)]) for each in reads})


def compared(source: Dom0Source) -> Compared:
    """Hold what is read of the layout against what gcc, or cc, makes of it."""
    return read_again(source, ()).layout


def _layout(source: Dom0Source) -> Unit:
    reading = _Reading(source)
    cases = list(reading.cases())
    if not cases:
        raise NotCompared("no layout was found on which the loop stops soon")
    before, body = slice_text(source, reading)
    return Unit(
        inputs=[str(each.value) for each in reading.inputs],
        outputs=reading.names,
        before=before,
        body=body,
        calls=(),
        cases=[(case, (*mine, None)) for case, mine in cases],
    )


class _Reading:
    """The terms of a source, run on numbers."""

    def __init__(self, source: Dom0Source) -> None:
        self.source = source
        values = {name: each for name, each in source.values.items() if isinstance(each, Value)}
        if not values:
            raise NotCompared("nothing of the layout is understood")
        self.names = tuple(values)
        terms = [each.term for each in values.values()]
        self.loop = source.loop
        state = [] if self.loop is None else list(self.loop.state.values())
        given = {} if self.loop is None else self.loop.given
        every: list[Term] = [*terms, *given.values(), *self._loop_terms()]
        inner = {id(each) for each in (*state, *given)}
        self.inputs = tuple(each for each in inputs(every) if id(each) not in inner)
        over = [*self.inputs, *given, *state]
        self._given = compiled(given.values(), self._closed(given))
        self._order = list(given)
        self._values = compiled(terms, over)
        if self.loop is not None:
            steps = self._loop_terms()
            self._start = compiled(steps[: len(state)], [*self.inputs, *given])
            self._round = compiled(steps[len(state) :], over)

    def _closed(self, given: Mapping[Word, Word]) -> Sequence[Word]:
        """What is given hangs on the inputs alone."""
        inner = {id(each) for each in given}
        if any(id(each) in inner for each in inputs(given.values())):
            raise NotCompared("what the loop reads hangs on what it reads")
        return self.inputs

    def _loop_terms(self) -> list[Term]:
        loop = self.loop
        if loop is None:
            return []
        found: list[Term] = []
        for part_ in (loop.start, loop.step):
            for name in loop.state:
                value = part_[name]
                if not isinstance(value, Value):
                    if part_ is loop.start or name in live(loop):
                        raise NotCompared(str(value))
                    value = Value(loop.state[name], Integer(64, signed=False))
                found.append(value.term)
        if isinstance(loop.goes_on, Unknown):
            raise NotCompared(str(loop.goes_on))
        return [*found, loop.goes_on]

    def cases(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Inputs, edges first, and the layout's variables by the terms."""
        random = Random(3)  # noqa: S311 - numbers to try, not secrets
        drawing = [self._drawing(each) for each in self.inputs]
        for turn in range(LAYOUTS):
            case = tuple(draw(random, turn) for draw in drawing)
            found = self._run(case)
            if found is not None:
                yield case, found

    def _drawing(self, of: Word) -> Drawing:
        """How an input's numbers are drawn, turn by turn."""
        title, most = str(of.value), (1 << of.width) - 1
        if _SIZE.fullmatch(title):
            size = _size_of(title)
            return lambda _random, _turn: size
        kind = self.source.types.get(title)
        if of.width == 8 and (kind is None or (isinstance(kind, Integer) and kind.boolean)):
            return lambda random, _turn: random.getrandbits(1)

        def draw(random: Random, turn: int) -> int:
            early = turn < LAYOUTS // 2
            value = one_of(EDGES, random) if early else random.getrandbits(one_of(_BITS, random))
            if turn % 3:
                value = one_of((value, random.getrandbits(22)), random)
            return value & most

        return draw

    def _run(self, case: tuple[int, ...]) -> tuple[int, ...] | None:
        given = self._given(*case)
        if self.loop is None:
            return self._values(*case)
        state = self._start(*case, *given)
        for _ in range(ROUNDS):
            *after, goes_on = self._round(*case, *given, *state)
            if not goes_on:
                return self._values(*case, *given, *state)
            state = tuple(after)
        return None


def _size_of(title: str) -> int:
    """What a ``sizeof`` is taken to be: that of the console's information, or of the start info."""
    return 24 if "vga" in title else 1208


# What is compiled


@define
class _Place:
    """A variable as it is declared for the compiler: a type, or members, or elements."""

    of: CType | None = None
    members: "dict[str, _Place]" = field(factory=dict)
    elements: "dict[int, _Place]" = field(factory=dict)
    pointed: bool = False


def slice_text(source: Dom0Source, reading: _Reading) -> tuple[str, str]:
    """The statements as C, from inputs in an array to results in another one: macros, and a function's body."""
    statements = _wanted(source)
    lines = source.file.source.unexpanded.split("\n")
    first = source.statements[0].start_point[0]
    kept = {row for each in statements for row in range(each.start_point[0], each.end_point[0] + 1)}
    body = [line for row, line in enumerate(lines) if row in kept]
    before = [
        line for row, line in enumerate(lines) if row not in kept and line.startswith("#") and row < max(kept)
    ]
    assert first <= min(kept)
    used = {name for each in statements for name in named(each)}
    places: dict[str, _Place] = {}
    settings: list[str] = []
    structs: list[str] = []
    questions: dict[str, int] = {}
    for index, each in enumerate(reading.inputs):
        title = str(each.value)
        size, question = _SIZE.fullmatch(title), _QUESTION.fullmatch(title)
        if size is not None:
            structs.append(f"{size[1]} {{ char c[{_size_of(title)}]; }};")
        elif question is not None:
            if questions.setdefault(question[1], index) != index:
                raise NotCompared(f"{question[1]}() is asked of several")
        else:
            _declare(places, title, source.types.get(title))
            settings.append(f"{title} = in[{index}];")
    for name, of in source.types.items():
        if name in used and name not in places and isinstance(of, Integer | Pointer) and name.isidentifier():
            _declare(places, name, of)
    declared = [text for name, place in places.items() for text in _declared(name, place, top=True)]
    asked = [f"#define {name}(...) ((_Bool)in[{index}])" for name, index in questions.items()]
    results = [f"out[{index}] = {name};" for index, name in enumerate(reading.names)]
    file = source.file.source
    own = {name for name, macro in file.macros.items() if macro.where.startswith(f"{source.path}:")}
    known = {"BUG_ON", "ASSERT", "ASSERT_UNREACHABLE", *QUESTIONS, *SUMMARIES}
    macros = [*macros_in(file, [*body, *before], frozenset(own | known)).values()]
    types = _typedefs(source, [*body, *before, *macros])
    above = [
        *macros,
        *asked,
        '#define domain_crash_and_stop(...) panic("")',
        '#define BUG_ON(condition) do { if ( condition ) panic(""); } while ( 0 )',
        "#define ASSERT(condition) ((void)0)",
        "#define ASSERT_UNREACHABLE() ((void)0)",
        "#define process_pending_softirqs() ((void)0)",
        *before,
    ]
    inside = [*structs, *types, *declared, *settings, *body, *results, f"out[{len(results)}] = 1;"]
    return "\n".join(above), "\n".join(inside)


def _wanted(source: Dom0Source) -> list[Node]:
    """The statements that the layout hangs on, in order."""
    wanted, found = set(LAYOUT), list[Node]()
    for each in reversed(source.statements):
        if each.type != "comment" and written(each) & wanted:
            found.append(each)
            wanted |= named(each)
    return found[::-1]


def _typedefs(source: Dom0Source, texts: Iterable[str]) -> Iterator[str]:
    """The types that a text names, as what they are."""
    types = types_of(source.file.source)
    for name in dict.fromkeys(each for text in texts for each in tokens(text) if is_name(each)):
        if name not in WORDS and types.known(name):
            of = types.declared(parsed(f"{name} x;").named_children[0], None)
            if isinstance(of, Integer | Pointer):
                yield f"typedef {_type(_Place(of))} {name};"


def _declare(places: dict[str, _Place], title: str, of: CType | None) -> None:
    whole = _PATH.fullmatch(title)
    if whole is None or not isinstance(of, Integer | Pointer):
        raise NotCompared(f"{title} is read, which isn't declared for the compiler")
    place = places.setdefault(whole[1], _Place())
    for arrow, member, index in _STEP.findall(whole[2]):
        if arrow == "->":
            place.pointed = True
        place = (
            place.members.setdefault(member, _Place())
            if member
            else place.elements.setdefault(int(index), _Place())
        )
    place.of = of


def _declared(name: str, place: _Place, *, top: bool = False) -> Iterator[str]:
    start = "static " if top else ""
    if place.pointed and not top:
        raise NotCompared(f"{name} is a pointer within something")
    if place.elements:
        (of, *others) = place.elements.values()
        if place.members or any(each.of != others[0].of for each in others[1:]):
            raise NotCompared(f"{name} is an array of several sorts")
        yield f"{start}{_type(of)} {name}[{max(place.elements) + 1}];"
    elif place.pointed:
        yield f"static {_type(place)} {name}_is; {_type(place, shared=name)} *{name} = (void *)&{name}_is;"
    else:
        yield f"{start}{_type(place)} {name};"


def _type(place: _Place, *, shared: str = "") -> str:
    if place.members:
        inner = " ".join(text for name, each in place.members.items() for text in _declared(name, each))
        return f"struct {{ {inner} }}"
    assert shared == ""
    if isinstance(place.of, Pointer):
        return "unsigned long"
    assert isinstance(place.of, Integer)
    if place.of.boolean:
        return "_Bool"
    return f"{'signed' if place.of.signed else 'unsigned'} {_NAMES[place.of.bits]}"


_NAMES: Final = {8: "char", 16: "short", 32: "int", 64: "long"}
