"""The second reader: what a compiler makes of the statements, and what it isn't given."""

import shutil

import pytest
from attrs import evolve
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.c.values import Value
from ptproof.formal.source import check_tree
from ptproof.formal.source.compiled_units import Compared, NotCompared, vet
from ptproof.formal.source.dom0_source import Dom0Source, dom0_source
from ptproof.formal.source.second_reader import SecondReading, compared
from small_tree import changed, files

MORE = "v_end += 1UL << 22;"
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")


def source(*changes: tuple[str, str]) -> Dom0Source:
    """The small tree's, changed."""
    return dom0_source(Tree("small", files(*(changed(*each) for each in changes)).get))


@needs_gcc
def test_gcc_says_the_same() -> None:
    """On thousands of layouts, of a loop and of a formula."""
    found = compared(source())
    assert (found.why, found.differs) == ("", "")
    assert found.layouts > 1000
    assert compared(source((MORE, 'if ( v_end > 5 ) panic("x"); v_end += 1UL << 22;'))).differs == ""


@needs_gcc
@pytest.mark.parametrize("name", ["v_end", "vphysmap_end", "nr_pt_pages"])
def test_a_wrong_reading_is_noticed(name: str) -> None:
    """A term that is one off is another value than gcc's; the tree's check fails as a whole."""
    right = source()
    value = right.values[name]
    assert isinstance(value, Value)
    wrong = evolve(right, values={**right.values, name: Value(value.term + 1, value.type)})
    assert f"{name} is 0x" in compared(wrong).differs


@needs_gcc
def test_a_difference_is_the_tools_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 70, whatever is proved."""
    monkeypatch.setattr(
        check_tree, "read_again", lambda *_: SecondReading(Compared(5, differs="v_end is 0x1"))
    )
    assert check_tree.check_tree(Tree("small", files().get), seconds=60).status == 70


def test_without_a_compiler_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is compared."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert compared(source()).why == "there is no gcc or cc"


@pytest.mark.parametrize(
    "text",
    [
        'void slice(void) { asm("nop"); }',
        "void slice(void) { system(0); }",
        "void slice(void) { int x __attribute__((constructor)) = 0; }",
        "void slice(void) { __builtin_trap(); }",
        "void slice(void) { x = typeof(system(0)) 5; }",
        "void slice(void) { goto *x; }",
        '_Pragma("x") void slice(void) { }',
        "void slice(void) { switch (x) { case 1: ; } }",
        "void slice(void) { int (*f)(void) = (void *)1; f(); }",
    ],
)
def test_what_is_not_known_is_not_compiled(text: str) -> None:
    """What comes out of the compiler's preprocessor is looked at first."""
    with pytest.raises(NotCompared):
        vet(text)


@needs_gcc
def test_a_call_in_a_tree_is_not_run() -> None:
    """Neither in a statement nor out of a macro."""
    found = compared(source((MORE, "memory_of(d); v_end += 1UL << 22;")))
    assert found.layouts == 0
    assert found.why
