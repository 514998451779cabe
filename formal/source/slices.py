"""Slices of a tree's sources: some statements of a function, executed over words.

A slice begins where nothing is known: each variable is an input. What functions do that aren't read, `SUMMARIES` says, and
what is written behind pointers is noted.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from ..c.expressions import Evaluator, Meaning, Reading, named, written
from ..c.memory import Memory
from ..c.state import State
from ..c.statements import Executor, SourceLoop
from ..c.types import Node, part, text_of, within
from ..c.values import Any, Unknown, Value
from ..words.word import Truth
from .dom0_source import File, name_of
from .summaries import SUMMARIES

OWN: Final = frozenset({"get_memsize", "get_superpage", "iommu_memory_setup", "memsize_gt_zero"})
"""Functions of the builder's own files that a summary is of, each with what `ASSUMED` says of it."""


@frozen(eq=False, kw_only=True)
class Slice:
    """Statements that were executed, from ``where`` on; ``leaves`` are the conditions under which they leave the function.

    ``memory`` is what was done to it, outside of ``loops``. ``vague`` is why it hangs on what isn't understood whether
    statements are reached.
    """

    where: str
    file: File
    statements: Sequence[Node]
    given: Mapping[str, Value]
    answers: Mapping[str, Value]
    executor: Executor
    state: State
    leaves: Sequence[tuple[str, Truth]]
    memory: Memory
    loops: Sequence[SourceLoop]
    vague: Unknown | None

    def value(self, name: str) -> Any:
        """A variable at the end."""
        if name not in self.executor.type_of:
            return Unknown(self.where, f"there is no variable {name}")
        return self.state.read(name, self.executor.type_of[name], self.where)


def execute(
    file: File,
    function: Node,
    statements: Sequence[Node],
    *,
    loops: Callable[[Node], bool] = lambda _: False,
    given: Mapping[str, Value] | None = None,
    answers: Mapping[str, Value] | None = None,
    meanings: Mapping[str, Meaning] | None = None,
    readings: Mapping[str, Reading] | None = None,
) -> Slice:
    """Execute some statements of a function.

    ``loops`` tells which loops are wanted, ``given`` is what is known before of variables, ``answers`` what is of functions:
    they give that. ``meanings`` say what other functions do here, ``readings`` what it is to read a place.
    """
    memory = Memory()
    executor = Executor(file.source, function, file.typeofs, loops, _as_everywhere(file), memory)
    executor.meanings |= {name: _answer(value) for name, value in (answers or {}).items()} | dict(
        meanings or {}
    )
    executor.readings |= readings or {}
    where = executor.where(statements[0] if statements else function)
    try:
        state = executor.run_all(statements, given)
        vague = state.vague
    except RecursionError:
        vague = Unknown(where, "nesting too deep to be read")
        state = State(executor.outer, iter(()))
    return Slice(
        where=where,
        file=file,
        statements=statements,
        given=given or {},
        answers=answers or {},
        executor=executor,
        state=state,
        leaves=executor.leaves,
        memory=executor.memory or memory,
        loops=executor.loops,
        vague=vague,
    )


def _as_everywhere(file: File) -> dict[str, Meaning]:
    """The summaries, but of what the file itself makes a macro or a function of its own: what that does isn't known.

    A macro that wraps its namesake, as ``_mfn(__page_to_mfn(pg))``, changes a type, and no value. Of functions, `OWN` are
    Xen's.
    """
    defined = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(.*)", file.source.unexpanded, re.MULTILINE)
    wrapping = r"\((\w+)\)\s*(?:_mfn\(|mfn_x\()?__{}\((?:_mfn\(|mfn_x\()?\1\)+\s*"
    own = {name for name, body in defined if not re.fullmatch(wrapping.format(name), body)}
    own |= {name_of(each) for each in file.own_functions} - OWN
    return {name: meaning for name, meaning in SUMMARIES.items() if name not in own}


def _answer(value: Value) -> Meaning:
    def meaning(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
        self.evaluate_all(arguments, state)
        return value

    return meaning


def block(function: Node) -> list[Node]:
    """The statements of a function's outermost block."""
    body = part(function, "body")
    return [] if body is None else [each for each in body.named_children if each.type != "comment"]


def writes(node: Node, names: Iterable[str]) -> bool:
    """Whether a node may change one of the variables."""
    return bool(written(node) & set(names))


def mentions(node: Node, *names: str) -> bool:
    """Whether all of the words are in a node."""
    return set(names) <= named(node)


def leaves(node: Node) -> bool:
    """Whether something in a node leaves the function, or is a call that doesn't come back."""
    return any(
        each.type in ("return_statement", "goto_statement")
        or (each.type == "call_expression" and text_of(part(each, "function") or each) in ("panic", "BUG"))
        for each in within(node)
    )
