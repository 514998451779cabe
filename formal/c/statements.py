"""Statements, executed over words: from a point of a function to another one, on all ways at once.

At the first statement nothing is known: every variable is an input. Where ways meet again a value is a choice between
them. A loop whose condition is a constant each time, or depends on flags (a sort of guest), is executed; any other one
becomes a `SourceLoop` if it is the loop that is wanted, else what it writes isn't known. ``return``, ``goto`` out of what
is executed, and ``panic()`` leave: what is found then holds for the ways that come through.

Source: ISO C11, 6.8.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, product
from typing import ClassVar, Final

from attrs import define, field, frozen

from ..words.word import TRUE, Term, Truth, Word, all_of, compiled, inputs, replaced, word
from .expressions import TYPEOF, Evaluator, Meaning, named, written
from .memory import Memory
from .preprocessor import Source
from .state import MEMORY, State, input_value, merged, rejoined, root_of
from .types import Node, declared_name, is_address, parsed, part, text_of, within
from .values import BOOL, Any, CType, Integer, NotUnderstood, Pointer, Unknown, Value, converted

DEEPEST_CALL: Final = 20
"""How deep in an expression a call may be so that it is followed."""
ROUNDS: Final = 64
"""How often a loop is executed whose condition is a constant each time."""
MOST: Final = 20_000
"""How many statements are executed in all."""
OF_ITS_VALUE: Final = "__auto_type"
"""GNU C's type of whatever a variable is initialised with."""
_OPENED: Final = (
    "compound_statement",
    "if_statement",
    "else_clause",
    "for_statement",
    "while_statement",
    "do_statement",
)
"""Statements whose parts are looked at one by one, so that an error is reported for the part that has it."""


@frozen(eq=False, kw_only=True)
class SourceLoop:
    """A loop as it stands in a source.

    ``state`` has the words that stand for variables at the beginning of a round; ``start`` what they are at first,
    ``step`` after a round that goes on. A round ``goes_on``, or ``leaves`` the function, or else is the last one, and then
    ``exits`` has the variables after it. All of it speaks of ``state`` and of ``given``: words for what the loop only reads,
    with what they stand for, and inputs. ``head`` has the variables at the beginning of any round, ``memory`` what a round
    does to memory, where that is noted.
    """

    where: str
    last: str
    state: dict[str, Word]
    start: dict[str, Any]
    step: dict[str, Any]
    goes_on: Truth | Unknown
    leaves: Truth
    exits: dict[str, Any]
    given: dict[Word, Word]
    head: dict[str, Any]
    memory: Memory = field(factory=Memory)


@define
class _Ends:
    """The ways out of a loop's body."""

    breaks: list[State]
    continues: list[State]


class Executor(Evaluator):
    """Executes statements of one function."""

    def __init__(
        self,
        source: Source,
        function: Node,
        typeofs: list[str],
        wanted: Callable[[Node], bool],
        summaries: Mapping[str, Meaning] | None = None,
        memory: Memory | None = None,
    ) -> None:
        """``wanted`` tells which loops are to become a `SourceLoop`; the rest as for an `Evaluator`."""
        super().__init__(source, typeofs, summaries, memory)
        self.function, self.wanted = function, wanted
        self.loops: list[SourceLoop] = []
        self.returned: list[tuple[Truth, Any]] = []
        """What ``return`` gives, and when, in the order executed."""
        self.effects: dict[str, str] = {}
        """Functions that write no memory but the whole of a place, by name: nothing, where it is empty."""
        self._ends: list[_Ends] = []
        self._numbers = count(1)
        self._executed = 0
        self._declare_all()
        self.exposed = self._exposed()

    # The function

    @property
    def body(self) -> Node:
        """Its outermost block."""
        found = part(self.function, "body")
        assert found is not None
        return found

    def _declare_all(self) -> None:
        declarator = part(self.function, "declarator")
        while declarator is not None and declarator.type != "function_declarator":
            declarator = part(declarator, "declarator")
        parameters = part(declarator, "parameters") if declarator is not None else None
        for each in parameters.named_children if parameters is not None else ():
            self._declare(each, part(each, "declarator"))
        for each in self.body.named_children:
            if each.type == "declaration":
                for declarator in each.children_by_field_name("declarator"):
                    self._declare(each, declarator)

    def _declare(self, declaration: Node, declarator: Node | None) -> str | None:
        """Make a variable known in the present scope; gives its key."""
        name = declared_name(declarator)
        if name is None:
            return None
        key = name if name not in self.type_of else f"{name}#{next(self._numbers)}"
        self.scopes[-1][name] = key
        self.type_of[key] = self._type(declaration, declarator)
        return key

    def _type(self, declaration: Node, declarator: Node | None) -> CType | None:
        return None if declaration.has_error else self.types.declared(declaration, declarator)

    def _exposed(self) -> set[str]:
        """Variables whose address is kept somewhere, other than by a call that is given it."""
        found = set()
        for each in within(self.function):
            if is_address(each) and b"->" not in (each.text or b""):
                above = each.parent
                while above is not None and above.type in ("parenthesized_expression", "cast_expression"):
                    above = above.parent
                if above is None or above.type not in (
                    "argument_list",
                    "field_expression",
                    "binary_expression",
                ):
                    found |= {key for name in named(each) if (key := self.key_of(name)) is not None}
        return found

    def run_all(self, statements: Sequence[Node], given: Mapping[str, Value] | None = None) -> State:
        """Execute statements of the function's block one after the other, from a point where ``given`` alone is known."""
        state = State(self.outer, self._numbers, dict(given or {}))
        for each in statements:
            if any(inner.type == "labeled_statement" for inner in within(each)):
                self.lose_all(state, self.unknown(each, "a label, which other places go to"))
            else:
                self.run(each, state)
        return state

    def called(self, name: str, arguments: list[Node], state: State) -> Any | None:
        """What a function of the same file gives that is made of a ``return`` alone; ``None`` where it isn't."""
        found = self.one_return(name)
        if found is None or self.depth > DEEPEST_CALL:
            return None
        gives, parameters, value = found
        given = self.evaluate_all(arguments, state)
        if len(parameters) != len(given):
            return None
        outside, self.scopes = self.scopes, [{}]
        for declaration, put in zip(parameters, given, strict=True):
            key = self._declare(declaration, part(declaration, "declarator"))
            of = None if key is None else self.type_of[key]
            if key is None:
                continue
            if isinstance(put, Value) and isinstance(of, Integer | Pointer):
                state.write(key, converted(put, of))
            else:
                state.write(
                    key, put if isinstance(put, Unknown) else self.unknown(declaration, "a parameter")
                )
        result = self.evaluate(value, state)
        self.scopes = outside
        return converted(result, gives) if isinstance(result, Value) else result

    def one_return(self, name: str) -> tuple[Integer, list[Node], Node] | None:
        """The type, an integer, the parameters, and what is returned."""
        root = self.function
        while root.parent is not None:
            root = root.parent
        for each in root.named_children:
            declarator = part(each, "declarator") if each.type == "function_definition" else None
            body = part(each, "body")
            if declarator is None or body is None or declared_name(declarator) != name or each.has_error:
                continue
            of = self.types.declared(each, None) if declarator.type == "function_declarator" else None
            parameters = part(declarator, "parameters")
            inner = [one for one in body.named_children if one.type != "comment"]
            plain = [one.type for one in inner] == ["return_statement"] and isinstance(of, Integer)
            if parameters is None or not plain:
                return None
            values = [one for one in inner[0].named_children if one.type != "comment"]
            assert isinstance(of, Integer)
            return (of, list(parameters.named_children), values[0]) if len(values) == 1 else None
        return None

    # Statements

    def run(self, node: Node, state: State) -> None:
        """Execute a statement."""
        if state.left:
            return
        self._executed += 1
        rule = self._EXECUTED.get(node.type)
        inner = any(each.type == "ERROR" or each.is_missing for each in node.children)
        broken = (
            node.type == "ERROR"
            or node.is_missing
            or (node.has_error and (inner or node.type not in _OPENED))
        )
        if rule is None or broken or self._executed > MOST:
            said = (
                "the syntax of"
                if broken
                else "more statements than are executed, at"
                if rule is not None
                else ""
            )
            self.lose_all(
                state,
                self.unknown(node, f"{said} {node.type.replace('_', ' ')} {text_of(node)[:60]}".strip()),
            )
            return
        try:
            rule(self, node, state)
        except NotUnderstood as error:
            self.lose_all(state, self.unknown(node, f"{error}: {text_of(node)[:60]}"))

    def _expression(self, node: Node, state: State) -> None:
        for each in node.named_children:
            if each.type != "comment":
                self.evaluate(each, state)

    def _block_statement(self, node: Node, state: State) -> None:
        self.scopes.append({})
        for each in node.named_children:
            self.run(each, state)
        self.scopes.pop()

    def run_for_value(self, block: Node, state: State) -> Any:
        """Execute a block; its value is that of its last statement."""
        statements = [each for each in block.named_children if each.type != "comment"]
        self.scopes.append({})
        for each in statements[:-1]:
            self.run(each, state)
        last = statements[-1] if statements else block
        value: Any = self.unknown(block, "a block without a value")
        if last.type == "expression_statement" and len(last.named_children) == 1 and not state.left:
            value = self.evaluate(last.named_children[0], state)
        elif last is not block:
            self.run(last, state)
        self.scopes.pop()
        return value

    def _declaration(self, node: Node, state: State) -> None:
        of = part(node, "type")
        name = text_of(of) if of is not None else ""
        if of is not None and of.type == "type_identifier" and (self.key_of(name) or not self._is_type(name)):
            self.lose_all(state, self.unknown(node, f"whether this declares something: {text_of(node)[:60]}"))
            return
        if any(
            text_of(each) in ("static", "extern")
            for each in node.children
            if each.type == "storage_class_specifier"
        ):
            raise NotUnderstood("a variable that lives longer than its block")
        for declarator in node.children_by_field_name("declarator"):
            at_top = len(self.scopes) == 1
            known = declared_name(declarator)
            key = self.scopes[0].get(known or "") if at_top else None
            if key is None:  # of an inner block, the statements of which may be executed by themselves
                key = self._declare(node, declarator)
            if key is None:
                raise NotUnderstood("a declaration")
            given = part(declarator, "value") if declarator.type == "init_declarator" else None
            state.spoil(key, self.unknown(declarator, f"{known} is read before it is set"))
            if given is not None and name == OF_ITS_VALUE:
                self._declare_as_given(key, declarator, given, state)
                continue
            if of is not None and text_of(of).startswith(TYPEOF):
                plain = declarator if declarator.type == "identifier" else part(declarator, "declarator")
                clear = plain is not None and plain.type == "identifier"
                self.type_of[key] = self.typeof(text_of(of), state) if clear else None
            if given is not None:
                self._initialise(key, declarator, given, state)

    def _declare_as_given(self, key: str, declarator: Node, given: Node, state: State) -> None:
        value = self.evaluate(given, state)
        plain = part(declarator, "declarator")
        if isinstance(value, Value) and plain is not None and plain.type == "identifier":
            self.type_of[key] = value.type
            state.write(key, value)
        else:
            state.spoil(key, value if isinstance(value, Unknown) else self.unknown(declarator, "its type"))

    def _is_type(self, name: str) -> bool:
        return name == OF_ITS_VALUE or name.startswith(TYPEOF) or self.types.known(name)

    def typeof(self, name: str, state: State) -> CType | None:
        """The type of what a ``typeof`` is of."""
        text = self.typeofs[int(name.removeprefix(TYPEOF))]
        tree = parsed(f"void f(void) {{ x = {text}; }}")
        assigned = next((each for each in within(tree) if each.type == "assignment_expression"), None)
        right = part(assigned, "right") if assigned is not None and not tree.has_error else None
        if right is None:
            return None
        calls = [
            text_of(part(each, "function") or each)
            for each in within(right)
            if each.type == "call_expression"
        ]
        if written(right, [each for each in calls if self.one_return(each) is not None]):
            return None
        value = self.evaluate(right, state.fork())
        return value.type if isinstance(value, Value) else None

    def _initialise(self, key: str, declarator: Node, given: Node, state: State) -> None:
        value = self.evaluate(given, state)
        of = self.type_of[key]
        if isinstance(value, Value) and not isinstance(of, Integer | Pointer):
            value = self.unknown(declarator, f"{declared_name(declarator)} of a type that isn't known")
        if isinstance(value, Value):
            assert isinstance(of, Integer | Pointer)
            value = converted(value, of)
        state.write(key, value)

    def _if_statement(self, node: Node, state: State) -> None:
        condition, yes, no = (part(node, each) for each in ("condition", "consequence", "alternative"))
        if condition is None or yes is None:
            raise NotUnderstood("if")
        asked = self.condition(condition, state)
        if isinstance(asked, Truth) and asked.operation == "constant":
            taken = yes if asked else no
            if taken is not None:
                self.run(taken, state)
            return
        here, other = state.forks(asked)
        self.run(yes, here)
        if no is not None:
            self.run(no, other)
        rejoined(asked, here, other, state, self.where(node))

    def _else_clause(self, node: Node, state: State) -> None:
        for each in node.named_children:
            self.run(each, state)

    def _nothing(self, _node: Node, _state: State) -> None:
        return

    def _break_statement(self, node: Node, state: State) -> None:
        self._go(node, state, "break")

    def _continue_statement(self, node: Node, state: State) -> None:
        self._go(node, state, "continue")

    def _go(self, node: Node, state: State, how: str) -> None:
        if not self._ends:
            raise NotUnderstood(f"{how} out of nothing that is executed")
        ends = self._ends[-1]
        (ends.breaks if how == "break" else ends.continues).append(state.fork())
        state.leave()
        assert node is not None

    def _leave(self, node: Node, state: State) -> None:
        """``return``, or ``goto`` a place that isn't executed."""
        for each in node.named_children:
            if node.type == "return_statement" and each.type != "comment":
                self.returned.append((state.path, self.evaluate(each, state)))
        self.leaves.append((self.where(node), state.path))
        state.leave()

    # Loops

    def _loop(self, node: Node, state: State) -> None:
        """``for``, ``while`` and ``do``."""
        self.scopes.append({})
        begin = part(node, "initializer")
        if begin is not None:
            (self.run if begin.type == "declaration" else self.evaluate)(begin, state)
        body = part(node, "body")
        if body is None:
            raise NotUnderstood("a loop without a body")
        if not self._rounds(node, body, state):
            if self.wanted(node):
                self._as_loop(node, body, state)
            else:
                self._not_followed(node, state)
        self.scopes.pop()

    def _rounds(self, node: Node, body: Node, state: State) -> bool:
        """Execute a loop whose condition hangs on flags at most each time; False, and nothing done, where it doesn't."""
        condition = part(node, "condition")
        if condition is None:
            return False
        here, before = (
            state.fork(),
            (len(self.loops), len(self.leaves), len(self.asserted), len(self.returned)),
        )
        noted = None if self.memory is None else self.memory.copy()
        out: list[State] = []
        flags = TRUE
        for turn in range(ROUNDS + 1):
            asked: Truth | Unknown = TRUE
            if turn or node.type != "do_statement":
                asked = self.condition(condition, here)
            if isinstance(asked, Unknown):
                break
            met = _by_flags(flags & asked)
            if met is None:
                break
            if asked.operation != "constant" and met:
                out.append(here.fork(~asked))
                here.path &= asked
                flags &= asked
            elif not met:
                state.become(self._together([*out, here], self.where(node)))
                return True
            onward = self._one_round(node, body, here, out)
            if onward.left:
                state.become(self._together(out, self.where(node)) if out else onward)
                return True
            here = onward
        del self.loops[before[0] :], self.leaves[before[1] :], self.asserted[before[2] :]
        del self.returned[before[3] :]
        self.memory = noted
        return False

    def _one_round(self, node: Node, body: Node, state: State, out: list[State]) -> State:
        """Execute the body once, and what follows it; ways out of the loop are added."""
        self._ends.append(_Ends([], []))
        self.run(body, state)
        ends = self._ends.pop()
        out += ends.breaks
        onward = self._together([*ends.continues, state], self.where(node))
        update = part(node, "update")
        if update is not None and not onward.left:
            self.evaluate(update, onward)
        return onward

    def once(self, node: Node, state: State) -> tuple[State, list[State]]:
        """Execute one round of a loop: the state where it goes on, and those where it is left."""
        body, out = part(node, "body"), list[State]()
        if body is None:
            raise NotUnderstood("a loop without a body")
        self.scopes.append({})
        onward = self._one_round(node, body, state, out)
        self.scopes.pop()
        return onward, out

    def together(self, states: Iterable[State], where: str) -> State:
        """Where several ways meet."""
        return self._together(states, where)

    def _together(self, states: Iterable[State], where: str) -> State:
        """Where several ways meet, of which each has a condition of its own."""
        states = list(states)
        coming = [each for each in states if not each.left] or states[-1:]
        result = coming[-1].fork()
        for each in reversed(coming[:-1]):
            result = merged(each.path if each.vague is None else each.vague, each.fork(), result, where)
        return result

    def _not_followed(self, node: Node, state: State) -> None:
        why = self.unknown(node, f"a loop whose rounds aren't counted: {text_of(node)[:60]}")
        if any(
            each.type in ("return_statement", "goto_statement", "labeled_statement") for each in within(node)
        ):
            state.doubt(why)
        self._forget(written(node), state, why)

    def _forget(self, names: set[str], state: State, why: Unknown) -> None:
        for name in names - {MEMORY}:
            key = self.key_of(name)
            if key is not None:
                state.spoil(key, why)
        if MEMORY in names or any(self.key_of(name) is None for name in names):
            self.stirred(state, why)

    def _as_loop(self, node: Node, body: Node, state: State) -> None:
        """Make a `SourceLoop` of a loop, and go on from where it ends."""
        where = self.where(node)
        line = node.start_point[0] + 1
        changed = {
            key for name in written(node, self.effects) - {MEMORY} if (key := self.key_of(name)) is not None
        }
        start = state.fork()
        head, words, given = self._head(changed, start, node, line)
        here, out = head.fork(), list[State]()
        beginning = dict(head.places)
        outside, self.memory = self.memory, None if self.memory is None else Memory()
        before = len(self.leaves)
        condition = part(node, "condition")
        asked: Truth | Unknown = TRUE
        if condition is not None and node.type != "do_statement":
            asked = self._condition_out(condition, here, out)
        onward = here if here.left else self._one_round(node, body, here, out)
        if condition is not None and node.type == "do_statement" and not onward.left:
            asked = self._condition_out(condition, onward, out)
        vague = next((each.vague for each in (onward, *out) if each.vague is not None), None)
        goes_on = asked if isinstance(asked, Unknown) else vague if vague is not None else onward.path
        done = self._together(out, where) if out else onward
        leaves = ~all_of(~path for _, path in self.leaves[before:])
        inside, self.memory = self.memory or Memory(), outside
        if self.memory is not None and (inside.stores or inside.vague):
            self.memory.stir(inside.vague or self.unknown(node, "a loop writes memory"))
        self.loops.append(
            SourceLoop(
                where=where,
                last=f"{self.source.path}:{node.end_point[0] + 1}",
                state=words,
                start={key: start.read(key, self.type_of[key], where) for key in words},
                step={key: onward.read(key, self.type_of[key], where) for key in words},
                goes_on=goes_on,
                leaves=leaves,
                exits=dict(done.places),
                given=given,
                head=beginning,
                memory=inside,
            )
        )
        if not out:  # it never ends
            state.leave()
            return
        state.places, state.epochs = done.places, done.epochs
        state.vague = state.vague or done.vague

    def _condition_out(self, condition: Node, state: State, out: list[State]) -> Truth | Unknown:
        asked = self.condition(condition, state)
        if isinstance(asked, Truth):
            out.append(state.fork(~asked))
            state.path &= asked
        return asked

    def _head(
        self, changed: set[str], start: State, node: Node, line: int
    ) -> tuple[State, dict[str, Word], dict[Word, Word]]:
        """The state at the beginning of any round: words for what the loop changes, and for what it only reads."""
        head = start.fork()
        head.path, head.vague = TRUE, None
        words: dict[str, Word] = {}
        given: dict[Word, Word] = {}
        if MEMORY in written(node, self.effects):
            head.stir(self.unknown(node, "a round of the loop writes memory"), self.exposed)
        for each in within(node):
            place = (
                self.effects.get(text_of(part(each, "function") or each))
                if each.type == "call_expression"
                else None
            )
            if place:
                head.write(place, self.unknown(each, f"what {place} is before it is written in a round"))
        for key in sorted(changed):
            of = self.type_of[key]
            head.spoil(key, self.unknown(node, f"{key} in a loop"))
            if isinstance(of, Integer | Pointer):
                title = f"{key}.{line}'"
                words[key] = word(title, of.bits if isinstance(of, Integer) else 64)
                head.places[key] = input_value(title, of)
        for key, value in list(head.places.items()):
            if (
                root_of(key) in changed
                or not isinstance(value, Value)
                or value.term.operation in ("constant", "input")
            ):
                continue
            if isinstance(value.type, Integer) and value.type.boolean:
                continue
            stands = word(f"{key}.{line}", value.term.width)
            given[stands] = value.term
            head.places[key] = Value(stands, value.type)
        return head, words, given

    _EXECUTED: ClassVar[dict[str, Callable[["Executor", Node, State], None]]] = {
        "expression_statement": _expression,
        "compound_statement": _block_statement,
        "declaration": _declaration,
        "if_statement": _if_statement,
        "else_clause": _else_clause,
        "for_statement": _loop,
        "while_statement": _loop,
        "do_statement": _loop,
        "break_statement": _break_statement,
        "continue_statement": _continue_statement,
        "return_statement": _leave,
        "goto_statement": _leave,
        "comment": _nothing,
        ";": _nothing,
    }
    KNOWN: ClassVar = frozenset(_EXECUTED)
    """The sorts of syntax that are understood."""


def _by_flags(condition: Truth) -> bool | None:
    """Whether a condition can hold that hangs on a flag or two; ``None`` for one that hangs on more, or on else."""
    over = inputs([condition])
    if len(over) > 2 or any(each.width != BOOL.bits for each in over):
        return None
    reading = compiled([condition], over)
    return any(reading(*values)[0] for values in product(range(1 << BOOL.bits), repeat=len(over)))


def live(loop: SourceLoop) -> tuple[str, ...]:
    """The variables that decide how a loop goes on: those of its guard, and of their steps."""
    by_word = {each: key for key, each in loop.state.items()}
    wanted: list[Term] = [] if isinstance(loop.goes_on, Unknown) else [loop.goes_on]
    found: dict[str, None] = {}
    while wanted:
        for each in inputs([wanted.pop()]):
            key = by_word.get(each)
            if key is not None and key not in found:
                found[key] = None
                step = loop.step[key]
                if isinstance(step, Value):
                    wanted.append(step.term)
    return tuple(found)


def standing(value: Any, given: dict[Word, Word]) -> Any:
    """The value with what a loop only read put back."""
    if isinstance(value, Unknown):
        return value
    return Value(replaced(value.term, given), value.type)
