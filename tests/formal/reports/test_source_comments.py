"""Comments for sources: made of what a run decided, told in the style of kernels."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.logic.claim import Claim, claims
from ptproof.formal.logic.prover import Decision, PartDecision, prove
from ptproof.formal.logic.verdict import Proved, Refuted, Replay, Unknown, Witness
from ptproof.formal.reports.source_comments import (
    COLUMNS,
    Place,
    Remark,
    about,
    comments,
    places,
    proved,
    refuted,
    told,
    withheld,
)

PLACE = Place(
    name="somewhere",
    file="some/file.c",
    where="above the loop",
    indent=8,
    remarks=(
        Remark("It is least.", (proved("proved"),)),
        Remark("It does NOT grow.", (refuted("refuted", "8 bits"),)),
    ),
)
CASE = Witness(values={}, replay=Replay(None, "nothing was looked at"))


def decided(claim: Claim, verdicts: Sequence[object] = ()) -> Decision:
    """The claim with the verdict that is expected of each part, or else with these."""
    expected = {"proved": Proved(lemmas=(), example=CASE), "refuted": Refuted(witness=CASE)}
    given = verdicts or [expected[each.expected.value] for each in claim.parts]
    return Decision(
        claim=claim,
        parts=tuple(
            PartDecision(part=part, verdict=verdict)  # type: ignore[arg-type]
            for part, verdict in zip(claim.parts, given, strict=True)
        ),
    )


@pytest.fixture(name="as_expected", scope="module")
def all_as_expected() -> tuple[Decision, ...]:
    """A run of the installed claims, imagined, in which each verdict is the one expected."""
    return tuple(decided(each) for each in claims())


def paragraphs(comment: str) -> Iterator[str]:
    """The paragraphs of the comments that span lines, unwrapped."""
    for body in re.findall(r"^ */\*\n(.*?)^ *\*/$", comment, re.MULTILINE | re.DOTALL):
        yield from (
            " ".join(line.strip().removeprefix("*").strip() for line in each.splitlines())
            for each in re.split(r"^ *\*\n", body, flags=re.MULTILINE)
        )


def test_what_a_run_decided_is_told() -> None:
    """Each remark whose verdicts the run gave is a paragraph, proved and refuted alike; nothing else is one."""
    run = prove([tiny.PROVED, tiny.REFUTED])
    (comment,) = comments([PLACE], run.decisions)
    assert list(paragraphs(comment)) == ["It is least.", "It does NOT grow."]
    assert comment.startswith("/* some/file.c: */\n/* above the loop. */\n/* Decided: proved, refuted. */\n")
    assert "/* Assumed: it is small. */" in comment
    assert list(withheld([PLACE], run.decisions)) == []


def test_what_a_run_did_not_decide_so_is_withheld() -> None:
    """A remark is left out, and told of, when its claim got another verdict; silently when it wasn't asked."""
    changed = [
        decided(tiny.PROVED, [Unknown(why="too hard", hint="wait")]),
        decided(tiny.REFUTED, [Proved(lemmas=(), example=CASE)]),
    ]
    assert comments([PLACE], changed) == []
    assert [remark.says for _, remark in withheld([PLACE], changed)] == ["It is least.", "It does NOT grow."]
    alone = prove([tiny.PROVED]).decisions
    assert [each.says for each in told(PLACE, alone)] == ["It is least."]
    assert list(withheld([PLACE], alone)) == []
    assert about(PLACE, [tiny.REACHED]) == ()


def test_a_part_that_there_is_not_gives_no_ground() -> None:
    """A ground that names no part is never met."""
    strange = evolve(PLACE, remarks=(Remark("Ever so.", (proved("proved", "9 bits"),)),))
    assert comments([strange], prove([tiny.PROVED]).decisions) == []


@pytest.mark.parametrize("says", ["a */ b", "/* a", "n ≤ m", "two\nlines"])
def test_what_no_comment_takes_is_refused(says: str) -> None:
    """Text that would end the comment, isn't ASCII or has lines of its own is no remark."""
    with pytest.raises(ValueError, match="not the text of a comment"):
        Remark(says, (proved("exact"),))


def test_a_remark_rests_on_something() -> None:
    """A remark without a verdict below it is refused: it could be told by any run."""
    with pytest.raises(ValueError, match="rests on no verdict"):
        Remark("So it is.", ())


def test_every_installed_ground_names_a_part_and_its_verdict(as_expected: Sequence[Decision]) -> None:
    """Each remark of each installed place is told by a run in which all is as expected: none is ever dead."""
    assert places()
    assert list(withheld(places(), as_expected)) == []
    assert [each.name for each in places() if told(each, as_expected) != each.remarks] == []


def test_every_place_tells_something() -> None:
    """The places that have to be there are, each with remarks."""
    names = {each.name for each in places() if each.remarks}
    assert names >= {
        "the search",
        "v_end's rounding",
        "the start count",
        "the asserts",
        "the overlap check",
        "the cap",
        "the physmap's + 3",
    }


def test_each_refutation_that_a_remark_rests_on_is_told_as_one() -> None:
    """A remark that rests on refuted claims says what does not hold, or what holds instead."""
    negated = re.compile(
        r"\bnot\b|\bNOT\b|\bexcept\b|\bno more\b|\bneed not\b|\bwithout that\b", re.IGNORECASE
    )
    remarks = [remark for place in places() for remark in place.remarks]
    resting = [
        remark.says
        for remark in remarks
        if any(ground.verdict.value == "refuted" for ground in remark.grounds)
    ]
    assert resting
    assert [each for each in resting if not negated.search(each)] == []


def test_the_installed_comments_are_those_of_a_kernel(
    as_expected: Sequence[Decision], tmp_path: Path
) -> None:
    """Lines of 80 columns at most, stars in a column, indented as the code there; and C takes all of it."""
    found = comments(places(), as_expected)
    assert len(found) == len(places())
    for place, comment in zip(places(), found, strict=True):
        lines = comment.splitlines()
        assert [line for line in lines if len(line.expandtabs(8)) > COLUMNS or line != line.rstrip()] == []
        body = [line for line in lines if not re.fullmatch(r"/\* .* \*/", line)]
        assert body[0] == " " * place.indent + "/*"
        assert body[-1] == " " * place.indent + " */"
        assert all(line.startswith(" " * place.indent + " *") for line in body[1:])
        assert list(paragraphs(comment)) == [each.says for each in place.remarks]
    source = tmp_path / "comments.c"
    source.write_text("\n".join(found) + "\nint nothing;\n")
    assert _without_comments(source.read_text()).split() == ["int", "nothing;"]


def _without_comments(text: str) -> str:
    """The text as C's preprocessor sees it: comments end at the first ``*/``."""
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
