"""Pieces of C from a tree, compiled by gcc as they stand, run on numbers, and held against what is read of them.

All go through the compiler together. What its preprocessor gives is looked at before it is compiled: just the statements and
expressions that this tool knows (no assembly, no attributes, no calls but those defined here), so that somebody's tree runs
nothing else. It runs with limits, and where it can do nothing but calculate: in Linux's strict mode of seccomp a process may read,
write and end, no more.
"""

import re
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from attrs import frozen

from ..c.expressions import LEAVING, QUIET, TYPEOF, Evaluator
from ..c.preprocessor import Source
from ..c.statements import Executor
from ..c.tokens import is_name, tokens
from ..c.types import Node, parsed, part, text_of, within
from .dom0_source import without_typeof

SECONDS: Final = 20
MEMORY: Final = 1 << 30
FRAMES: Final = 12
"""How many frames of memory there are where a piece works on memory."""
AREA: Final = 0x2000_0000_0000
"""Where the first of them lies."""
_FORBIDDEN: Final = re.compile(
    r"asm|attribute|pragma|include|builtin_(?!expect\b|constant_p\b)", re.IGNORECASE
)
_LARGE: Final = 1 << 20
_DECLARING: Final = """
translation_unit function_definition function_declarator parameter_list parameter_declaration primitive_type
sized_type_specifier type_identifier type_descriptor type_qualifier type_definition struct_specifier field_declaration_list
field_declaration field_identifier init_declarator pointer_declarator abstract_pointer_declarator array_declarator
argument_list storage_class_specifier string_content escape_sequence variadic_parameter union_specifier
compound_literal_expression initializer_list labeled_statement statement_identifier
"""
_ALLOWED: Final = frozenset((*Executor.KNOWN, *Evaluator.KNOWN, *_DECLARING.split()))
"""The sorts of syntax that are compiled."""
_DEFINED: Final = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_BEGINS: Final = "extern int unit_begins_"
_HELPERS: Final = (
    "unit_unknown",
    "unit_noted",
    "unit_same",
    "unit_order",
    "unit_sum",
    "unit_fill",
    "unit_clear",
    "unit_xens",
    "unit_set",
)


@frozen
class Compared:
    """What the comparison came to: on how many ``layouts``, or other cases, or ``why`` there was none; ``differs`` says what differs."""

    layouts: int = 0
    why: str = ""
    differs: str = ""


WORDS: Final = frozenset(
    [
        "int",
        "long",
        "short",
        "char",
        "unsigned",
        "signed",
        "_Bool",
        "void",
        "return",
        "if",
        "for",
        "while",
        "sizeof",
        "typeof",
    ]
)
"""C's own words, which name no type of the tree and are no function's."""


class NotCompared(Exception):
    """The message says why."""


def macros_in(source: Source, texts: Iterable[str], kept: frozenset[str]) -> dict[str, str]:
    """The macros that texts use, and those that these use, as they are defined; but for some that are ``kept``. Raises NotCompared."""
    known, found = source.macros, dict[str, str]()
    waiting = [name for text in texts for name in tokens(text) if is_name(name)]
    while waiting:
        name = waiting.pop()
        macro = known.get(name)
        given = macro is not None and macro.where == "given" and not name.startswith("CONFIG_")
        if macro is None or name in found or name in kept | LEAVING | QUIET or given:
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
    return found


@frozen(eq=False, kw_only=True)
class Unit:
    """A piece of C as the body of a function from numbers, ``in``, to numbers, ``out``.

    ``before`` is what stands before it: macros. ``calls`` are functions that it defines. A case is what it is given, and what
    comes out as it is read here, ``None`` where that isn't compared; last of it is whether the end is come to, without which the rest
    isn't looked at. ``inputs`` and ``outputs`` name them.
    """

    inputs: Sequence[str]
    outputs: Sequence[str]
    before: str
    body: str
    calls: Sequence[str]
    cases: Sequence[tuple[tuple[int, ...], tuple[int | None, ...]]]


@frozen(eq=False)
class Read:
    """Something that is read here, ``where``, and what to compile of it: ``units``, which raises NotCompared."""

    where: str
    units: Callable[[], Sequence[Unit]]


def held_against(units: Sequence[Unit]) -> list[Compared]:
    """Hold each unit against what gcc, or cc, makes of it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return [Compared(why="there is no gcc or cc")] * len(units)
    if not sys.platform.startswith("linux"):
        why = "what is compiled is run where Linux can confine it only"
        return [Compared(why=why)] * len(units)
    if not units:
        return []
    with TemporaryDirectory(prefix="ptproof-") as folder:
        try:
            return _held_against(units, compiler, Path(folder))
        except NotCompared as error:
            return [Compared(why=str(error))] * len(units)


def _held_against(units: Sequence[Unit], compiler: str, folder: Path) -> list[Compared]:
    first = {(each.before, each.body): place for place, each in reversed(list(enumerate(units)))}
    alike = [first[each.before, each.body] for each in units]
    refused: dict[int, str] = {}
    each_once = {place: units[place] for place in sorted(set(alike))}
    try:
        texts = _preprocessed(each_once, compiler, folder)
    except NotCompared:
        texts = {}
        for place, unit in each_once.items():
            try:
                texts |= _preprocessed({place: unit}, compiler, folder)
            except NotCompared as error:
                refused[place] = str(error)
    for place, text in texts.items():
        try:
            vet(text, units[place].calls)
        except NotCompared as error:
            refused[place] = str(error)
    try:
        program = _program(alike, refused, texts, compiler, folder)
    except NotCompared:
        for place in [each for each in texts if each not in refused]:
            try:
                _program([place], {}, texts, compiler, folder)
            except NotCompared as error:
                refused[place] = str(error)
        program = _program(alike, refused, texts, compiler, folder)
    ran = _ran(program, [place for place in range(len(units)) if alike[place] not in refused], units, folder)
    return [
        Compared(why=refused[alike[place]]) if alike[place] in refused else _same(unit, ran[place])
        for place, unit in enumerate(units)
    ]


def _preprocessed(units: Mapping[int, Unit], compiler: str, folder: Path) -> dict[int, str]:
    """What the compiler's preprocessor makes of each unit, by its place."""
    parts: list[str] = []
    for place, unit in units.items():
        names = dict.fromkeys(_DEFINED.findall(f"{unit.before}\n{unit.body}"))
        parts += [
            f"{_BEGINS}{place};",
            unit.before,
            f"void unit_{place}(const unsigned long *in, unsigned long *out)\n{{\n{unit.body}\n}}",
            *(f"#undef {name}" for name in names),
        ]
    (folder / "units.c").write_text("\n".join(parts) + "\n")
    plain = run([compiler, "-E", "-P", "-w", "-o", "-", "units.c"], folder).decode("latin-1")
    _, *texts = re.split(rf"{_BEGINS}\d+;", plain)
    if len(texts) != len(units):
        raise NotCompared("the compiler's preprocessor gives what isn't to be compiled")
    return dict(zip(units, texts, strict=True))


def _program(
    alike: Sequence[int], refused: Container[int], texts: Mapping[int, str], compiler: str, folder: Path
) -> Path:
    """Compile all but what is refused: of each unit, the one whose text is ``alike``."""
    run_by = [each for each in alike if each not in refused]
    kept = dict.fromkeys(run_by)
    used = any(each in texts[place] for place in kept for each in _HELPERS)
    (folder / "units.i").write_text(
        "\n".join([_DECLARED if used else _LEAVES, *(texts[place] for place in kept)])
    )
    listed = [f"extern unit unit_{place};" for place in kept]
    table = ", ".join([*(f"unit_{place}" for place in run_by), "0"])
    (folder / "harness.c").write_text(
        "\n".join([_HARNESS, *listed, f"unit *units[] = {{ {table} }};", _HELPING]) + "\n"
    )
    where = [f"-DAREA={AREA:#x}UL", f"-DFRAMES={FRAMES}"]
    run(
        [compiler, "-Og", "-w", "-std=gnu11", *where, "-o", "program", "harness.c", "units.i"],
        folder,
    )
    return folder / "program"


def _ran(program: Path, kept: Sequence[int], units: Sequence[Unit], folder: Path) -> dict[int, bytes]:
    """What each unit gives, all of its cases after one another."""
    given = [struct.pack("<Q", len(kept))]
    for place in kept:
        unit = units[place]
        wide = len(unit.inputs), len(unit.outputs) + 1
        given.append(struct.pack("<3Q", len(unit.cases), *wide))
        given += [struct.pack(f"<{wide[0]}Q", *case) for case, _ in unit.cases]
    found = run([str(program)], folder, b"".join(given))
    sizes = [8 * (len(units[place].outputs) + 1) * len(units[place].cases) for place in kept]
    if len(found) != sum(sizes):
        raise NotCompared(f"what is compiled gave {len(found)} bytes, expected {sum(sizes)}")
    result, at = dict[int, bytes](), 0
    for place, size in zip(kept, sizes, strict=True):
        result[place] = found[at : at + size]
        at += size
    return result


def _same(unit: Unit, ran: bytes) -> Compared:
    """Whether what came out is what is read."""
    size = len(unit.outputs) + 1
    through = 0
    for index, (case, mine) in enumerate(unit.cases):
        *theirs, came_through = struct.unpack_from(f"<{size}Q", ran, 8 * size * index)
        expected = mine[-1]
        if expected is not None and expected != came_through:
            how = {
                0: "leaves",
                1: "comes to the end",
                2: "reads or writes where no memory is",
                3: "doesn't come to an end",
            }
            said = f"it {how[came_through]} as compiled, and {how[expected]} as read here"
            return Compared(len(unit.cases), differs=f"{said}, at {_shown(unit, case)}")
        if came_through != 1:
            continue
        through += 1
        for name, one, other in zip(unit.outputs, mine, theirs, strict=False):
            if one is not None and one != other:
                said = f"{name} is {other:#x} as compiled, {one:#x} as read here"
                return Compared(len(unit.cases), differs=f"{said}, at {_shown(unit, case)}")
    if not through:
        return Compared(why="no case was found that comes to the end")
    return Compared(through)


def _shown(unit: Unit, case: Sequence[int]) -> str:
    return ", ".join(f"{each} = {value:#x}" for each, value in zip(unit.inputs, case, strict=True))


def run(command: Sequence[str], folder: Path, given: bytes = b"") -> bytes:
    """What a program writes, run with limits. Raises NotCompared."""

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


def vet(text: str, defined: Sequence[str] = ()) -> None:
    """Look at what is compiled: nothing but what this tool knows, and calls of what is ``defined``. Raises NotCompared."""
    if len(text) > _LARGE or _FORBIDDEN.search(text):
        raise NotCompared("the compiler's preprocessor gives what isn't to be compiled")
    plain, inner = without_typeof(text)
    calls = {*_HELPERS, *defined, *LEAVING, *QUIET, "__builtin_expect", "__builtin_constant_p"}
    for each in [parsed(plain), *(parsed(f"void f(void) {{ x = {one}; }}") for one in inner)]:
        for node in within(each):
            if node.has_error or node.is_missing or node.type not in _ALLOWED:
                raise NotCompared(f"the compiler sees {node.type.replace('_', ' ')} {text_of(node)[:60]}")
            if node.type != "call_expression":
                continue
            name = _name(node)
            if not name.startswith(TYPEOF) and name not in calls:
                raise NotCompared(f"the compiler sees a call: {text_of(node)[:60]}")


def _name(call: Node) -> str:
    """What is called; a cast may look like that, too."""
    return text_of(part(call, "function") or call).strip("() ")


def words_in(texts: Sequence[str]) -> Iterator[str]:
    """The names in some texts, each once."""
    return iter(dict.fromkeys(each for text in texts for each in tokens(text) if is_name(each)))


_LEAVES: Final = "void panic(const char *text, ...); void BUG(void); int printk(const char *text, ...);"
_DECLARED: Final = f"""{_LEAVES}
unsigned long unit_noted(unsigned long seed, unsigned long place);
unsigned long unit_unknown(void);
void unit_clear(void *at);
void unit_set(void *at, int value, unsigned long size);
void unit_xens(void *at);
_Bool unit_same(const char *one, const char *other);
int unit_order(unsigned long bytes);
void unit_fill(unsigned long seed);
unsigned long unit_sum(unsigned long seed);
"""
_HARNESS: Final = """
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <linux/seccomp.h>

typedef void unit(const unsigned long *in, unsigned long *out);
static sigjmp_buf left;
void panic(const char *text, ...) { siglongjmp(left, 1); }
void BUG(void) { siglongjmp(left, 1); }
int printk(const char *text, ...) { return 0; }
static volatile int ticks;
static void fault(int which) { siglongjmp(left, 2); }
static void tick(int which) { if (++ticks > 2) siglongjmp(left, 3); }

static void all(int write_it, void *at, unsigned long size)
{
    char *place = at;
    while (size) {
        long done = write_it ? write(1, place, size) : read(0, place, size);
        if (done <= 0) syscall(SYS_exit, 3);
        place += done; size -= done;
    }
}
"""
_HELPING: Final = """
unsigned long unit_mixed(unsigned long seed, unsigned long place)
{
    unsigned long x = seed * 0x9e3779b97f4a7c15UL + place * 0xbf58476d1ce4e5b9UL + 1;
    x ^= x >> 31; x *= 0x94d049bb133111ebUL; x ^= x >> 29;
    return x;
}

unsigned long unit_holds(unsigned long seed, unsigned long place)
{
    unsigned long x = unit_mixed(seed, place);
    return x & 1 ? (x >> 8) % FRAMES << 12 | (x >> 40 & 0xffe) | 1 : 0;
}

unsigned long unit_noted(unsigned long seed, unsigned long place)
{
    unsigned long x = unit_mixed(seed, place);
    return x & 3 ? (x >> 3 & 15) << 60 | (x & 4 ? x >> 20 & 0xffff : 0) : 0;
}

unsigned long unit_unknown(void)
{
    static unsigned long turn;
    unsigned long x = unit_mixed(turn++, 7);
    return x & 1 ? 0 : x;
}

void unit_clear(void *at)
{
    unsigned long *word = (void *)((unsigned long)at & -4096UL), place;
    for (place = 0; place < 512; place++) word[place] = 0;
}

void unit_xens(void *at)
{
    unsigned long *word = (void *)((unsigned long)at & -4096UL), place;
    for (place = 508; place < 512; place++) word[place] = 0x5a5a;
}

void unit_set(void *at, int value, unsigned long size)
{
    char *place = at;
    while (size--) *place++ = value;
}

_Bool unit_same(const char *one, const char *other)
{
    while (1) {
        while (*one == ' ') one++;
        while (*other == ' ') other++;
        if (!*one || *one != *other) break;
        one++, other++;
    }
    return *one == *other;
}

int unit_order(unsigned long bytes)
{
    int order = 0;
    unsigned long pages = (bytes - 1) >> 12;
    while (pages) pages >>= 1, order++;
    return order;
}

static unsigned long held[FRAMES * 512], held_of = -1;

static void hold(unsigned long seed)
{
    unsigned long place;
    if (seed != held_of)
        for (place = 0; place < FRAMES * 512; place++) held[place] = unit_holds(seed, place);
    held_of = seed;
}

void unit_fill(unsigned long seed)
{
    hold(seed);
    memcpy((void *)AREA, held, sizeof(held));
}

unsigned long unit_sum(unsigned long seed)
{
    unsigned long *word = (void *)AREA, place, sum = 0;
    hold(seed);
    for (place = 0; place < FRAMES * 512; place++)
        if (word[place] != held[place]) sum += unit_mixed(word[place], place);
    return sum;
}

int main(void)
{
    unsigned long count, each, which, size[3];
    static char stack[1 << 16];
    stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct itimerval every = { { 0, 100000 }, { 0, 100000 } };
    struct sigaction then = { .sa_handler = fault, .sa_flags = SA_ONSTACK | SA_NODEFER };
    if (mmap((void *)AREA, FRAMES << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)AREA)
        return 4;
    unsigned long most = 64 << 20, used, *room = malloc(most), *in, *out;
    if (!room || sigaltstack(&own, 0)) return 4;
    sigaction(SIGSEGV, &then, 0);
    sigaction(SIGBUS, &then, 0);
    then.sa_handler = tick;
    sigaction(SIGVTALRM, &then, 0);
    setitimer(ITIMER_VIRTUAL, &every, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return 5;
    all(0, &count, 8);
    for (which = 0; which < count; which++) {
        all(0, size, 24);
        if ((size[1] + size[2]) * size[0] * 8 > most) syscall(SYS_exit, 6);
        in = room; out = room + size[0] * size[1];
        memset(out, 0, size[0] * size[2] * 8);
        all(0, in, size[0] * size[1] * 8);
        for (each = 0; each < size[0]; each++) {
            int how = sigsetjmp(left, 0);
            if (!how) ticks = 0;
            unsigned long *result = out + each * size[2];
            if (!how) units[which](in + each * size[1], result);
            else result[size[2] - 1] = how == 1 ? 0 : how;
            if (how == 3) break;
        }
        all(1, out, size[0] * size[2] * 8);
    }
    syscall(SYS_exit, 0);
    return 0;
}
"""
