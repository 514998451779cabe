"""The toolstack's builder in a tree: how libxenguest counts the page tables of a domU, found and executed over words.

What it works on are objects that lie behind one pointer: the image that is built, what x86 notes of it, the parameters of
a paging mode, and what the image's notes say. ``count_pgtables()`` counts the tables of one mapping, and is executed by
itself; in the loop that tries, a call of it gives a word. What functions do that aren't read, `ASSUMED` says.

Facts: where the builder stands (``PLACES``: 4.15 on, and before), and what its functions, variables and fields are called, 4.7
to today; where its headers come from when it is built (``tools/include/Makefile``). What was before: `domu_before_4_7`.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

from attrs import define, frozen

from ..c.expressions import MEANINGS, Evaluator, Meaning
from ..c.objects import CLEARED, in_object
from ..c.preprocessor import preprocessed
from ..c.state import State, input_value
from ..c.statements import Executor, SourceLoop
from ..c.tree_files import Tree
from ..c.types import Node, declared_name, part, text_of, within
from ..c.values import (
    INT,
    ULONG,
    Any,
    Array,
    CType,
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
from ..words.word import Truth, Word, word
from .compiled_units import Read, Unit
from .dom0_source import COMPILER, File, file_of
from .sliced_units import Stubs, left_in, unit_of_function
from .slices import block
from .summaries import values

PLACES: Final = ("tools/libs/guest/xg_dom_x86.c", "tools/libxc/xc_dom_x86.c")
FOLDERS: Final = (
    "tools/libs/guest",
    "tools/libs/ctrl",
    "tools/libxc",
    "tools/libxc/include",
    "tools/include",
)
COUNTS: Final = "count_pgtables"
TRIES: Final = "alloc_pgtables(?:_pv)?"
SETS_ASIDE: Final = "xc_dom_alloc_segment"
SORTS: Final = {64: "alloc_pgtables_x86_64", 32: "alloc_pgtables_x86_32_pae"}
"""The functions that say what a paging mode's parameters are, by the bits of the guest's words."""
MAPS: Final = "*x86.maps"
"""The mappings of a domU, in the object that x86's part of the image is."""
ASSUMED: Final = {
    "apart": "the image that is built, x86's part of it, the paging mode's parameters and the image's notes lie apart, and "
    "no other pointer leads to them",
    "messages": "xc_dom_printf() and xc_dom_panic_func() write messages, and nothing else",
    "cleared": "memset() of a whole struct to 0 clears it, and nothing else",
}
"""What is taken for granted, by name."""
TABLES, REFUSED = word("tables", 32), word("refused", 32)
"""What a call of `COUNTS` in the loop leaves in its mapping, and gives."""
_PUBLIC: Final = "tools/include/xen/"
_LIBELF: Final = f"{_PUBLIC}libelf/"


class NotFound(Exception):
    """Something of the toolstack's builder isn't as it is known; ``why`` says where and what."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.why = Unknown(where, what)


@frozen(eq=False)
class DomuSource:
    """The toolstack's builder: its file, the function that ``counts`` and the one that ``tries``."""

    file: File
    counts: Node
    tries: Node


@frozen(eq=False)
class Call:
    """A call that was met: what it is given, and the state in which it is."""

    where: str
    arguments: Sequence[Any]
    state: State


@define(eq=False)
class DomuSlice:
    """A function of the toolstack's builder, executed: ``given`` is what was known before, by place.

    ``calls`` are those of functions that are asked for, by name. ``read`` is what a compiler reads again.
    """

    where: str
    executor: Executor
    state: State
    given: Mapping[str, Value]
    calls: Mapping[str, Mapping[int, Call]]
    read: Read

    @property
    def leaves(self) -> Sequence[tuple[str, Truth]]:
        """Where the function is left, and when."""
        return self.executor.leaves

    @property
    def loops(self) -> Sequence[SourceLoop]:
        """The loops that aren't gone through round by round."""
        return self.executor.loops

    def value(self, key: str, state: State | None = None) -> Any:
        """What a place in an object holds at the end, or in a state in between."""
        return (state or self.state).read(key, type_of(self.executor, key), self.where)


def toolstack_file(tree: Tree) -> File | None:
    """The file with the toolstack's builder in a tree; ``None`` where there is none. Raises `InputError`."""
    path = tree.first(*PLACES)
    if path is None:
        return None
    defined = {name: body for name, body in COMPILER.items() if name != "__XEN__"}
    source = preprocessed(
        _as_built(tree),
        path,
        folders=FOLDERS,
        defined={**defined, "__linux__": "1", "__XEN_TOOLS__": "1"},
        kept=frozenset({"assert"}),
    )
    return file_of(source)


def domu_source(tree: Tree) -> DomuSource | Unknown | None:
    """The toolstack's builder in a tree, or why it isn't understood; ``None`` where there is none. Raises `InputError`."""
    file = toolstack_file(tree)
    if file is None:
        return None
    counts, tries = file.function(COUNTS), file.function(TRIES)
    if counts is None or tries is None:
        missing = COUNTS if counts is None else "alloc_pgtables_pv"
        return Unknown(f"{file.source.path}:1", f"no function {missing}(), as libxenguest has since 4.7")
    return DomuSource(file, counts, tries)


def _as_built(tree: Tree) -> Tree:
    """The tree with the headers where the toolstack's build has links to them."""

    def read(path: str) -> str | None:
        if path.startswith(_LIBELF):
            return tree.read(f"xen/include/xen/{path.removeprefix(_LIBELF)}")
        if path.startswith(_PUBLIC):
            return tree.read(f"xen/include/public/{path.removeprefix(_PUBLIC)}")
        return tree.read(path)

    return Tree(tree.title, read)


def type_of(executor: Executor, key: str) -> CType | None:
    """The type of a place in an object."""
    whole, *names = re.findall(r"[^.\[\]]+", key)
    of = executor.objects.get(whole)
    for name in names:
        if name.isdigit():
            of = of.of if isinstance(of, Array) else None
        else:
            of = of.members.get(name) if isinstance(of, Record) else None
    return of


def counted(
    source: DomuSource, mode: PagingMode, first: Word, last: Word, pfn: Word, before: DomuSlice | None = None
) -> DomuSlice:
    """``count_pgtables()`` for [first, last], whose frames begin with ``pfn``: the first mapping, or that after another one.

    Raises NotFound.
    """
    executor, given = _begin(source, source.counts, mode, 0 if before is None else 1)
    given |= of_mapping(executor, source.counts, (first, last, pfn))
    if before is not None:
        given |= left_by(before.executor, before.state, MAPS, executor)
    return _executed(source, executor, source.counts, given, {})


def of_mapping(executor: Executor, counts: Node, terms: tuple[Word, Word, Word]) -> dict[str, Value]:
    """A mapping's first and last address, and its first frame, as the parameters of what counts its tables. Raises NotFound."""
    names = ("from", "to", "pfn")
    for name in names:
        if executor.type_of.get(name) != ULONG:
            raise NotFound(executor.where(counts), f"it has no {name} of 64 bits without a sign")
    return {name: Value(term, ULONG) for name, term in zip(names, terms, strict=True)}


def left_by(before: Executor, after: State, maps: str, executor: Executor) -> dict[str, Value]:
    """What the count of the first mapping left in its place of ``maps``, for the count of the second."""
    executor.objects |= before.objects
    return {
        key: known
        for key, known in after.places.items()
        if key.startswith(f"{maps}[0]") and isinstance(known, Value)
    }


def tried(source: DomuSource, mode: PagingMode) -> DomuSlice:
    """The function that tries, before there is a mapping. Raises NotFound."""
    executor, given = _begin(source, source.tries, mode, 0)
    calls: dict[str, dict[int, Call]] = {COUNTS: {}, SETS_ASIDE: {}}

    def counts(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        for key, known in given.items():
            here = state.read(key, type_of(executor, key), self.where(node)) if in_object(key) else known
            if not isinstance(here, Value) or here.term is not known.term:
                raise NotUnderstood(f"{COUNTS}() where {key} has changed")
        calls[COUNTS][node.start_byte] = Call(
            self.where(node), self.evaluate_all(arguments, state), state.fork()
        )
        place = f"{MAPS}[0]"
        state.write(place, self.unknown(node, f"what {COUNTS}() leaves beside its count"))
        state.write(f"{place}.area.pgtables", Value(TABLES, _integer(executor, f"{place}.area.pgtables")))
        state.disturb()
        return Value(REFUSED, INT)

    def sets_aside(self: Evaluator, node: Node, arguments: list[Node], state: State) -> Any:
        calls[SETS_ASIDE][node.start_byte] = Call(
            self.where(node), self.evaluate_all(arguments, state), state.fork()
        )
        why = self.unknown(node, f"what {SETS_ASIDE}() gives, and writes")
        self.stirred(state, why)
        return why

    executor.meanings |= {COUNTS: counts, SETS_ASIDE: sets_aside}
    executor.effects[COUNTS] = f"{MAPS}[0]"
    executor.wanted = lambda loop: any(_is_call(each, COUNTS) for each in within(loop))
    return _executed(source, executor, source.tries, given, calls)


def _is_call(node: Node, name: str) -> bool:
    return node.type == "call_expression" and text_of(part(node, "function") or node) == name


def _integer(executor: Executor, key: str) -> Integer:
    of = type_of(executor, key)
    if not isinstance(of, Integer):
        raise NotUnderstood(f"{key}, which is no integer that is found")
    return of


def _executed(
    source: DomuSource,
    executor: Executor,
    function: Node,
    given: Mapping[str, Value],
    calls: Mapping[str, Mapping[int, Call]],
) -> DomuSlice:
    where = executor.where(function)
    try:
        state = executor.run_all(block(function), given)
    except RecursionError:
        raise NotFound(where, "nesting too deep to be read") from None
    if state.vague is not None:
        raise NotFound(state.vague.where, state.vague.why)
    nodes = block(function)

    def units() -> list[Unit]:
        end, told = state, dict[str, Any]()
        for name, stands in _TOLD_BY.items():
            for call in calls.get(name, {}).values():
                told |= {key: call.arguments[at] for at, key in stands.items() if at < len(call.arguments)}
                end = call.state
        values = left_in(end.places, lambda key: type_of(executor, key), executor)
        values |= {key: each for key, each in told.items() if isinstance(each, Value)}
        return [unit_of_function(source.file, executor, nodes, given, values, _AGAIN)]

    return DomuSlice(where, executor, state, given, calls, Read(where, units))


_TOLD_BY: Final[Mapping[str, Mapping[int, str]]] = {
    COUNTS: {1: "unit_from", 2: "unit_to", 3: "unit_pfn"},
    SETS_ASIDE: {3: "unit_start", 4: "unit_size"},
}
"""Where the compiler puts arguments of calls that aren't read, in the order in which they are come to."""
_AGAIN: Final = Stubs(
    macros={
        COUNTS: "(image, first, last, pfn) (unit_from = (first), unit_to = (last), unit_pfn = (pfn), "
        "x86_is.maps[0].area.pgtables = unit_tables, (int)unit_refused)",
        SETS_ASIDE: "(image, segment, name, start, size) (unit_start = (start), unit_size = (size), 0)",
        "xc_dom_printf": "(...) ((void)0)",
        "xc_dom_panic_func": "(...) ((void)0)",
    },
    words={str(TABLES.value): "unit_tables", str(REFUSED.value): "unit_refused"},
)
"""What calls come to that aren't read, for the compiler."""


def _begin(
    source: DomuSource, function: Node, mode: PagingMode, mappings: int
) -> tuple[Executor, dict[str, Value]]:
    """What executes a function, and what is known before: where the objects lie, the mode, and how many mappings there are."""
    file = source.file
    meanings: dict[str, Meaning] = {
        "xc_dom_printf": MEANINGS["printk"],
        "xc_dom_panic_func": MEANINGS["printk"],
        "assert": MEANINGS["ASSERT"],
        "memset": memset,
    }
    executor = Executor(file.source, function, file.typeofs, lambda _: False, meanings)
    executor.effects = dict.fromkeys(("xc_dom_printf", "xc_dom_panic_func", "assert"), "")

    def named(name: str, title: str) -> Value:
        of = executor.types.record(title)
        if not isinstance(of, Record):
            raise NotFound(executor.where(function), f"{title}, of which no declaration is found")
        return executor.name_object(name, of)

    given = {
        "dom": named("dom", "struct xc_dom_image"),
        "*dom.arch_private": named("x86", "struct xc_dom_image_x86"),
        "*x86.params": named("params", "struct xc_dom_params"),
    }
    if isinstance(type_of(executor, "*dom.parms"), Pointer):
        given["*dom.parms"] = named("parms", "struct elf_dom_parms")
    try:
        given["*x86.n_mappings"] = constant(mappings, _integer(executor, "*x86.n_mappings"))
        for name, value in _parameters(source, mode).items():
            given[f"*params.{name}"] = converted(value, _integer(executor, f"*params.{name}"))
    except NotUnderstood as error:
        raise NotFound(executor.where(function), str(error)) from None
    return executor, given


def memset(self: Evaluator, _node: Node, arguments: list[Node], state: State) -> Any:
    """Clears a whole struct. Raises NotUnderstood for anything else."""
    pointer, value, size = values(self, arguments, state, 3)
    there = self.in_object_at(pointer)
    if there is None or there.key is None or not isinstance(there.of, Record):
        raise NotUnderstood("memset of what isn't known")
    if value.term.operation != "constant" or int(value.term):
        raise NotUnderstood("memset to what isn't 0")
    if size.term is not input_value(f"sizeof({there.of.name})", ULONG).term:
        raise NotUnderstood("memset of what isn't a whole struct")
    state.write(there.key, CLEARED)
    state.disturb()
    return pointer


def _parameters(source: DomuSource, mode: PagingMode) -> dict[str, Value]:
    """The levels and the mask of addresses, as the function for a paging mode has them. Raises NotFound."""
    file, name = source.file, SORTS[mode.bits]
    function = file.function(name)
    if function is None:
        raise NotFound(file.where(source.tries), f"no function {name}()")
    given = [
        text_of(right).removeprefix("&").strip()
        for each in within(function)
        if each.type == "assignment_expression"
        and (left := part(each, "left")) is not None
        and text_of(part(left, "field") or left) == "params"
        and (right := part(each, "right")) is not None
    ]
    lists = [
        value
        for node in (function, *(each for each in file.root.named_children if each.type == "declaration"))
        for each in within(node)
        if each.type == "init_declarator" and declared_name(each) in given and (value := part(each, "value"))
    ]
    if len(given) != 1 or len(lists) != 1:
        raise NotFound(file.where(function), "one set of parameters, as a variable that is initialised")
    *before, end = [each for each in block(function) if each.type != "declaration"]
    if len(before) != 1 or not re.fullmatch(rf"return {TRIES} ?\( ?dom ?\) ?;", text_of(end)):
        raise NotFound(file.where(end), f"{name}() does more than to set params, and to try")
    executor = Executor(file.source, function, file.typeofs, lambda _: False)
    state = State(executor.outer, count())
    found: dict[str, Value] = {}
    for each in lists[0].named_children:
        designators = each.children_by_field_name("designator")
        member = text_of(designators[0]).removeprefix(".").strip() if designators else text_of(each)
        if member not in ("levels", "vaddr_mask"):
            continue
        given_value = executor.evaluate(part(each, "value") or each, state)
        plain = isinstance(given_value, Value) and given_value.term.operation == "constant"
        if not isinstance(given_value, Value) or not plain or member in found:
            raise NotFound(file.where(each), f"a plain number for {member}")
        found[member] = given_value
    if len(found) != 2 or any(each.is_missing for each in within(lists[0])):
        raise NotFound(file.where(lists[0]), "levels and vaddr_mask by their names")
    return found
