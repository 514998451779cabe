"""C's preprocessor: conditions, macros, headers; and what isn't known is never taken for something that is."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from c_snippets import compiler, tree
from ptproof.formal.c.conditions import NotACondition, value_of
from ptproof.formal.c.preprocessor import UNKNOWN, Source, preprocessed
from ptproof.formal.c.tokens import guard, lines, tokens


def source(text: str, files: Mapping[str, str] | None = None, **defined: str | None) -> Source:
    return preprocessed(tree({"f.c": text, **(files or {})}), "f.c", folders=("include",), defined=defined)


def words(text: str, files: Mapping[str, str] | None = None, **defined: str | None) -> list[str]:
    return source(text, files, **defined).text.split()


CONDITIONS = {
    "1 + 2 * 3 == 7": 1,
    "(1 + 2) * 3": 9,
    "10 - 3 - 2": 5,
    "-7 / 2": -3,
    "-7 % 2": -1,
    "1 << 4 >> 2": 4,
    "!0 && ~0": 1,
    "0x1F & 017 | 0x20": 47,
    "5 ^ 1": 4,
    "1 ? 2 : 3": 2,
    "0 ? 2 : 1 ? 4 : 5": 4,
    "NAME": 0,
    "NAME == 0 || NAME": 1,
    "+3 >= 3UL && 3 <= 3": 1,
    "2 > 1 != 0": 1,
}


@pytest.mark.parametrize(("text", "value"), CONDITIONS.items())
def test_conditions_are_read_as_c_does(text: str, value: int) -> None:
    assert value_of(tokens(text), frozenset()) == value


def test_conditions_are_those_of_gcc() -> None:
    """gcc comes to the same value of each, or to the same truth."""
    asked = "\n".join(
        f"#if ({text}) == ({value})\nyes\n#else\nno: {text}\n#endif" for text, value in CONDITIONS.items()
    )
    found = subprocess.run(
        [compiler(), "-E", "-P", "-"], input=asked, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["yes"] * len(CONDITIONS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "1 2",
        "1 / 0",
        "1 << 64",
        "'a'",
        '"a"',
        "1.5",
        "1 = 2",
        "(" * 200,
        "-1 < 0u",
        "1 << 63",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(NotACondition):
        value_of(tokens(text), frozenset())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("X", None),
        ("X && 0", 0),
        ("X || 1", 1),
        ("X + 1", None),
        ("!X", None),
        ("X ? 3 : 3", 3),
        ("1 ? 2 : X", 2),
        ("X && X", None),
    ],
)
def test_what_is_unknown_matters_where_it_matters(text: str, value: int | None) -> None:
    assert value_of(tokens(text), frozenset({"X"})) == value


MACROS = """
#define EMPTY
#define TWO 1 + 1
#define CALL(x, y) x + y * 2
#define SELF SELF + 1
#define FIRST SECOND
#define SECOND FIRST
#define PASTE(a, b) a ## b
#define TEXT(x) #x
#define MANY(first, ...) first(__VA_ARGS__)
#define NAMED(first, rest...) f(first, ## rest)
#define LATE CALL
#define HIDE (x)
#define INNER(x) CALL(x, x)
1: TWO * 2 EMPTY 2: CALL(TWO, (3, 4)) 3: SELF 4: FIRST 5: PASTE(TW, O) 6: TEXT(a + "b\\n")
7: MANY(f, 1, 2) 8: NAMED(1) NAMED(1, 2) 9: LATE(1, 2) 10: CALL 11: INNER(CALL(1, 2)) 12: CALL (
 1,
 2) 13: PASTE(,) PASTE(a,) 14: "TWO" 'T' TWO2 0xTWO
#undef TWO
#define TWO 3
TWO
"""


def test_macros_are_expanded_as_gcc_does() -> None:
    """Token by token."""
    found = subprocess.run(
        [compiler(), "-E", "-P", "-"], input=MACROS, capture_output=True, text=True, check=True
    )
    assert tokens(" ".join(words(MACROS))) == tokens(found.stdout)


def test_lines_keep_their_numbers() -> None:
    """Whatever is continued, commented or left out."""
    text = 'a /* 1\n2 */ b // c \\\n d\n#if 0\nx\n#endif\n#define M(x) \\\n  x\nM(\n1\n) e\n\'"\' f "/*" g\n'
    placed = {
        word: number for number, line in enumerate(source(text).text.split("\n"), 1) for word in line.split()
    }
    assert placed == {"a": 1, "b": 1, "1": 9, "e": 11, "'\"'": 12, "f": 12, '"/*"': 12, "g": 12}
    assert [each.number for each in lines("a\\\nb\nc")] == [1, 3]


def test_headers_are_followed_and_missing_ones_told() -> None:
    """By the folder of the file, then by those for headers; ``asm/`` is also ``asm-x86/``."""
    files = {
        "include/a.h": "#ifndef A_H\n#define A_H\n#include <a.h>\n#define A 1\n#endif",
        "include/asm-x86/b.h": '#include "c.h"\n#define B C',
        "include/asm-x86/c.h": "#define C 3",
    }
    found = source(
        "#include <a.h>\n#include <asm/b.h>\n#define NAME <none.h>\n#include NAME\n#include MISSING\nA B",
        files,
    )
    assert found.text.split() == ["1", "3"]
    assert found.missing == (("none.h", "f.c:4"), ("MISSING", "f.c:5"))
    assert set(found.headers) == set(files)


def test_a_circle_of_headers_ends() -> None:
    """And is told."""
    found = source("#include <a.h>\nx", {"include/a.h": "#include <b.h>", "include/b.h": "#include <a.h>"})
    assert found.text.split() == ["x"]
    assert any("deep" in name for name, _ in found.missing)


def test_an_option_that_is_not_known_is_in_doubt_where_it_matters() -> None:
    """In the file it becomes a word that nobody understands; in a header its macros do, where they are used."""
    found = source(
        "#include <h.h>\na SURE DOUBTFUL SAME\n#ifdef CONFIG_B\nb\n#else\nc\n#endif\nd",
        {
            "include/h.h": "#define SAME 1\n#ifdef CONFIG_A\n#define DOUBTFUL 1\n#define SAME 1\nint x;\n#endif\n#define SURE 2"
        },
    )
    first, second, third = found.text.split("\n")[1], found.text.split("\n")[3], found.text.split("\n")[5]
    assert first.split()[:2] == ["a", "2"]
    assert first.split()[2].startswith(UNKNOWN)
    assert first.split()[3] == "1"
    assert second.strip().startswith(UNKNOWN)
    assert third.split() in ([], second.split())
    assert "include/h.h:2" in found.reasons[0]
    assert "CONFIG_A" in found.reasons[0]
    assert found.doubtful == {"include/h.h": {5: "int x;"}, "f.c": {4: "b", 6: "c"}}


def test_a_header_in_doubt_that_is_read_for_sure_later_is_in_none() -> None:
    """Except for what was defined otherwise in between."""
    header = "#ifndef H\n#define H\n#define A 1\n#define B 2\n#endif"
    text = "#ifdef CONFIG_X\n#include <h.h>\n#endif\nA\n#undef B\n#define B 3\n#include <h.h>\nA B"
    found = words(text, {"include/h.h": header})
    assert found[0].startswith(UNKNOWN)
    assert found[1] == "1"
    assert found[2].startswith(UNKNOWN)


def test_options_are_what_they_are_said_to_be() -> None:
    """Set, off, or, in a tree that is configured, off where nothing sets them."""
    text = "#ifdef CONFIG_A\na\n#endif\n#ifndef CONFIG_B\nb\n#endif\n#if IS_ENABLED(CONFIG_A) && !IS_ENABLED(CONFIG_B)\nc\n#endif"
    assert words(text, CONFIG_A="1", CONFIG_B=None) == ["a", "b", "c"]
    configured = preprocessed(
        tree({"f.c": text}), "f.c", folders=(), defined={"CONFIG_A": "1"}, configured=True
    )
    assert configured.text.split() == ["a", "b", "c"]


JOINING = """
#define __ARG_PLACEHOLDER_1 0,
#define third(ignored, value, ...) value
#define second(joined) third(joined 1, 0)
#define first(value) second(__ARG_PLACEHOLDER_##value)
#define config_enabled(option) first(option)
#define IS_ENABLED(option) config_enabled(option)
#define EITHER(option) (IS_ENABLED(option) ? 1 : 2)
#define OF(name) config_enabled(CONFIG_##name)
"""
"""How kernels ask within an expression whether an option is set: whatever isn't defined comes out as 0."""


@pytest.mark.parametrize(
    "asked",
    ["IS_ENABLED({})", "config_enabled({})", "EITHER({})", "f(IS_ENABLED( {} ))", "ID(IS_ENABLED)({})"],
)
def test_an_option_that_nobody_knows_is_neither_set_nor_off_in_an_expression(asked: str) -> None:
    """Macros that join words say that it is off; it is a word that isn't understood."""
    before = f"{JOINING}#define ID(x) x\n"
    found = words(before + asked.format("CONFIG_A"))
    assert any(each.startswith(UNKNOWN) for each in found)
    for body, value in (("1", "1"), (None, "0")):
        known = words(before + asked.format("CONFIG_A"), CONFIG_A=body)
        assert value in known
        assert not any(each.startswith(UNKNOWN) for each in known)
    assert words(f"{JOINING}OF(A)")[0].startswith(UNKNOWN)
    assert words(f"{JOINING}OF(A)", CONFIG_A="1") == ["1"]


def test_only_a_guard_round_all_is_a_guard() -> None:
    assert guard("/* x */\n#ifndef A\n#define A\nx\n#if 1\n#endif\n#endif\n") == "A"
    assert guard("#ifndef A\n#define A\n#endif\nx") is None
    assert guard("#ifndef A\n#define B\n#endif") is None
    assert guard("#ifndef A\n#define A\n#else\n#endif") is None


def test_an_expansion_without_end_is_not_understood() -> None:
    """A macro that doubles itself twenty times, and one that is given too few arguments."""
    text = "#define M0 x x\n" + "".join(f"#define M{n + 1} M{n} M{n}\n" for n in range(20)) + "M20\n"
    assert words(text)[0].startswith(UNKNOWN)
    assert words("#define TWO(a, b) a\nTWO(1)")[0].startswith(UNKNOWN)


def test_the_whole_agrees_with_gcc_on_a_file_of_its_own(tmp_path: Path) -> None:
    """Headers, conditions and macros together: the same tokens."""
    files = {
        "include/a.h": "#ifndef A\n#define A\n#define PAGE(x) (((x) + SIZE - 1) & ~(SIZE - 1))\n#endif\n",
        "include/b.h": "#include <a.h>\n#if defined(A) && !defined(B)\n#define SIZE (1L << 12)\n#endif\n",
    }
    text = "#include <b.h>\n#include <a.h>\nlong f(long x) { return PAGE(x) + PAGE(PAGE(x)); }\n#undef A\n#ifndef A\n2\n#endif\n"
    for name, body in {**files, "f.c": text}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(body)
    done = subprocess.run(
        [compiler(), "-E", "-P", "-nostdinc", "-I", "include", "f.c"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert tokens(" ".join(words(text, files))) == tokens(done.stdout)
