"""Questions over an image's memory and initrd, one for every answer, which are decided at once."""

from collections.abc import Callable, Mapping
from typing import Final

import tiny_claims as tiny
from attrs import evolve
from ptproof.formal.images.image_questions import Limits, Question, Questions
from ptproof.formal.logic.claim import Part
from ptproof.formal.logic.theorem import Assumption, Lemma, Statement
from ptproof.formal.logic.verdict import Replay
from ptproof.formal.words.word import FALSE, Truth, evaluate, word

nr_pages, initrd_len = word("nr_pages"), word("initrd_len")
LIMITS: Final = Limits(nr_pages=1000, initrd_len=5000)


def within(limits: Limits) -> Assumption:
    """Memory and initrd are within the limits."""
    return tiny.assume(
        "within", (nr_pages >= 1) & (nr_pages <= limits.nr_pages) & (initrd_len <= limits.initrd_len)
    )


def part(goal: Truth, limits: Limits, *, reached: bool = False, holds: bool | None = None) -> Part:
    """A statement for memory and initrds up to the limits; the machine judges by the goal unless told otherwise."""

    def judged(values: Mapping[str, int]) -> Replay:
        given = {nr_pages: values.get("nr_pages", 0), initrd_len: values.get("initrd_len", 0)}
        return tiny.saw(bool(evaluate(goal, given)) if holds is None else holds)

    return Part(
        name="tiny",
        lemma=Lemma("tiny", "tiny", Statement(assumptions=(within(limits),), goal=goal)),
        reached=reached,
        least=(nr_pages, initrd_len),
        without={"within": FALSE},
        replay=judged,
    )


Reached = Callable[[Limits], Part]


def question(name: str, goal: Truth, *, harmless: bool = False, only: Reached | None = None) -> Question:
    """A question of that goal."""
    return Question(
        id=name,
        claim="exact",
        says=f"{name} is so",
        part=lambda limits: part(goal, limits),
        harmless=harmless,
        only=only,
        before_cap=name == "by-both",
    )


def builds(goal: Truth, name: str = "builds this image") -> Reached:
    """The part that Xen builds the image where ``goal`` holds."""
    return lambda limits: evolve(part(goal, limits, reached=True), name=name)


HOLDS: Final = question("holds", nr_pages <= 1000)
BY_MEMORY: Final = question("by-memory", nr_pages < 300)
BY_INITRD: Final = question("by-initrd", initrd_len < 77, harmless=True)
BY_BOTH: Final = question("by-both", (nr_pages < 100) | (nr_pages + initrd_len < 512))
UNKNOWN: Final = question("unknown", nr_pages * (initrd_len | (1 << 40)) * nr_pages != tiny.SEMIPRIME)


BOOTS: Final = builds(nr_pages >= 16)
NEVER: Final = builds(nr_pages > 1000)
NEVER_CAPPED: Final = builds(nr_pages > 1000, "builds this image with less")
UNSETTLED: Final = builds(nr_pages * (initrd_len | (1 << 40)) * nr_pages == tiny.SEMIPRIME, "builds that")


def asked(*questions: Question, boots: Reached = BOOTS) -> Questions:
    """Those questions, of an image that boots where ``boots`` says."""
    return Questions(limits=LIMITS, boots=boots, questions=questions)


ALL: Final = asked(HOLDS, BY_MEMORY, BY_INITRD, BY_BOTH)
NEVER_BUILT: Final = asked(HOLDS, evolve(BY_MEMORY, only=NEVER), boots=NEVER)
