"""A second reader of a tree: what lays out, compiled by gcc as it stands and run, against what this tool reads in it.

The statements go to the compiler's own preprocessor with the macros that they use, and with types for what they read. What
comes out is looked at before it is compiled: just the statements and expressions that this tool knows (no assembly, no
attributes, no calls but those defined here), so that somebody's tree runs nothing else. It runs with limits, and where it can
do nothing but calculate: in Linux's strict mode of seccomp a process may read, write and end, no more.

If there is no compiler, or something can't be compared, the output says so. A difference is the tool's own failure.
"""

import re
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from attrs import define, field, frozen

from ..c.expressions import LEAVING, QUESTIONS, QUIET, Evaluator, named, written
from ..c.statements import Executor, live
from ..c.tokens import is_name, tokens
from ..c.types import Node, parsed, part, text_of, types_of, within
from ..c.values import CType, Integer, Pointer, Unknown, Value
from ..words.word import Term, Word, compiled, inputs
from .dom0_source import LAYOUT, Dom0Source, without_typeof
from .summaries import SUMMARIES

LAYOUTS: Final = 6000
"""How many layouts both readers are given at most."""
ROUNDS: Final = 40
"""How often a loop goes round at most in one of them."""
SECONDS: Final = 20
MEMORY: Final = 1 << 30
EDGES: Final = (
    *(0, 1, 2, 0xFFF, 0x1000, 0x1001, (4 << 20) - (512 << 10), (4 << 20) - (516 << 10)),
    *((1 << bits) + more for bits in (21, 22, 30, 31, 32, 39, 47, 63) for more in (-0x1000, -1, 0, 1)),
    *((1 << 64) - each for each in (1, 0x1000, 4 << 20, 2 << 30, 1 << 40)),
)
_BITS: Final = (12, 22, 28, 31, 40)
_PATH: Final = re.compile(r"(\w+)((?:(?:\.|->)\w+|\[\d+\])*)")
_STEP: Final = re.compile(r"(\.|->)(\w+)|\[(\d+)\]")
_SIZE: Final = re.compile(r"sizeof\((struct \w+)\)")
_QUESTION: Final = re.compile(rf"({'|'.join(QUESTIONS)})\(.*\)")
_FORBIDDEN: Final = re.compile(
    r"asm|attribute|pragma|include|builtin_(?!expect\b|constant_p\b)", re.IGNORECASE
)
_LARGE: Final = 1 << 20
_DECLARING: Final = """
translation_unit function_definition function_declarator parameter_list parameter_declaration primitive_type
sized_type_specifier type_identifier type_descriptor type_qualifier type_definition struct_specifier field_declaration_list
field_declaration field_identifier init_declarator pointer_declarator abstract_pointer_declarator array_declarator
argument_list storage_class_specifier string_content escape_sequence variadic_parameter
"""
_ALLOWED: Final = frozenset((*Executor.KNOWN, *Evaluator.KNOWN, *_DECLARING.split()))
"""The sorts of syntax that are compiled."""


@frozen
class Compared:
    """What the comparison came to: on how many ``layouts``, or ``why`` there was none; ``differs`` says what differs."""

    layouts: int = 0
    why: str = ""
    differs: str = ""


class NotCompared(Exception):
    """The message says why."""


def compared(source: Dom0Source) -> Compared:
    """Hold what is read of the source against what gcc, or cc, makes of it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return Compared(why="there is no gcc or cc")
    if not sys.platform.startswith("linux"):
        return Compared(why="what is compiled is run where Linux can confine it only")
    try:
        return _compared(source, compiler)
    except NotCompared as error:
        return Compared(why=str(error))


def _compared(source: Dom0Source, compiler: str) -> Compared:
    reading = _Reading(source)
    cases = list(reading.cases())
    if not cases:
        raise NotCompared("no layout was found on which the loop stops soon")
    with TemporaryDirectory(prefix="ptproof-") as folder:
        program = _program(source, reading, compiler, Path(folder))
        given = b"".join(struct.pack(f"<{len(case)}Q", *case) for case, _ in cases)
        ran = _run([str(program), str(len(cases))], Path(folder), given)
    size = len(reading.names) + 1
    if len(ran) != 8 * size * len(cases):
        raise NotCompared(f"what is compiled gave {len(ran)} bytes, expected {8 * size * len(cases)}")
    through = 0
    for index, (case, mine) in enumerate(cases):
        *theirs, came_through = struct.unpack_from(f"<{size}Q", ran, 8 * size * index)
        if not came_through:
            continue
        through += 1
        for name, one, other in zip(reading.names, mine, theirs, strict=True):
            if one != other:
                at = ", ".join(
                    f"{each.value} = {value:#x}" for each, value in zip(reading.inputs, case, strict=True)
                )
                return Compared(
                    len(cases), differs=f"{name} is {other:#x} as compiled, {one:#x} as read here, at {at}"
                )
    return Compared(through)


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

    def _drawing(self, of: Word) -> Callable[[Random, int], int]:
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
            value = random.choice(EDGES) if early else random.getrandbits(random.choice(_BITS))
            if turn % 3:
                value = random.choice((value, random.getrandbits(22)))
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


def _program(source: Dom0Source, reading: _Reading, compiler: str, folder: Path) -> Path:
    (folder / "slice.c").write_text(slice_text(source, reading))
    (folder / "harness.c").write_text(_HARNESS)
    plain = _run([compiler, "-E", "-P", "-w", "-o", "-", "slice.c"], folder).decode("latin-1")
    vet(plain)
    (folder / "slice.i").write_text(plain)
    sizes = [f"-DINPUTS={len(reading.inputs)}", f"-DOUTPUTS={len(reading.names) + 1}"]
    _run([compiler, "-O1", "-w", "-std=gnu11", *sizes, "-o", "program", "harness.c", "slice.i"], folder)
    return folder / "program"


def _run(command: Sequence[str], folder: Path, given: bytes = b"") -> bytes:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 20, 16 << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    try:
        done = subprocess.run(  # noqa: S603 - what is run was looked at, and is confined
            command,
            input=given,
            capture_output=True,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C", "TMPDIR": str(folder)},
            preexec_fn=limited,
            timeout=10 * SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotCompared(f"{Path(command[0]).name} can't be run: {type(error).__name__}") from None
    if done.returncode:
        said = next((line for line in done.stderr.decode("latin-1").splitlines() if "error" in line), "")
        raise NotCompared(f"{Path(command[0]).name} ended with {done.returncode}: {said[:100]}".rstrip(": "))
    return done.stdout


def vet(text: str) -> None:
    """Look at what is compiled: nothing but what this tool knows. Raises NotCompared."""
    if len(text) > _LARGE or _FORBIDDEN.search(text):
        raise NotCompared("the compiler's preprocessor gives what isn't to be compiled")
    plain, inner = without_typeof(text)
    calls = {"slice", *LEAVING, *QUIET, "__builtin_expect", "__builtin_constant_p"}
    for each in [parsed(plain), *(parsed(f"void f(void) {{ x = {one}; }}") for one in inner)]:
        for node in within(each):
            if node.has_error or node.is_missing or node.type not in _ALLOWED:
                raise NotCompared(f"the compiler sees {node.type.replace('_', ' ')} {text_of(node)[:60]}")
            if node.type == "call_expression" and text_of(part(node, "function") or node) not in calls:
                raise NotCompared(f"the compiler sees a call: {text_of(node)[:60]}")


def slice_text(source: Dom0Source, reading: _Reading) -> str:
    """The statements as C, from inputs in an array to results in another one."""
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
    macros = _macros(source, [*body, *before])
    return "\n".join(
        [
            "void panic(const char *text, ...); void BUG(void); int printk(const char *text, ...);",
            *structs,
            *_typedefs(source, [*body, *before, *macros]),
            *macros,
            *asked,
            '#define domain_crash_and_stop(...) panic("")',
            '#define BUG_ON(condition) do { if ( condition ) panic(""); } while ( 0 )',
            "#define ASSERT(condition) ((void)0)",
            "#define ASSERT_UNREACHABLE() ((void)0)",
            "#define process_pending_softirqs() ((void)0)",
            *before,
            "void slice(const unsigned long *in, unsigned long *out)\n{",
            *declared,
            *settings,
            *body,
            *results,
            f"out[{len(results)}] = 1;",
            "}\n",
        ]
    )


def _wanted(source: Dom0Source) -> list[Node]:
    """The statements that the layout hangs on, in order."""
    wanted, found = set(LAYOUT), list[Node]()
    for each in reversed(source.statements):
        if each.type != "comment" and written(each) & wanted:
            found.append(each)
            wanted |= named(each)
    return found[::-1]


def _macros(source: Dom0Source, texts: Iterable[str]) -> list[str]:
    """The headers' macros that a text uses, and those that these use."""
    known, found = source.file.source.macros, dict[str, str]()
    waiting = [name for text in texts for name in tokens(text) if is_name(name)]
    own = {"BUG_ON", "ASSERT", "ASSERT_UNREACHABLE", *LEAVING, *QUIET, *QUESTIONS, *SUMMARIES}
    while waiting:
        name = waiting.pop()
        macro = known.get(name)
        given = macro is not None and macro.where == "given" and not name.startswith("CONFIG_")
        if (
            macro is None
            or name in found
            or name in own
            or given
            or macro.where.startswith(f"{source.path}:")
        ):
            continue
        if macro.doubt is not None:
            raise NotCompared(f"macro {name}: {macro.doubt}")
        listed = ""
        if macro.parameters is not None:
            names = [
                ("..." if each == "__VA_ARGS__" else f"{each}...") if each == macro.variadic else each
                for each in macro.parameters
            ]
            listed = f"({', '.join(names)})"
        found[name] = f"#define {name}{listed} {' '.join(macro.body.split())}"
        waiting += [each for each in tokens(macro.body) if is_name(each)]
    return list(found.values())


def _typedefs(source: Dom0Source, texts: Iterable[str]) -> Iterator[str]:
    """The types that a text names, as what they are."""
    types = types_of(source.file.source)
    for name in dict.fromkeys(each for text in texts for each in tokens(text) if is_name(each)):
        if name not in _WORDS and types.known(name):
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


_WORDS: Final = frozenset(["int", "long", "short", "char", "unsigned", "signed", "_Bool", "void"])
_NAMES: Final = {8: "char", 16: "short", 32: "int", 64: "long"}
_HARNESS: Final = """
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/seccomp.h>

void slice(const unsigned long *in, unsigned long *out);
static jmp_buf left;
void panic(const char *text, ...) { longjmp(left, 1); }
void BUG(void) { longjmp(left, 1); }
int printk(const char *text, ...) { return 0; }

static void all(int write_it, char *place, unsigned long size)
{
    while (size) {
        long done = write_it ? write(1, place, size) : read(0, place, size);
        if (done <= 0) syscall(SYS_exit, 3);
        place += done; size -= done;
    }
}

int main(int argc, char **argv)
{
    unsigned long count = strtoul(argv[1], 0, 10), each;
    unsigned long *in = calloc(count, 8 * INPUTS + 8), *out = calloc(count, 8 * OUTPUTS);
    if (!in || !out) return 4;
    all(0, (char *)in, count * INPUTS * 8);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return 5;
    for (each = 0; each < count; each++)
        if (!setjmp(left)) slice(in + each * INPUTS, out + each * OUTPUTS);
    all(1, (char *)out, count * OUTPUTS * 8);
    syscall(SYS_exit, 0);
    return 0;
}
"""
