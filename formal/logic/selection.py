"""Which claims a command is about: those of the ids and families that were named.

A name that names nothing is never passed over: a run that leaves out what was asked for must not succeed.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from ..edge.errors import InputError, NothingSelected
from .claim import Claim

FEW = 3
"""So few claims are named where none of them was meant."""


def select(claims: Iterable[Claim], names: Sequence[str]) -> tuple[Claim, ...]:
    """The claims named, each once, in the order of the catalogue; all, when nothing is named.

    A name is an id or a family; capitals, and dashes or underscores for spaces, make no difference.

    Raises:
        NothingSelected: no name names a claim, or there are no claims.
        InputError: some names do, and others don't.
    """
    claims = tuple(claims)
    if not claims:
        raise NothingSelected("no claims are installed (the entry-point group is ptproof.theorems)")
    if not names:
        return claims
    known = {_key(name) for each in claims for name in (each.id, each.family)}
    unknown = [name for name in names if _key(name) not in known]
    if unknown:
        message = f"no claim or family is called {', '.join(map(repr, unknown))}: {_nearest(claims, unknown)}"
        raise NothingSelected(message) if len(unknown) == len(names) else InputError(message)
    wanted = set(map(_key, names))
    return tuple(each for each in claims if not wanted.isdisjoint((_key(each.id), _key(each.family))))


def search(claims: Iterable[Claim], names: Sequence[str], meanings: Mapping[str, str]) -> tuple[Claim, ...]:
    """As `select`, but a name may also be a text: all claims that have it in their line of a list, or in their meaning.

    Capitals make no difference. Raises as `select` does.
    """
    claims = tuple(claims)
    known = {_key(name) for each in claims for name in (each.id, each.family)}
    wanted: list[str] = []
    for name in names:
        texts = {each.id: _words(each, meanings) for each in claims} if _key(name) not in known else {}
        wanted += [each for each, text in texts.items() if name.strip() and name.lower() in text] or [name]
    return select(claims, wanted)


def select_one(claims: Iterable[Claim], name: str) -> Claim:
    """The claim of that id.

    Raises:
        NothingSelected: it names no claim.
        InputError: it names a family.
    """
    found = select(claims, [name])
    exact = [each for each in found if _key(each.id) == _key(name)]
    if not exact:
        ids = ", ".join(each.id for each in found)
        raise InputError(f"argument ID: expected the id of one claim, found the family {name!r}: {ids}")
    return exact[0]


def _words(claim: Claim, meanings: Mapping[str, str]) -> str:
    """What a list says of a claim, and what it means."""
    line = claim.statement.partition("\n")[0]
    return " ".join((claim.id, claim.family, line, meanings.get(claim.id, ""))).lower()


def _key(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")


def _nearest(claims: Sequence[Claim], names: Iterable[str]) -> str:
    """What there is that comes near the names."""
    there = {_key(name): name for each in claims for name in (each.id, each.family)}
    near = [each for name in names for each in get_close_matches(_key(name), there)]
    if near:
        return f"did you mean {' or '.join(there[each] for each in dict.fromkeys(near))}?"
    if len({each.id for each in claims}) <= FEW:
        return f"there are {' and '.join(each.id for each in claims)}"
    return "'ptproof list' shows all"
