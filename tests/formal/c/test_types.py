"""Types of a source that was changed: what its headers declare is looked for once, and never taken from another that differs."""

import pytest
from attrs import evolve
from ptproof.formal.c.preprocessor import Source, preprocessed
from ptproof.formal.c.tree_files import Tree
from ptproof.formal.c.types import parsed, types_of
from ptproof.formal.c.values import CType, Integer

HEADER = "#define WIDE 4\ntypedef unsigned short tag_t;\nstruct part { tag_t first; int more[WIDE]; };\n"


def source(own: str = "int number;", header: str = HEADER, name: str = "own.c") -> Source:
    """A file that includes a header."""
    files = {name: f'#include "own.h"\n{own}\n', "own.h": header}
    return preprocessed(Tree("small", files.get), name, folders=(), defined={}, kept=frozenset())


def said(of: Source, declaration: str) -> CType | None:
    """The type of what is declared."""
    return types_of(of).declared(parsed(declaration).named_children[0], None)


def test_what_is_alike_is_looked_for_once() -> None:
    """A change of statements leaves the types as they are."""
    first, other = source(), source("int other = 7;")
    assert said(first, "tag_t x;") == Integer(16, signed=False)
    assert types_of(other).typedefs is types_of(first).typedefs
    assert said(other, "struct part x;") is said(first, "struct part x;")


@pytest.mark.parametrize(
    "changed",
    [
        source("typedef unsigned long tag_t;"),
        source("struct part { long other; };"),
        source(header=HEADER.replace("short", "long")),
        source(header=HEADER.replace("WIDE 4", "WIDE 5")),
        source("#define tag_t unsigned char"),
        evolve(source(), doubtful={"own.h": {3: "tag_t first"}}),
        source(name="elsewhere.c"),
    ],
    ids=[
        "a type of its own",
        "a struct of its own",
        "a header",
        "a size",
        "a macro",
        "a doubt",
        "another file",
    ],
)
def test_what_differs_is_its_own(changed: Source) -> None:
    """In either order: a type of a file isn't taken for that of a header, nor the other way round."""
    plain = source()
    for first, other in ((plain, changed), (changed, evolve(plain))):
        assert types_of(first).typedefs is not types_of(other).typedefs
        assert types_of(first).records is not types_of(other).records
    assert said(source(), "tag_t x;") == Integer(16, signed=False)
