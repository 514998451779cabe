"""Reads a printed count with the tool's reader of C, and says step by step where it is what the encoding is.

The statements of the text are executed over words one after the other. Where the encoding has come as far, what has to be equal is
a goal, and both go on from the same words, whatever they are. A division by a number is done bit by bit by either, so their terms
are mostly the same terms.
"""

from collections.abc import Iterator
from functools import reduce

from ptproof.encodings import closed_form_any_rounding as rounded
from ptproof.encodings.closed_form import (
    Block,
    Lines,
    first_tables,
    gain,
    lines_of,
    pages_above_first,
    pages_without_tables,
    tables_more,
    taken,
    worths,
)
from ptproof.encodings.dom0_count import tables
from ptproof.encodings.dom0_layout import rounded_end
from ptproof.formal.c.expressions import KEPT, written
from ptproof.formal.c.preprocessor import preprocessed
from ptproof.formal.c.state import State
from ptproof.formal.c.statements import Executor, SourceLoop
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.c.types import parsed, within
from ptproof.formal.c.values import ULONG, Value, bounds
from ptproof.formal.layouts.paging import PagingMode
from ptproof.formal.logic.theorem import Assumption, Lemma, Statement
from ptproof.formal.source.dom0_source import without_typeof
from ptproof.formal.words.word import Truth, Word, choose, number, replaced, word, zero_extended

S, T, N, END = word("v_start"), word("vpt_start"), word("n"), word("end")
HEAD = """#define __init
#define PAGE_SIZE %dUL
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
"""


class Reading:
    """A printed function, being executed."""

    def __init__(self, text: str, mode: PagingMode) -> None:
        files = {"formula.c": HEAD % (1 << mode.page_shift) + text}
        source = preprocessed(Tree("printed", files.get), "formula.c", folders=(), defined={}, kept=KEPT)
        plain, typeofs = without_typeof(source.text)
        (function,) = [each for each in within(parsed(plain)) if each.type == "function_definition"]
        self.executor = Executor(source, function, typeofs, lambda loop: "n" in written(loop))
        named = [each for each in self.executor.body.named_children if each.type != "comment"]
        *self.statements, last = named
        assert last.type == "return_statement"
        (self.result,) = last.named_children
        self.state = State(self.executor.outer, self.executor._numbers)

    def go_to(self, name: str) -> None:
        """Execute up to the next assignment to a variable, with it."""
        while True:
            statement = self.statements.pop(0)
            self.executor.run(statement, self.state)
            if statement.type == "expression_statement" and name in written(statement):
                return

    def go_to_the_end(self) -> Word:
        """Execute all that is left; what is given back."""
        for each in self.statements:
            self.executor.run(each, self.state)
        assert self.state.vague is None
        assert not self.executor.leaves
        return term(self.executor.evaluate(self.result, self.state))

    def read(self, name: str) -> Word:
        """What a variable is."""
        return term(self.state.read(name, self.executor.type_of[name], "here"))

    def put(self, name: str, value: Word) -> None:
        """From here on a variable is this."""
        self.state.places[name] = Value(value, ULONG)


def term(value: object) -> Word:
    """The term of a value that is understood."""
    assert isinstance(value, Value), value
    return value.term


def _goal(name: str, goal: Truth, *assumptions: Truth) -> Lemma:
    said = tuple(Assumption(f"a{place}", each, "here") for place, each in enumerate(assumptions))
    return Lemma(name, "text and encoding are the same here", Statement(assumptions=said, goal=goal))


def _same(one: Truth, other: Truth) -> Truth:
    return (one & other) | (~one & ~other)


def closed_goals(text: str, mode: PagingMode, shift: int, padding: int) -> Iterator[Lemma]:
    """What has to be proved so that the divisions are the encoding's, for all pages that an address space has."""
    reading, lines = Reading(text, mode), lines_of(mode, shift)
    reading.go_to("left")
    first = first_tables(mode, shift, S)
    needed = pages_without_tables(mode, shift, S, T, number(padding)) + first
    same = reading.read("left") == pages_above_first(lines, needed)
    yield _goal("before", same & (reading.read("first") == first))
    left, already = zero_extended(word("left", 64 - mode.page_shift), 64), number(0)
    *wide, single = reversed(lines.gains())
    for block, above in zip(wide, [None, *wide], strict=False):
        left, already = _cut(above, left, already)
        reading.put("left", left)
        reading.put("lines", already)
        reading.go_to("lines")
        reading.go_to("left")
        ours, rest = _divided(lines, block, above, already, left)
        same = reading.read("lines") == ours
        yield _goal(f"by {block.gain}", same & (reading.read("left") == rest))
    above = wide[-1] if wide else None
    left, already = _cut(above, left, already)
    reading.put("left", left)
    reading.put("lines", already)
    reading.go_to("lines")
    yield from _rounded_up(reading.read("lines"), lines, single, above, already, left)
    reading.put("first", word("first"))
    reading.put("lines", word("lines"))
    yield _goal("after", reading.go_to_the_end() == word("first") + tables_more(lines, word("lines")))


def _cut(above: Block | None, left: Word, already: Word) -> tuple[Word, Word]:
    """Whatever the division before left, less than it divided by, and however many of its blocks there are."""
    if above is None:
        return left, already
    some = zero_extended(word("rest", above.gain.bit_length()), 64)
    less = choose(some >= above.gain, some - above.gain, some)
    return less, zero_extended(word("blocks", 64 - above.lines), 64) << above.lines


def _bits(lines: Lines, block: Block, above: Block | None) -> list[tuple[int, int]]:
    """The bits of a block's quotient in the encoding: log2 of the lines, and what they are worth."""
    return [
        each for each in worths(lines) if each[0] >= block.lines and (above is None or each[0] < above.lines)
    ]


def _divided(lines: Lines, block: Block, above: Block | None, already: Word, left: Word) -> tuple[Word, Word]:
    for bit, worth in _bits(lines, block, above):
        left, already = _step(left, already, bit, worth)
    return already, left


def _step(left: Word, already: Word, bit: int, worth: int) -> tuple[Word, Word]:
    onward, rest = taken(left, number(worth), already, number(1 << bit))
    return rest, onward


def _rounded_up(
    theirs: Word, lines: Lines, single: Block, above: Block | None, already: Word, left: Word
) -> Iterator[Lemma]:
    """The last division, where the text rounds up: bit by bit, it is a bit ahead or it isn't.

    With so many bits left, what the text has left is what the encoding has, and the number less one more; or it has taken
    the next higher bit for that, and the encoding is to take all that are lower, and to add one at last.
    """
    by = single.gain
    ours = [bit for bit, _ in _bits(lines, single, above)]
    most = ((1 << (64 - lines.page_shift)) if above is None else above.gain) - 1
    bits = ((most + by - 1) // by).bit_length()
    # The text's quotient is this very term, and the encoding's is its own, counted from what there is already.
    quotient, rest = number(0), left + (by - 1)
    yield _goal("what is divided", left + by - 1 == rest)
    rest = left + by - 1
    for bit in reversed(range(bits)):
        rest, quotient = _step(rest, quotient, bit, by << bit)
    yield _goal("the text's", theirs == already + quotient)
    here, _ = _divided(lines, single, above, already, left)
    plain, _ = _divided(lines, single, above, number(0), left)
    yield _goal("the encoding's", here == already + plain)
    x, r, q, p = (word(each) for each in "xrqp")

    def ahead(x: Word, r: Word, q: Word, p: Word, bits: int) -> Truth:
        level = (q == p) & (x == r + (by - 1))
        before = (q == p + (1 << bits)) & (x + (by << bits) == r + (by - 1))
        return (level | before) & (r < by << bits) & (x < by << bits)

    yield _goal("at first", (left < by << bits) & (left + (by - 1) < by << bits))
    for bit in reversed(range(bits)):
        before = ahead(x, r, q, p, bit + 1)
        after = _step(x, q, bit, by << bit)
        mine = _step(r, p, bit, by << bit) if bit in ours else (r, p)
        beyond = [] if bit in ours else [r < by << bit]
        yield _goal(f"bit {bit}", ahead(after[0], mine[0], after[1], mine[1], bit), before, *beyond)
        if bit not in ours:
            yield _goal(f"no bit {bit}", left < by << bit)
    up = choose(r > 0, number(1), number(0))
    yield _goal("at last", q == p + up, ahead(x, r, q, p, 0))


def ahead_goals(text: str, mode: PagingMode, shift: int, padding: int) -> Iterator[Lemma]:
    """What has to be proved so that the divisions are those of `closed_form_any_rounding`, wherever there are lines that leave enough."""
    reading, lines = Reading(text, mode), lines_of(mode, shift)
    pages, mask = rounded.by_page(mode), number((1 << shift) - 1)
    line_mask = mask >> mode.page_shift
    without = rounded.pages_without_tables(mode, mask, number(0), S, T + padding)
    for name, ours in (("pages", without), ("first", rounded.first_tables(mode, mask, S))):
        reading.go_to(name)
        yield _goal(name, reading.read(name) == ours)
        reading.put(name, word(name))
    if padding >> shift == 0:
        yield _goal("padding", without == rounded.pages_without_tables(mode, mask, number(padding), S, T))
    reading.go_to("left")
    needed = word("pages") + word("first")
    yield _goal("left", reading.read("left") == rounded.above_first(line_mask, needed))
    above, most = 64 - shift, int(gain(pages, number((1 << 64 - mode.page_shift) - 1) & ~line_mask))
    for block in reversed(lines.gains()):
        last = int(gain(pages, number((1 << block.lines + lines.pages) - 1) & ~line_mask))
        added = block.gain - 1 - last
        left = zero_extended(word("rest", most.bit_length()), 64)
        already = zero_extended(word("blocks", 64 - above), 64) << above if above < 64 - shift else number(0)
        kept = number(0) if added >= 0 else choose(left < -added, left, number(-added))
        divided = left + added if added > 0 else left - kept if added < 0 else left
        reading.put("left", left)
        reading.put("lines", already)
        reading.go_to("lines")
        rest, quotient = divided, number(0)
        bits = above - block.lines
        read = max(bits, (bounds(divided)[1] // block.gain).bit_length())
        for bit in reversed(range(read)):
            rest, quotient = _step(rest, quotient, bit, block.gain << bit)
        title = f"by {block.gain}"
        yield _goal(title, reading.read("lines") == already + (quotient << block.lines))
        if block.lines:
            for _ in range(2 if added > 0 else 1):
                reading.go_to("left")
            over = (
                choose(rest > added, rest - added, number(0))
                if added > 0
                else rest + kept
                if added < 0
                else rest
            )
            yield _goal(f"{title}, the rest", reading.read("left") == over)
        at_first = left, divided, kept, most
        yield from _ahead(pages, line_mask, lines.pages, block, added, at_first, (bits, read))
        above, most = block.lines, last
    # Nothing is left then, and no bit below a line is taken.
    for bit in range(lines.pages):
        taken_of_none = rounded.taken(pages, line_mask, number(0), word("p"), number(1 << bit))
        assert taken_of_none == (word("p"), number(0)), bit
    found = zero_extended(word("found", 64 - shift), 64)
    reading.put("first", word("first"))
    reading.put("lines", found)
    yield _goal("after", reading.go_to_the_end() == word("first") + tables_more(pages, found << lines.pages))


def _ahead(
    pages: Lines,
    line_mask: Word,
    line_shift: int,
    block: Block,
    added: int,
    at_first: tuple[Word, Word, Word, int],
    bits: tuple[int, int],
) -> Iterator[Lemma]:
    """Bit by bit, the text takes what the encoding takes, and what it divides is ahead by what was added.

    ``at_first`` is what is left, what the text divides, what it keeps, and how much is left at most; ``bits`` is how many the quotient
    has at most then, and how many the reader of C takes it to have.
    """
    left, divided, kept, most = at_first
    x, q, r, p, k = (word(each) for each in "xqrpk")

    def same(x: Word, q: Word, r: Word, p: Word, k: Word, bits: int) -> Truth:
        if added >= 0:
            apart = r == choose(x > added, x - added, number(0))
        else:
            apart = (r == x + k) & (k <= -added) & ((x == 0) | (k == -added))
        return apart & (p == q << (block.lines + line_shift)) & (x < block.gain << bits)

    none = number(0)
    yield _goal(f"at first, {block.gain}", same(divided, none, left, none, kept, bits[0]), left <= most)
    for bit in range(*bits):
        rest, onward = _step(x, q, bit, block.gain << bit)
        yield _goal(f"no bit {bit}, {block.gain}", (rest == x) & (onward == q), x < block.gain << bits[0])
    for bit in reversed(range(bits[0])):
        step = number(1 << bit + block.lines + line_shift)
        onward, rest = rounded.taken(pages, line_mask, r, p, step)
        after = _step(x, q, bit, block.gain << bit)
        yield _goal(
            f"bit {bit}, {block.gain}",
            same(after[0], after[1], rest, onward, k, bit),
            same(x, q, r, p, k, bit + 1),
        )


def search_goals(
    text: str, mode: PagingMode, shift: int, padding: int, first: int
) -> tuple[list[Lemma], Word]:
    """What has to be proved so that the search is the encoding's; and the text's count of the tables that n frames need."""
    reading = Reading(text, mode)
    found = reading.go_to_the_end()
    (loop,) = reading.executor.loops
    n, goes_on = loop.state["n"], loop.goes_on
    assert found is n
    assert isinstance(goes_on, Truth), goes_on
    end, needed = (replaced(term(loop.step[name]), {n: N}) for name in ("end", "needed"))
    start, step = _start_and_step(loop)
    page = 1 << mode.page_shift
    stack = word("stack")
    mask, more = number((1 << shift) - 1), number(padding)
    # Of more padding than the rounding the builder's two steps know nothing: it is passed by like a longer stack.
    in_steps = (stack + more, number(0)) if padding >> shift else (stack, more)
    goals = [
        _goal("start and step", (start == first) & (replaced(step, {n: N}) == N + 1)),
        _goal("the stack's end", end == (T + N * page + page + more + mask) & ~mask),
        _goal(
            "the region's end", (stack + more + mask) & ~mask == rounded_end(in_steps[0], mask, in_steps[1])
        ),
        _goal("tables", replaced(needed, {end: END}) == tables(mode, S, END)),
        _goal("goes on", _same(replaced(replaced(goes_on, {n: N}), {needed: word("m")}), word("m") > N)),
    ]
    return goals, needed


def _start_and_step(loop: SourceLoop) -> tuple[Word, Word]:
    return term(loop.start["n"]), term(loop.step["n"])


def is_raised(text: str, mode: PagingMode, needed: Word, rounds: int) -> bool:
    """Whether the text gives that count, applied so often to none: the very same term."""
    applied = reduce(lambda n, _: replaced(needed, {N: n}), range(rounds), number(0))
    return Reading(text, mode).go_to_the_end() is applied
