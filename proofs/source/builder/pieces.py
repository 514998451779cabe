"""What the builder's pieces have in common: each is compared with its encoding, and told with what it takes for granted."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial, wraps
from typing import Final, Protocol, TypeVar

from attrs import evolve

from ....formal.c.expressions import QUESTIONS, Meaning, Reading
from ....formal.c.memory import CLEARED, COPIED, Store, holds
from ....formal.c.statements import SourceLoop
from ....formal.c.types import Node, declared_name, part, text_of, within
from ....formal.c.values import BOOL, Any, Unknown, Value, constant
from ....formal.layouts.paging import PAGE_SIZE, PagingMode
from ....formal.logic.claim import Part
from ....formal.logic.theorem import Lemma, Statement, Steps, Use
from ....formal.logic.verdict import Replay
from ....formal.source.compiled_units import Read
from ....formal.source.dom0_source import Dom0Source, File
from ....formal.source.questions import Piece
from ....formal.source.sliced_units import Stubs, units_of
from ....formal.source.slices import Slice, block, execute, writes
from ....formal.source.summaries import XENS_ENTRIES
from ....formal.words.word import (
    TRUE,
    AnyTerm,
    Truth,
    WidthsDiffer,
    Word,
    all_of,
    compiled,
    implies,
    inputs,
    number,
    replaced,
)
from ...shared.replays import Judge, Values
from .cases import Case, Sample, by_cases, of_case, samples

Of = TypeVar("Of")
Made = TypeVar("Made")
Pieces = Mapping[str, tuple[str, Callable[[str, str, Dom0Source, PagingMode], Piece]]]
"""Pieces to be made: by name, what each says and how it is made, for a source and a sort of guest."""


class NotRead(Exception):
    """A piece that isn't understood: ``why`` says where and what."""

    def __init__(self, why: Unknown) -> None:
        super().__init__(str(why))
        self.why = why


_reads: Final[ContextVar[list[Read]]] = ContextVar("_reads")
"""What has been executed for the piece that is made."""


@contextmanager
def noted_reads() -> Iterator[list[Read]]:
    """Note what is executed."""
    found: list[Read] = []
    token = _reads.set(found)
    try:
        yield found
    finally:
        _reads.reset(token)


def shared(function: Callable[[Of, PagingMode], Made]) -> Callable[[Of, PagingMode], Made]:
    """Make something of a source once; what was executed for it is noted for every piece that uses it."""

    @lru_cache(8)
    def make(source: Of, mode: PagingMode) -> tuple[Made, list[Read]]:
        with noted_reads() as found:
            result = function(source, mode)
        return result, found

    @wraps(function)
    def wrapped(source: Of, mode: PagingMode) -> Made:
        result, found = make(source, mode)
        note(*found)
        return result

    return wrapped


def note(*reads: Read) -> None:
    """Note that something was executed."""
    found = _reads.get(None)
    if found is not None:
        found += [each for each in reads if each not in found]


def made(pieces: Pieces, source: Dom0Source, mode: PagingMode) -> Iterator[Piece]:
    """Each of the pieces, or why it isn't understood."""
    for name, (says, make) in pieces.items():
        try:
            with noted_reads() as reads:
                piece = evolve(make(name, says, source, mode), reads=tuple(reads))
        except (NotRead, WidthsDiffer) as error:
            why = error.why if isinstance(error, NotRead) else of_another_width(source.first, error)
            piece = Piece(name=name, mode=mode, where=why.where, says=says, asked=why, same_as=name)
        yield piece


def of_another_width(where: str, error: WidthsDiffer) -> Unknown:
    """That a variable is wider or narrower than it is encoded, or read by a term that is."""
    return Unknown(where, f"a variable is wider or narrower than it is encoded: {error}")


def not_found(where: str, what: str) -> NotRead:
    """That something isn't found that the encoding has."""
    return NotRead(Unknown(where, f"{what} isn't found, so what is proved of it isn't known to hold"))


def not_read(file: File, node: Node, why: str) -> NotRead:
    """That something in a node isn't understood, or isn't as it is encoded."""
    return NotRead(Unknown(file.where(node), why))


def unchanged(file: File, nodes: Iterable[Node], names: Sequence[str], why: str) -> None:
    """That no statement changes one of the variables; ``why`` says what that would be. Raises NotRead."""
    for each in nodes:
        if writes(each, names):
            raise not_read(file, each, why)


def called_with(file: File, function: Node, call: Node, names: Sequence[str]) -> None:
    """That a function is called with the caller's variables that have its own parameters' names. Raises NotRead."""
    declarator = next(each for each in within(function) if each.type == "function_declarator")
    parameters = [
        declared_name(part(each, "declarator"))
        for each in within(declarator)
        if each.type == "parameter_declaration"
    ]
    arguments = part(call, "arguments")
    inner = [] if arguments is None else [each for each in arguments.named_children if each.type != "comment"]
    given = [name for name, each in zip(parameters, inner, strict=False) if name == text_of(each)]
    if [each for each in given if each in names] != list(names):
        raise not_read(
            file, call, f"a call with something else than {', '.join(names)}: {text_of(call)[:60]}"
        )


def builders_call(source: Dom0Source, name: str) -> tuple[int, Node]:
    """Which statement of the builder's block has its call of a function, and the call. Raises NotRead if it isn't just one."""
    found = [
        (place, inner)
        for place, each in enumerate(block(source.builder))
        for inner in within(each)
        if inner.type == "call_expression" and text_of(part(inner, "function") or inner) == name
    ]
    if len(found) != 1:
        raise not_found(source.file.where(source.builder), f"one call of {name}() by the builder itself")
    return found[0]


def known(value: Any) -> Value:
    """A value that is understood. Raises NotRead."""
    if isinstance(value, Unknown):
        raise NotRead(value)
    return value


def word_of(loop: SourceLoop, name: str, ours: Word) -> Word:
    """A loop's own word for a variable, which the encoding's is to be put for. Raises NotRead where it isn't as wide."""
    its = loop.state[name]
    if its.width != ours.width:
        raise NotRead(Unknown(loop.where, f"{name} has {its.width} bits, the encoding's {ours.width}"))
    return its


def executed(
    source: Dom0Source,
    mode: PagingMode,
    file: File,
    function: Node,
    statements: Sequence[Node],
    *,
    loops: Callable[[Node], bool] = lambda _: False,
    given: Mapping[str, Value] | None = None,
    leaving: bool = False,
    meanings: Mapping[str, Meaning] | None = None,
    readings: Mapping[str, Reading] | None = None,
    ours: Iterable[Word] = (),
    stubs: Stubs | None = None,
) -> Slice:
    """Statements executed for one sort of guest, of which it is known what is reached. Raises NotRead.

    They may leave the function where ``leaving`` says that the piece asks for that. ``ours`` are words of the encoding's that are
    no variables of the source: one that is called alike, and is read before it is set, would be taken for it. ``stubs`` are the
    ``meanings`` for the compiler.
    """
    for each in (inner for statement in statements for inner in within(statement)):
        if not leaving and each.type in ("return_statement", "goto_statement"):
            raise not_read(file, each, f"a way out, {text_of(each)[:60]}")
    narrow = int(mode.bits == 32)
    sort = {name: Value(number(narrow, BOOL.bits), BOOL) for name in source.mode}
    answers = {name: constant(int(narrow and name != "is_pvh_domain")) for name in QUESTIONS}
    answers["is_pv_domain"] = constant(1)
    found = execute(
        file,
        function,
        statements,
        loops=loops,
        given={**sort, **(given or {})},
        answers=answers,
        meanings=meanings,
        readings=readings,
    )
    if found.vague is not None:
        raise NotRead(found.vague)
    for name in (str(word.value) for word in ours):
        if name in found.state.asked:
            raise NotRead(Unknown(found.where, f"a variable that is called {name}, as a word of ours is"))
    note(Read(found.where, partial(units_of, found, stubs or Stubs())))
    return found


class Over(Protocol):
    """Says a term of a source's over the encoding's words. Raises NotRead where it hangs on something else."""

    def __call__(self, term: AnyTerm, /) -> AnyTerm:
        """The term over the encoding's words."""


def restated(stores: Iterable[Store], over: Over, own: Container[str] = ()) -> list[Store]:
    """What was written, ``over`` the encoding's words; a value that isn't understood stays so.

    Raises NotRead where many entries are written at once, other than by what has one of the members ``own``.
    """
    stores = list(stores)
    for each in stores:
        at_once = each.member == XENS_ENTRIES or each.member.startswith(COPIED)
        if at_once and each.member not in own:
            raise NotRead(Unknown(each.where, f"many entries are written at once: {each.member}"))
    return [
        Store(
            each.where,
            over(each.path),
            over(each.address),
            each.member,
            Value(over(each.value.term), each.value.type) if isinstance(each.value, Value) else each.value,
        )
        for each in stores
    ]


def whole_pages(stores: Iterable[Store]) -> Iterator[tuple[str, Truth, Truth]]:
    """That what is cleared is cleared from where its page begins: `holds` takes it for the page that the address is in."""
    for each in stores:
        if each.member == CLEARED:
            begins = each.address & (PAGE_SIZE - 1) == 0
            yield f"whether {each.where} clears a whole page", implies(each.path, begins), TRUE


def held(stores: list[Store], address: Word, before: Word, member: str = "") -> Word:
    """What an address holds, or a member of what is there, after all that was written, if ``before`` was there. Raises NotRead.

    Of the stores none may be left out: one to another member may overlap this one, which isn't understood.
    """
    found = holds(stores, address, before, member)
    if isinstance(found, Unknown):
        raise NotRead(found)
    return found


def anything(terms: Iterable[AnyTerm]) -> list[Word]:
    """What stands in terms for anything: what was in memory, and what calls give."""
    return [each for each in inputs(terms) if "@" in str(each.value) or "#" in str(each.value)]


def renamed(term: AnyTerm, names: Mapping[str, Word], where: str) -> AnyTerm:
    """The term over the words that encodings speak of. Raises NotRead for an input of another name, or another width."""
    put: dict[Word, Word] = {}
    for each in inputs([term]):
        name = str(each.value)
        if name not in names or names[name].width != each.width:
            raise NotRead(Unknown(where, f"it hangs on {name}, which the encoding doesn't know"))
        put[each] = names[name]
    return replaced(term, put)


def compared(
    name: str,
    says: str,
    mode: PagingMode,
    where: str,
    goal: Truth | Sequence[Truth],
    judge: Judge,
    same_as: str,
    *,
    assumes: Mapping[str, str] | None = None,
    shape: Truth = TRUE,
    ways: Iterable[Truth] = (),
) -> Piece:
    """A piece that is the encoding's if the goal holds, whatever the inputs; several goals are proved one by one.

    A single goal is proved for each way that ``ways`` may go, together: a solver loses itself among choices.
    """
    title, meaning = f"tree:{name}[{mode.name}]", f"the tree's {name} is the encoding's"
    goals = [goal] if isinstance(goal, Truth) else list(goal)
    proved = goals
    for way in ways:
        proved = [implies(each, one) for one in proved for each in (way, ~way)]
    uses = [
        Use(Lemma(f"{title}/{place}", meaning, Statement(goal=each)))
        for place, each in enumerate(proved)
        if len(proved) > 1
    ]
    lemma = Lemma(title, meaning, Statement(goal=all_of(goals)), Steps(uses=uses))
    return Piece(
        name=name,
        mode=mode,
        where=where,
        says=says,
        asked=Part(name=lemma.name, lemma=lemma, shape=shape, replay=judge),
        same_as=same_as,
        assumes=assumes or {},
    )


def compared_by_cases(
    name: str,
    says: str,
    mode: PagingMode,
    where: str,
    pairs: Sequence[tuple[str, Word | Truth, Word | Truth]],
    cases: Sequence[Case],
    known: Truth,
    sample: Sample,
    same_as: str,
    *,
    unsettled: Iterable[Word] = (),
    beside: Sequence[Truth] = (),
    assumes: Mapping[str, str] | None = None,
    together: bool = False,
) -> Piece:
    """A piece that is the encoding's if each pair is the same, case by case, where something is ``known``; and what is ``beside``.

    What is left of the cases may be asked ``together``, where there are many of them and each is simple.
    """
    goal = all_of(theirs == ours for _, theirs, ours in pairs)
    goals: tuple[Truth, ...] = (*by_cases(cases, known, TRUE, goal, sample, unsettled), *beside)
    if together:
        goals = (all_of(goals),)
    tried = samples(sample)
    scenes = [partial(of_case, each, known, tried) for each in cases]
    judge = judged_pairs(pairs, all_of(goals), scenes)
    return compared(name, says, mode, where, goals, judge, same_as, assumes=assumes)


def read(term: AnyTerm, values: Values) -> int:
    """A term's value on numbers; what isn't given is 0."""
    over = inputs([term])
    return compiled([term], over)(*(values.get(str(each.value), 0) for each in over))[0]


def judged(what: str, theirs: AnyTerm, expected: Callable[[Values], int]) -> Judge:
    """Whether the tree's term is what the machine comes to."""

    def judge(values: Values) -> Replay:
        found, ours = read(theirs, values), expected(values)
        return Replay(
            int(found) == int(ours),
            f"{what} is {_shown(found)} by the tree, {_shown(ours)} by the frame machine",
        )

    return judge


def _shown(value: int) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else hex(value)


def judged_pairs(
    pairs: Sequence[tuple[str, Word | Truth, Word | Truth]],
    goal: Truth,
    scenes: Sequence[Callable[[Values], Values | None]] = (lambda values: values,),
) -> Judge:
    """Whether a goal holds on numbers; if not, the first term that isn't what it is held against is told.

    ``scenes`` are cases: each gives the numbers as they are in it, or none where they can't be of it.
    """

    def judge(values: Values) -> Replay:
        if read(goal, values):
            return Replay(holds=True, says="they are the same")
        for there in filter(None, (scene(values) for scene in scenes)):
            for what, theirs, ours in pairs:
                found, expected = read(theirs, there), read(ours, there)
                if found != expected:
                    says = f"{what} is {_shown(found)} by the tree, {_shown(expected)} by the encoding"
                    at = {str(each.value): there.get(str(each.value), 0) for each in inputs([theirs, ours])}
                    return Replay(holds=False, says=says, at=at)
        return Replay(None, "no term differs")

    return judge
