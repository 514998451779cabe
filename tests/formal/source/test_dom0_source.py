"""Which names mean what they mean everywhere in Xen, when a file of it is read."""

import pytest
from c_snippets import tree
from ptproof.formal.c.preprocessor import UNKNOWN
from ptproof.formal.source.dom0_source import read_file

PATH = "xen/arch/x86/pv/dom0_build.c"
USED = "void f(struct domain *d)\n{\n    BUG_ON(is_pv_32bit_domain(d));\n    ASSERT(d);\n}\n"


def written(before: str) -> str:
    """What is compiled of a function, with something before it."""
    return read_file(tree({PATH: before + USED}), PATH).source.text


def test_known_names_are_kept() -> None:
    """What a header says of them isn't read."""
    assert UNKNOWN not in written("")
    assert "BUG_ON" in written("")


@pytest.mark.parametrize(
    ("before", "lost"),
    [
        ("#define is_pv_32bit_domain(d) (0)\n", "is_pv_32bit_domain"),
        ("static bool is_pv_32bit_domain(const struct domain *d) { return false; }\n", "is_pv_32bit_domain"),
        ("#undef BUG_ON\n#define BUG_ON(p) ((void)(p))\n", "BUG_ON"),
        ("# define ASSERT(p) do { } while ( 0 )\n", "ASSERT"),
    ],
)
def test_a_name_that_the_file_has_itself_is_not_known(before: str, lost: str) -> None:
    """A macro or a function of the file's own isn't what Xen has by that name: it read as equal."""
    found = written(before)
    assert lost not in found
    assert UNKNOWN in found
    assert {"BUG_ON", "is_pv_32bit_domain", "ASSERT"} - {lost} <= set(found.replace("(", " ").split())
