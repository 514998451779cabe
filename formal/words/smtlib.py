"""The solver's reading of words: SMT-LIB 2 text, so that what is proved is what can be exported.

A query asks whether conditions can all hold. It is written in QF_BV, one ``define-fun`` for each shared
term, in a stable order: the same query is the same text, byte for byte. Z3 reads this text in a process
of its own (``solver``); any other solver can read it too.

Source: The SMT-LIB Standard 2.6, theory FixedSizeBitVectors.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Final, cast

from ..edge.outside import one_line
from .word import Term, subterms

OURS: Final = re.compile("t[0-9]+")
"""The names that shared terms get."""


def query_text(conditions: Iterable[Term], comments: Iterable[str] = ()) -> str:
    """An SMT-LIB script that asserts every condition and asks whether they can hold together.

    Raises ValueError for inputs whose names a solver could take for something else.
    """
    lines = [f"; {one_line(line)}".rstrip() for comment in comments for line in comment.splitlines()]
    return "\n".join([*lines, _script(tuple(conditions))])


@lru_cache(2048)
def _script(conditions: tuple[Term, ...]) -> str:
    """The script alone. It is kept: solvers, certificates and files ask for the same ones."""
    lines = ["(set-logic QF_BV)"]
    definitions, texts = written(conditions, Counter())
    lines.extend(
        f"(declare-const {symbol(each)} {_sort(each)})" for each in texts if each.operation == "input"
    )
    lines.extend(f"(define-fun {texts[each]} () {_sort(each)} {text})" for each, text in definitions.items())
    lines.extend(f"(assert {texts[each]})" for each in conditions)
    lines.append("(check-sat)")
    return "\n".join(lines) + "\n"


def written(terms: Iterable[Term], uses: Counter[Term]) -> tuple[dict[Term, str], dict[Term, str]]:
    """What each shared term is, and how each term is written then: a shared one by its name.

    A term is shared where it is used more than once within the others, and by ``uses``, and isn't a leaf. Raises
    ValueError for inputs whose names a solver could take for something else.
    """
    all_terms = list(subterms(terms))
    _check_names([str(each.value) for each in all_terms if each.operation == "input"])
    uses = uses.copy()
    uses.update(chain.from_iterable(each.arguments for each in all_terms))
    definitions: dict[Term, str] = {}
    texts: dict[Term, str] = {}
    for each in all_terms:
        text = _text(each, texts)
        if uses[each] > 1 and each.arguments:
            definitions[each] = text
            text = f"t{len(texts)}"
        texts[each] = text
    return definitions, texts


def _check_names(names: list[str]) -> None:
    """Names must be told apart, from each other and from those of shared terms, and end where they end."""
    counts = Counter(names)
    for name in names:
        if counts[name] > 1 or OURS.fullmatch(name) or "|" in name or "\\" in name:
            raise ValueError(f"not an input's name in a query, or that of two: {name!r}")


def symbol(term: Term) -> str:
    """How an input is written; quoted, since names may hold any character but ``|`` and the backslash."""
    return f"|{term.value}|"


def _sort(term: Term) -> str:
    return f"(_ BitVec {term.width})" if term.width else "Bool"


def _constant(value: int, width: int) -> str:
    if not width:
        return "true" if value else "false"
    return f"#x{value:0{width // 4}x}" if width % 4 == 0 else f"#b{value:0{width}b}"


def _text(term: Term, texts: dict[Term, str]) -> str:
    arguments = " ".join(texts[each] for each in term.arguments)
    if term.operation == "constant":
        return _constant(cast(int, term.value), term.width)
    if term.operation == "input":
        return symbol(term)
    if term.operation == "zero_extend":
        return f"((_ zero_extend {term.width - term.arguments[0].width}) {arguments})"
    if term.operation == "truncate":
        return f"((_ extract {term.width - 1} 0) {arguments})"
    return f"({term.operation} {arguments})"
