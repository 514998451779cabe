"""The toolstack's builder before 4.7: how libxc counted the page tables of a domU, found and executed over words.

One function counts the tables of one level. Another one tries: each round makes a region, has each level counted,
and goes on until the tables fit. Here a call of the first one in a round gives a word, and by itself it is executed for each
level's shift, as the function of a paging mode gives it.

Facts: what its functions, variables and fields are called, 4.0 to 4.6; nothing else in the tree sets ``extra_pages``.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from ..c.expressions import MEANINGS, Evaluator, Meaning, written
from ..c.objects import in_object
from ..c.state import MEMORY, State
from ..c.statements import Executor
from ..c.tree_files import Tree
from ..c.types import Node, declared_name, part, text_of, within
from ..c.values import (
    ULONG,
    UNSIGNED,
    Any,
    Integer,
    NotUnderstood,
    Pointer,
    Record,
    Unknown,
    Value,
    constant,
    converted,
)
from ..layouts.paging import PagingMode
from ..words.word import TRUE, Truth, Word, truncated, word
from .dom0_source import File
from .domu_source import Call, NotFound, toolstack_file, type_of
from .slices import block

COUNTS: Final = "nr_page_tables"
TRIES: Final = "count_pgtables"
SORTS: Final = {64: "count_pgtables_x86_64", 32: "count_pgtables_x86_32_pae"}
"""The functions that say which shifts a paging mode's levels have, by the bits of the guest's words."""
STATE: Final = "pages"
"""What a round is made for."""
TABLES: Final = "*dom.pgtables"
"""What is counted in all."""
END: Final = "*dom.virt_pgtab_end"
OWN: Final = (TABLES, END, *(f"*dom.pg_l{level}" for level in (1, 2, 3, 4)))
"""What a round, or what follows the last one, sets."""
OURS: Final = ("v_start", "alloc_end", "last", "pages", "nr_pages")
"""Words that stand for something here, of which no variable may have the name."""
ASSUMED: Final = {
    "apart": "the image that is built lies apart from all else, and no other pointer leads to it",
    "messages": "xc_dom_printf() and xc_dom_panic_func() write messages, and nothing else",
    "bootstack": "alloc_bootstack is 1, as it is for a PV domain",
    "no-extra": "extra_pages is 0, since nothing sets it",
}
"""What is taken for granted, by name."""


@frozen(eq=False)
class OlderDomuSource:
    """The builder: its file, the function that ``counts`` a level and the one that ``tries``, with its ``rounds``, a loop."""

    file: File
    counts: Node
    tries: Node
    rounds: Node


@frozen(eq=False)
class OlderRounds:
    """The rounds: what is ``first`` tried, the ``calls`` of a round, what it leaves to the ``next`` one, and where.

    ``goes_on`` is where there is a next one, ``refused`` where the function is left without, ``refuses`` says at which line,
    and ``after`` is what is known at the end.
    """

    where: str
    executor: Executor
    first: Any
    calls: Sequence[Call]
    next: Any
    goes_on: Truth
    refused: Sequence[tuple[str, Truth]]
    after: State

    def value(self, key: str) -> Any:
        """What a place in the image holds at the end."""
        return self.after.read(key, type_of(self.executor, key), self.where)


def older_domu_source(tree: Tree) -> OlderDomuSource | None:
    """The toolstack's builder in a tree; ``None`` where it isn't as before 4.7. Raises `InputError`."""
    file = toolstack_file(tree)
    if file is None:
        return None
    counts, tries = file.function(COUNTS), file.function(TRIES)
    loops = [each for each in (block(tries) if tries is not None else ()) if each.type == "for_statement"]
    if counts is None or tries is None or len(loops) != 1:
        return None
    return OlderDomuSource(file, counts, tries, loops[0])


def counted_by(bits: int) -> Word:
    """The word that a call gives in a round, for a level's shift."""
    return word(f"tables of {bits}")


def level(source: OlderDomuSource, first: Word, last: Word, bits: int) -> Value:
    """How many tables are counted for [first, last] of the level with that shift. Raises NotFound."""
    executor, given = _begin(source, source.counts)
    *_, low, high, shift = _parameters(executor, source.counts)
    given |= {low: Value(first, ULONG), high: Value(last, ULONG), shift: constant(bits, ULONG)}
    if any(executor.type_of.get(each) != ULONG for each in (low, high, shift)):
        raise NotFound(executor.where(source.counts), "addresses and a shift of 64 bits without a sign")
    state = executor.run_all(block(source.counts), given)
    where = executor.where(source.counts)
    if state.vague is not None:
        raise NotFound(state.vague.where, state.vague.why)
    _check_kept(given, state, where, ())
    if [path for path, _ in executor.returned] != [TRUE] or len(executor.leaves) != 1:
        raise NotFound(where, "one end, whatever the region")
    ((_, value),) = executor.returned
    if isinstance(value, Unknown):
        raise NotFound(value.where, value.why)
    of = executor.types.declared(source.counts, None)
    if not isinstance(of, Integer):
        raise NotFound(where, "what it gives isn't an integer")
    return converted(converted(value, of), ULONG)


def shifts(source: OlderDomuSource, mode: PagingMode) -> Sequence[Value]:
    """What a paging mode's function gives to the one that tries, but for the image. Raises NotFound."""
    function = source.file.function(SORTS[mode.bits])
    statements = [] if function is None else block(function)
    call = part(statements[0], "argument") if len(statements) == 1 else None
    if call is None and len(statements) == 1:
        call = next((each for each in statements[0].named_children if each.type == "call_expression"), None)
    if function is None or call is None or text_of(part(call, "function") or call) != TRIES:
        raise NotFound(source.file.where(source.tries), f"{SORTS[mode.bits]}() that does nothing but to try")
    executor, given = _begin(source, function)
    arguments = [each for each in (part(call, "arguments") or call).named_children if each.type != "comment"]
    state = executor.run_all([], given)
    dom, *found = executor.evaluate_all(arguments, state)
    plain = [each for each in found if isinstance(each, Value) and each.term.operation == "constant"]
    if not isinstance(dom, Value) or dom.term is not word("&*dom") or len(plain) != len(found):
        raise NotFound(source.file.where(call), "plain numbers for a paging mode's shifts")
    return plain


def rounds(source: OlderDomuSource, mode: PagingMode) -> OlderRounds:
    """The function that tries, for a paging mode. Raises NotFound."""
    executor, given = _begin(source, source.tries)
    _, *names = _parameters(executor, source.tries)
    numbers = shifts(source, mode)
    if len(names) != len(numbers):
        raise NotFound(executor.where(source.tries), "as many shifts as it is given")
    for name, value in zip(names, numbers, strict=True):
        of = executor.type_of.get(name)
        if not isinstance(of, Integer):
            raise NotFound(executor.where(source.tries), f"{name}, which is no integer")
        given[name] = converted(value, of)
    calls: dict[int, Call] = {}

    def counts(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        values = self.evaluate_all(arguments, state)
        bits = values[-1] if values else None
        if not isinstance(bits, Value) or bits.term.operation != "constant":
            raise NotUnderstood(f"{COUNTS}() for a shift that is no plain number")
        calls[node.start_byte] = Call(self.where(node), values, state.fork())
        return Value(counted_by(int(bits.term)), ULONG)

    executor.meanings[COUNTS] = counts
    nodes = block(source.tries)
    at = nodes.index(source.rounds)
    where = executor.where(source.rounds)
    state = executor.run_all(nodes[:at], given)
    before = len(executor.leaves)
    head = _head(executor, source, state)
    onward, ways = executor.once(source.rounds, head.fork())
    if before or not ways:
        raise NotFound(where, "a loop that is come to, and ends")
    refused = tuple(executor.leaves)
    done = executor.together(ways, where)
    _check_kept(given, onward, where, OWN)
    after = done.fork()
    for each in nodes[at + 1 :]:
        executor.run(each, done)
        after = after if done.left else done.fork()
    _check_kept(given, after, where, OWN)
    vague = next((each.vague for each in (state, onward, done) if each.vague is not None), None)
    if vague is not None:
        raise NotFound(vague.where, vague.why)
    _check_errors(source, executor, refused)
    first = state.read(STATE, executor.type_of.get(STATE), where)
    return OlderRounds(
        where,
        executor,
        first,
        tuple(calls.values()),
        onward.read(STATE, executor.type_of.get(STATE), where),
        onward.path,
        refused,
        after,
    )


def _begin(source: OlderDomuSource, function: Node) -> tuple[Executor, dict[str, Value]]:
    meanings: dict[str, Meaning] = dict.fromkeys(("xc_dom_printf", "xc_dom_panic_func"), MEANINGS["printk"])
    executor = Executor(source.file.source, function, source.file.typeofs, lambda _: False, meanings)
    of = executor.types.record("struct xc_dom_image")
    if not isinstance(of, Record):
        raise NotFound(executor.where(function), "struct xc_dom_image, of which no declaration is found")
    given = {"dom": executor.name_object("dom", of)}
    if isinstance(type_of(executor, "*dom.parms"), Pointer):
        raise NotFound(executor.where(function), "parms that is part of the image")
    for name, value in (("alloc_bootstack", 1), ("extra_pages", 0)):
        if type_of(executor, f"*dom.{name}") != UNSIGNED:
            raise NotFound(executor.where(function), f"{name} of 32 bits without a sign")
        given[f"*dom.{name}"] = constant(value, UNSIGNED)
    return executor, given


def _parameters(executor: Executor, function: Node) -> list[str]:
    """The names of a function's parameters. Raises NotFound."""
    declarator = next(each for each in within(function) if each.type == "function_declarator")
    found = [
        declared_name(part(each, "declarator")) or ""
        for each in (part(declarator, "parameters") or declarator).named_children
        if each.type == "parameter_declaration"
    ]
    if len(found) < 3:
        raise NotFound(executor.where(function), "an image or a region, and shifts")
    return found


def _head(executor: Executor, source: OlderDomuSource, state: State) -> State:
    """What is known where any round begins: what it sets isn't, but for what it is made for."""
    where = executor.where(source.rounds)
    if any(part(source.rounds, each) is not None for each in ("initializer", "condition", "update")):
        raise NotFound(where, "a loop that is left from within only")
    head = state.fork()
    for name in written(source.rounds, executor.meanings):
        key = executor.key_of(name)
        if key is not None and not in_object(key):
            head.spoil(key, Unknown(where, f"{name} is what the round before left"))
    for each in OWN:
        head.write(each, Unknown(where, f"{each[1:]} is what the round before left"))
    of = executor.type_of.get(STATE)
    if not isinstance(of, Integer):
        raise NotFound(where, f"{STATE}, which is no integer")
    head.places["dom"] = state.places["dom"]
    head.places[STATE] = Value(truncated(word(STATE), of.bits), of)
    return head


def _check_kept(given: Mapping[str, Value], after: State, where: str, own: Sequence[str]) -> None:
    """That nothing of the image has changed but what is its own. Raises NotFound."""
    for key, found in after.places.items():
        if in_object(key) and key not in own:
            was = given.get(key)
            same = isinstance(found, Value) and found.term is (
                word(key, found.term.width) if was is None else was.term
            )
            if not same:
                raise NotFound(where, f"one that leaves {key[1:]} as it was")
    dom = after.places.get("dom")
    if not isinstance(dom, Value) or dom.term is not word("&*dom") or after.epochs.get(MEMORY):
        raise NotFound(where, "one that works on its image alone, and calls what is known only")
    for name in OURS:
        if name in after.asked:
            raise NotFound(where, f"no variable that is called {name}, as a word of ours is")


def _check_errors(source: OlderDomuSource, executor: Executor, refused: Sequence[tuple[str, Truth]]) -> None:
    """That the function gives 0 at its end, and errors elsewhere. Raises NotFound."""
    values = [value for _, value in executor.returned]
    end = values.pop() if values else None
    if not isinstance(end, Value) or end.term.operation != "constant" or int(end.term):
        raise NotFound(executor.where(source.tries), "that it gives 0 at its end")
    if len(values) != len(refused):
        raise NotFound(executor.where(source.tries), "no other way out than with an error")
    for each in within(source.rounds):
        if each.type == "goto_statement" or (
            each.type == "return_statement"
            and not text_of(each).removeprefix("return").lstrip().startswith("-")
        ):
            raise NotFound(executor.where(each), f"an error, not {text_of(each)[:60]}")
