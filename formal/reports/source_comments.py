"""Where in a source tree proved sentences belong, and those sentences as comments to paste there.

Places reach the tool through the entry-point group ``ptproof.places``, as claims do through theirs. A remark is written
only if a run gave every verdict that it rests on; one that says what does *not* hold rests on a refutation.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from textwrap import wrap
from typing import Any, Final

from attrs import field, frozen

from ..logic.claim import Claim, Expected
from ..logic.prover import Decision, PartDecision
from ..logic.verdict import Proved, Refuted

GROUP: Final = "ptproof.places"
COLUMNS: Final = 80
"""How wide a line of C may be in Xen, indentation included."""
HELD: Final = "\N{NO-BREAK SPACE}"
_SIZE: Final = re.compile(r"(\d) ([KMGT]iB)")
_SPELLED: Final = str.maketrans({"≤": "<=", "≥": ">=", "≠": "!=", "⇒": "=>", "⌈": "(", "⌉": ")", "…": "..."})


@frozen(kw_only=True)
class Ground:
    """A verdict that a remark rests on: that on each part of a claim, or on the one ``part`` of that name."""

    claim: str
    part: str | None = None
    verdict: Expected = Expected.PROVED

    def given_by(self, decisions: Iterable[Decision]) -> bool:
        """Whether a run gave this verdict."""
        wanted = Proved if self.verdict is Expected.PROVED else Refuted
        parts = self.decided(decisions)
        return bool(parts) and all(isinstance(each.verdict, wanted) for each in parts)

    def decided(self, decisions: Iterable[Decision]) -> list[PartDecision]:
        """The parts that it speaks of, as they were decided."""
        return [
            each
            for decision in decisions
            if decision.claim.id == self.claim
            for each in decision.parts
            if self.part in (None, each.part.name)
        ]


def proved(claim: str, part: str | None = None) -> Ground:
    """The ground that a claim, or a part of it, is proved."""
    return Ground(claim=claim, part=part)


def refuted(claim: str, part: str | None = None) -> Ground:
    """The ground that a claim, or a part of it, is refuted."""
    return Ground(claim=claim, part=part, verdict=Expected.REFUTED)


def _for_a_comment(_remark: "Remark", _attribute: object, says: str) -> None:
    """Raises ValueError for what can't stand in a comment of C."""
    if not (says.isascii() and says.isprintable()) or "*/" in says or "/*" in says:
        raise ValueError(f"not the text of a comment: {says!r}")


@frozen
class Remark:
    """A paragraph for a place, in plain ASCII, and the verdicts that it rests on: one at least."""

    says: str = field(validator=_for_a_comment)
    grounds: tuple[Ground, ...]

    def __attrs_post_init__(self) -> None:
        """Refuse a remark that rests on nothing."""
        if not self.grounds:
            raise ValueError(f"rests on no verdict: {self.says!r}")


@frozen(kw_only=True)
class Place:
    """A place in a source file: what it is called, where it is, how far code is indented there, what is reported about it."""

    name: str
    file: str
    where: str
    indent: int
    remarks: tuple[Remark, ...]

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of the claims that the place's remarks rest on."""
        return tuple(dict.fromkeys(ground.claim for remark in self.remarks for ground in remark.grounds))


def places() -> tuple[Place, ...]:
    """Every installed place."""
    found: list[Any] = [each for entry in entry_points(group=GROUP) for each in entry.load()]
    return tuple(found)


def about(place: Place, claims: Sequence[Claim]) -> tuple[Remark, ...]:
    """The place's remarks that rest on these claims alone."""
    ids = {each.id for each in claims}
    return tuple(each for each in place.remarks if all(ground.claim in ids for ground in each.grounds))


def told(place: Place, decisions: Sequence[Decision]) -> tuple[Remark, ...]:
    """The place's remarks that the run gave the grounds of."""
    return tuple(each for each in place.remarks if all(ground.given_by(decisions) for ground in each.grounds))


def withheld(places_: Iterable[Place], decisions: Sequence[Decision]) -> Iterator[tuple[Place, Remark]]:
    """The remarks on these claims that the run gave no grounds for."""
    claims = [each.claim for each in decisions]
    for place in places_:
        yield from ((place, each) for each in about(place, claims) if each not in told(place, decisions))


def comments(places_: Iterable[Place], decisions: Sequence[Decision]) -> list[str]:
    """A comment in kernel style for each place that something is known about; all is valid C."""
    return [
        "\n".join([*_heading(place, remarks, decisions), *_comment(place, remarks)])
        for place in places_
        if (remarks := told(place, decisions))
    ]


def _heading(place: Place, remarks: Sequence[Remark], decisions: Sequence[Decision]) -> Iterator[str]:
    """Where it goes, what it rests on and what that assumes, as comments of one line: not to be pasted."""
    grounds = [ground for each in remarks for ground in each.grounds]
    lines = [
        f"{place.file}:",
        f"{place.where}.",
        f"Decided: {', '.join(dict.fromkeys(each.claim for each in grounds))}.",
        *(f"Assumed: {each}." for each in _assumed(grounds, decisions)),
    ]
    for line in lines:
        for piece in wrap(_ascii(line), COLUMNS - 6, subsequent_indent="  ", break_on_hyphens=False):
            yield f"/* {piece} */"


def _assumed(grounds: Iterable[Ground], decisions: Sequence[Decision]) -> dict[str, None]:
    """What the proofs among the grounds assume, each once."""
    return {
        assumption.meaning: None
        for ground in grounds
        if ground.verdict is Expected.PROVED
        for each in ground.decided(decisions)
        if not each.part.reached
        for assumption in each.part.lemma.statement.assumptions
    }


def _ascii(text: str) -> str:
    """Mathematics as C spells it."""
    return text.translate(_SPELLED)


def _comment(place: Place, remarks: Iterable[Remark]) -> Iterator[str]:
    margin = " " * place.indent
    yield f"{margin}/*"
    for index, remark in enumerate(remarks):
        if index:
            yield f"{margin} *"
        held = _SIZE.sub(rf"\1{HELD}\2", remark.says)
        for line in wrap(held, COLUMNS - place.indent - 3, break_on_hyphens=False):
            yield f"{margin} * {line.replace(HELD, ' ')}"
    yield f"{margin} */"
