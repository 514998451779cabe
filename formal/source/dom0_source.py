"""The part of Xen's dom0 builder that lays out the boot address space, found in a tree and executed over words.

It begins with the statement that sets ``v_start``, and ends with the last one that sets an address of the layout, before
the count is told to the guest (``nr_pt_frames``). In between stands the loop that finds ``nr_pt_pages``, if there is one. What is
set before counts as given: the image's addresses, ``nr_pages``, the initrd's length, and which sort of guest it is.

Facts: where the builder stands (``PLACES``: 4.10 on, 4.7 on, and before); that ``nr_pages``, ``initrd_len`` and the like have kept
their names since 4.0; the options that Xen's Kconfig sets for x86 unless told otherwise.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

from attrs import frozen

from ..c.expressions import CHANGES, KEPT, QUESTIONS, TYPEOF, first_name, written
from ..c.preprocessor import Source, preprocessed
from ..c.statements import Executor, SourceLoop, standing
from ..c.tree_files import Tree
from ..c.types import Node, is_address, outermost, parsed, part, text_of, where, within
from ..c.values import Any, CType, Unknown
from ..edge.errors import InputError
from ..words.word import Truth
from .summaries import SUMMARIES

PLACES: Final = (
    "xen/arch/x86/pv/dom0_build.c",
    "xen/arch/x86/dom0_build.c",
    "xen/arch/x86/domain_build.c",
)
FOLDERS: Final = (
    "xen/arch/x86/include",
    "xen/include",
    "xen/arch/x86/include/generated",
    "xen/include/generated",
)
FIRST: Final = ("xen/include/generated/autoconf.h", "xen/include/xen/config.h")
COMPILER: Final = {
    "__x86_64__": "1",
    "__LP64__": "1",
    "__GNUC__": "12",
    "__GNUC_MINOR__": "2",
    "__STDC__": "1",
    "__XEN__": "1",
    "__CHAR_BIT__": "8",
    "__SIZEOF_INT__": "4",
    "__SIZEOF_LONG__": "8",
    "__SIZEOF_POINTER__": "8",
}
"""What gcc and Xen's makefiles define."""
GUESSED: Final[Mapping[str, str | None]] = {
    "CONFIG_X86": "1",
    "CONFIG_X86_64": "1",
    "CONFIG_64BIT": "1",
    "CONFIG_PV": "1",
    "CONFIG_PV32": "1",
    "CONFIG_HVM": "1",
    "CONFIG_PV_SHIM": "1",
    "CONFIG_PV_SHIM_EXCLUSIVE": None,
    "CONFIG_SHADOW_PAGING": None,
    "CONFIG_XEN_GUEST": "1",
    "CONFIG_GUEST": "1",
    "NDEBUG": "1",
}
"""What is taken for granted of a tree that isn't configured; ``None`` is off."""
_DEFINED: Final = re.compile(r"^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)", re.MULTILINE)
COUNT: Final = "nr_pt_pages"
LAYOUT: Final = (
    "v_start",
    "v_end",
    "vkern_start",
    "vkern_end",
    "vinitrd_start",
    "vinitrd_end",
    "vphysmap_start",
    "vphysmap_end",
    "vstartinfo_start",
    "vstartinfo_end",
    "vxenstore_start",
    "vxenstore_end",
    "vconsole_start",
    "vconsole_end",
    "vstack_start",
    "vstack_end",
    "vpt_start",
    "vpt_end",
    COUNT,
)
"""The variables that a layout is made of."""
TOLD: Final = "nr_pt_frames"
"""The field that tells the guest its count: what is set after it is no part of the layout."""
_TYPEOF: Final = re.compile(r"\b(?:typeof|__typeof__|__typeof)\s*\(")


@frozen(eq=False, kw_only=True)
class File:
    """A file of a tree: as it is compiled, its syntax, what its ``typeof`` are of, and ``notes`` of what was guessed."""

    source: Source
    root: Node
    typeofs: list[str]
    notes: Sequence[str]

    def where(self, node: Node) -> str:
        """The node's file and line."""
        return where(self.source, node)

    def where_set(self, nodes: Iterable[Node], names: Container[str], *, last: bool = False) -> str | None:
        """Where within some nodes one of the variables is set first, or last; ``None`` where none is."""
        targets = (
            (each, part(each, "left") or part(each, "argument"))
            for node in nodes
            for each in within(node)
            if each.type in CHANGES
        )
        found = [
            each
            for each, target in targets
            if target is not None and target.type not in CHANGES and first_name(target) in names
        ]
        rows = [each.start_point[0] for each in found]
        return f"{self.source.path}:{(max(rows) if last else min(rows)) + 1}" if rows else None

    @cached_property
    def own_functions(self) -> list[Node]:
        """The functions that are defined in it."""
        return [each for each in within(self.root) if each.type == "function_definition"]

    def function(self, name: str) -> Node | None:
        """The function whose name a pattern matches, if there is just one."""
        found = [each for each in self.own_functions if re.fullmatch(name, name_of(each))]
        return found[0] if len(found) == 1 else None


@frozen(eq=False, kw_only=True)
class Dom0Source:
    """What a tree says of the layout.

    ``values`` are those of `LAYOUT` at the end, over inputs and the words of ``loop``. ``leaves`` are conditions under which
    it doesn't end (by ``panic()``, say); ``later`` has assignments after the part that is executed; ``notes`` what
    was guessed; ``mode`` the variables that say whether the guest is a 32-bit one. ``builder`` is the function, of whose
    block ``statements`` lay out. ``types`` are those of its variables, and of inputs.
    """

    path: str
    function: str
    first: str
    last: str
    loop: SourceLoop | None
    values: Mapping[str, Any]
    vague: Unknown | None
    leaves: Sequence[tuple[str, Truth]]
    later: Sequence[tuple[str, str]]
    notes: Sequence[str]
    mode: Sequence[str]
    tree: Tree
    file: File
    builder: Node
    statements: Sequence[Node]
    types: Mapping[str, CType]

    def value(self, name: str) -> Any:
        """A variable at the end, what the loop only read put back; `Unknown` where there is none."""
        found = self.values.get(name)
        if found is None:
            return Unknown(self.first, f"there is no variable {name}")
        return found if self.loop is None else standing(found, self.loop.given)

    def where_set(self, *names: str, in_loop: bool = False, last: bool = False) -> str:
        """Where some variables are first or last set in what is executed, or in the loop; where that begins if nowhere."""
        begins = self.first if self.loop is None else self.loop.where
        return self.file.where_set(self._loop if in_loop else self.statements, names, last=last) or begins

    @property
    def where_left(self) -> str:
        """Where the loop is left: the last condition with a ``break``, or else the loop's own line."""
        begins = self.first if self.loop is None else self.loop.where
        ways_out = [
            each
            for node in self._loop
            for each in within(node)
            if each.type == "if_statement" and any(inner.type == "break_statement" for inner in within(each))
        ]
        return self.file.where(ways_out[-1]) if ways_out else begins

    @property
    def _loop(self) -> Sequence[Node]:
        """The statement that the loop is; none where there is none."""
        kinds = ("for_statement", "while_statement", "do_statement")
        found = (each for node in self.statements for each in within(node) if each.type in kinds)
        return [each for each in found if self.loop is not None and self.file.where(each) == self.loop.where][
            :1
        ]


def dom0_source(tree: Tree) -> Dom0Source:
    """The layout of a tree. Raises `InputError` where there is none."""
    path = next((each for each in PLACES if COUNT in (tree.read(each) or "")), None)
    if path is None:
        raise InputError(
            f"{tree.title}: expected a tree of Xen's sources, found {COUNT} in none of {', '.join(PLACES)}"
        )
    file = read_file(tree, path)
    builders = [
        (each, statements)
        for each in within(file.root)
        if each.type == "function_definition" and (statements := _slice(each))
    ]
    if len(builders) != 1:
        names = ", ".join(name_of(each) for each, _ in builders) or "none"
        raise InputError(
            f"{tree.title}: {path}: expected one function that sets v_start and {COUNT}, found {names}"
        )
    function, statements = builders[0]
    return _executed(tree, file, function, statements)


def read_file(tree: Tree, path: str) -> File:
    """A file of the hypervisor's, which is there. Raises `InputError` for one that can't be used."""
    configured = tree.read(FIRST[0]) is not None
    defined: dict[str, str | None] = {**COMPILER, **({} if configured else GUESSED)}
    read = partial(
        preprocessed, tree, path, folders=FOLDERS, first=FIRST, defined=defined, configured=configured
    )
    on, off = (
        ", ".join(name for name, body in GUESSED.items() if (body is None) == unset)
        for unset in (False, True)
    )
    notes = [] if configured else [f"the tree isn't configured: {on} are taken as set, {off} as not set"]
    file = file_of(read(kept=KEPT | SUMMARIES.keys()), notes)
    # What the file itself makes a macro or a function isn't what is known by that name elsewhere in Xen.
    own = KEPT & {*_DEFINED.findall(file.source.unexpanded), *map(name_of, file.own_functions)}
    return file_of(read(kept=(KEPT | SUMMARIES.keys()) - own, doubted=own), notes) if own else file


def file_of(source: Source, notes: Sequence[str] = ()) -> File:
    """A file that is preprocessed."""
    text, typeofs = without_typeof(source.text)
    return File(source=source, root=parsed(text), typeofs=typeofs, notes=notes)


def _executed(tree: Tree, file: File, function: Node, statements: Sequence[Node]) -> Dom0Source:
    source = file.source
    executor = Executor(
        source, function, file.typeofs, lambda loop: COUNT in written(loop) or "v_end" in written(loop)
    )
    try:
        state = executor.run_all(statements)
    except RecursionError:
        raise InputError(
            f"{source.path}: expected ordinary C, found nesting that is too deep to read"
        ) from None
    vague = state.vague
    if len(executor.loops) > 1:
        vague = vague or Unknown(executor.loops[0].where, f"{len(executor.loops)} loops that set {COUNT}")
    loop = executor.loops[0] if len(executor.loops) == 1 else None
    values: dict[str, Any] = {
        name: state.read(name, executor.type_of[name], executor.where(statements[-1]))
        for name in LAYOUT
        if name in executor.type_of
    }
    last = statements[-1].end_point[0] + 1
    return Dom0Source(
        path=source.path,
        function=name_of(function),
        first=executor.where(statements[0]),
        last=f"{source.path}:{last}",
        loop=loop,
        values=values,
        vague=vague,
        leaves=executor.leaves,
        later=tuple(_later(executor, function, last)),
        notes=file.notes,
        mode=tuple(_modes(executor, function, statements[0])),
        tree=tree,
        file=file,
        builder=function,
        statements=statements,
        types={key: of for key, of in {**executor.type_of, **state.asked}.items() if of is not None},
    )


def name_of(function: Node) -> str:
    """A function's name."""
    declarator = part(function, "declarator")
    while declarator is not None and declarator.type != "identifier":
        declarator = part(declarator, "declarator")
    return "" if declarator is None else text_of(declarator)


def _slice(function: Node) -> list[Node]:
    """The statements of a function's block that lay out; none where it isn't the builder."""
    body = part(function, "body")
    text = body.text or b"" if body is not None else b""
    statements = body.named_children if body is not None and b"v_start" in text else []
    sets = [written(each) & set(LAYOUT) for each in statements]
    first = next((place for place, each in enumerate(sets) if "v_start" in each), None)
    if first is None or not any(COUNT in each for each in sets[first:]):
        return []
    told = next((place for place, each in enumerate(statements) if TOLD in text_of(each)), len(statements))
    last = max((place for place, each in enumerate(sets[:told]) if each), default=first)
    return statements[first : last + 1]


def _later(executor: Executor, function: Node, last: int) -> list[tuple[str, str]]:
    """Assignments to the layout's variables after it is done: where, and to which."""
    return [
        (executor.where(each), name)
        for each in outermost(function, lambda node: node.type in CHANGES and node.start_point[0] + 1 > last)
        for name in sorted(written(each) & set(LAYOUT))
    ]


def _modes(executor: Executor, function: Node, first: Node) -> list[str]:
    """The inputs that tell a 32-bit guest: answers, and variables that hold one."""
    answers = re.compile(rf"(?:{'|'.join(QUESTIONS - {'is_pvh_domain'})})\s*\(\s*\w+\s*\)")
    held: dict[str, list[str]] = {}
    sets = (*CHANGES, "init_declarator")
    row = first.start_point[0]
    for each in within(function):
        if each.type not in sets or each.start_point[0] >= row:
            continue
        target = part(each, "left") or part(each, "declarator") or part(each, "argument")
        given = part(each, "right") or part(each, "value")
        if target is not None:
            held.setdefault(text_of(target), []).append("" if given is None else text_of(given))
    given_away = {first_name(each) for each in within(function) if is_address(each)}
    anew: set[str] = set()  # it might tell another sort from there on
    for each in outermost(function, lambda node: node.type in sets and node.start_point[0] >= row):
        anew |= written(each)
    names = [name for name, given in held.items() if all(answers.fullmatch(each) for each in given)]
    return [name for name in names if name in executor.type_of and name not in given_away | anew]


def without_typeof(text: str) -> tuple[str, list[str]]:
    """The text with a name in place of each ``typeof (…)``, which the grammar doesn't know; and what they are of."""
    found: list[str] = []
    parts: list[str] = []
    place = 0
    while (match := _TYPEOF.search(text, place)) is not None:
        end = _closing(text, match.end() - 1)
        if end is None:
            break
        inner = text[match.end() : end]
        parts += [text[place : match.start()], f"{TYPEOF}{len(found)} ", "\n" * inner.count("\n")]
        found.append(inner)
        place = end + 1
    return "".join([*parts, text[place:]]), found


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return None
