"""Small pieces of C, executed over words by the tool, and compiled by gcc: two readers to hold against each other."""

import ctypes
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from attrs import frozen
from ptproof.formal.c.expressions import KEPT
from ptproof.formal.c.preprocessor import preprocessed
from ptproof.formal.c.statements import Executor
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.c.types import parsed, within
from ptproof.formal.c.values import Unknown, Value
from ptproof.formal.source.dom0_source import without_typeof
from ptproof.formal.words.word import Truth, compiled, inputs

PARAMETERS = {
    "a": ("unsigned long", 64),
    "b": ("unsigned long", 64),
    "l": ("long", 64),
    "i": ("int", 32),
    "u": ("unsigned int", 32),
    "s": ("short", 16),
    "c": ("unsigned char", 8),
    "t": ("_Bool", 8),
}
HEAD = """
struct part { unsigned long first; unsigned char narrow; union { unsigned long whole; unsigned int half; } both; };
struct whole { struct part part; int number; };
typedef unsigned int mfn_t;
typedef unsigned short tag_t;
static unsigned char f_narrow(unsigned long n) { return n + 1; }
static short f_signed(unsigned int n) { return n; }
static _Bool f_truth(unsigned long n) { return n & 256; }
static unsigned long f_given(unsigned long x);
"""


@frozen
class Read:
    """What the tool makes of a snippet: the values of x and y, and where it may be left, and when."""

    x: Value | Unknown
    y: Value | Unknown
    leaves: Sequence[tuple[str, Truth]]


def tree(files: Mapping[str, str]) -> Tree:
    """A tree of texts."""
    return Tree("texts", files.get)


def read(body: str, head: str = HEAD) -> Read:
    """Execute the statements; ``x`` and ``y`` are 0 at first."""
    listed = ", ".join(f"{of} {name}" for name, (of, _) in PARAMETERS.items())
    text = f"{head}\nvoid f({listed}) {{\nunsigned long x, y; struct whole w; unsigned long *p;\nx = 0; y = 0;\n{body}\n}}\n"
    source = preprocessed(tree({"f.c": text}), "f.c", folders=(), defined={}, kept=KEPT)
    plain, typeofs = without_typeof(source.text)
    *_, function = (each for each in within(parsed(plain)) if each.type == "function_definition")
    executor = Executor(source, function, typeofs, lambda _: False)
    statements = executor.body.named_children
    start = next(place for place, each in enumerate(statements) if each.type == "expression_statement")
    state = executor.run_all(statements[start:])
    x, y = (state.read(name, executor.type_of[name], "end") for name in "xy")
    return Read(x, y, executor.leaves)


def edges(width: int) -> list[int]:
    """Numbers of a width at which arithmetic changes."""
    half = 1 << (width - 1)
    return sorted({0, 1, 2, 7, half - 1, half, half + 1, 2 * half - 1, 2 * half - 2, 4096 % (2 * half)})


def layouts(count: int, seed: int = 1) -> list[dict[str, int]]:
    """Values for the parameters: edges first."""
    source = random.Random(seed)
    found = []
    for _ in range(count):
        values = {}
        for name, (_, width) in PARAMETERS.items():
            values[name] = source.choice(
                [*edges(width), source.getrandbits(width), source.getrandbits(width) >> (width // 2)]
            )
        values["t"] &= 1
        found.append(values)
    return found


def compiler() -> str:
    """The C compiler; where there is none the test fails in CI, and is skipped elsewhere."""
    found = shutil.which("gcc")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no gcc")
    return found


def built(bodies: Sequence[str], folder: Path) -> ctypes.CDLL:
    """The snippets, each a function f0, f1, … that writes x and y."""
    listed = ", ".join(f"{of} {name}" for name, (of, _) in PARAMETERS.items())
    parts = [HEAD.replace("static unsigned long f_given(unsigned long x);", "")]
    for number, body in enumerate(bodies):
        parts.append(
            f"void f{number}({listed}, unsigned long *out_) {{\nunsigned long x, y; struct whole w; unsigned long *p;\n"
            f"x = 0; y = 0;\n{body}\nout_[0] = x; out_[1] = y;\n}}\n"
        )
    source, library = folder / "snippets.c", folder / "snippets.so"
    source.write_text("\n".join(parts))
    subprocess.run([compiler(), "-w", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def by_gcc(library: ctypes.CDLL, number: int, values: Mapping[str, int]) -> tuple[int, int]:
    """What the compiled snippet makes of values."""
    kinds = {64: ctypes.c_uint64, 32: ctypes.c_uint32, 16: ctypes.c_uint16, 8: ctypes.c_uint8}
    out = (ctypes.c_uint64 * 2)()
    signed = {"l": ctypes.c_int64, "i": ctypes.c_int32, "s": ctypes.c_int16}
    given = [signed.get(name, kinds[width])(values[name]) for name, (_, width) in PARAMETERS.items()]
    getattr(library, f"f{number}")(*given, out)
    return out[0], out[1]


def by_terms(found: Read) -> Callable[[Mapping[str, int]], tuple[int, int]]:
    """What the tool's terms make of values."""
    assert isinstance(found.x, Value), found.x
    assert isinstance(found.y, Value), found.y
    over = inputs([found.x.term, found.y.term])
    reading = compiled([found.x.term, found.y.term], over)

    def of(values: Mapping[str, int]) -> tuple[int, int]:
        x, y = reading(*(values[str(each.value)] for each in over))
        return x, y

    return of


def differing(bodies: Sequence[str], library: ctypes.CDLL, count: int = 200) -> Iterator[str]:
    """Snippets on which the two readers differ somewhere, with the values."""
    cases = layouts(count)
    for number, body in enumerate(bodies):
        mine = by_terms(read(body))
        found = next((values for values in cases if mine(values) != by_gcc(library, number, values)), None)
        if found is not None:
            yield f"{body}: {found}"
