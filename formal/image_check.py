"""Decides the questions that an image is asked: for every memory and initrd, or with the least that breaks it.

A question that isn't proved is refuted by values that the machine confirms. That they are the least is proved, too:
the same statement, for memory below that of the witness, or for shorter initrds, is discharged like any other.
"""

from collections.abc import Callable, Iterator
from typing import Final

from attrs import evolve, field, frozen

from .claim import Part
from .image_claims import Limits, Question, Questions
from .prover import LemmaResult, judge, settle
from .rule import lemmas_of
from .solver import SECONDS, Solver
from .theorem import Lemma
from .verdict import Error, Proved, Refuted, Unknown, Vacuous, Verdict, Witness
from .words import word

MEMORY: Final = word("nr_pages")
INITRD: Final = word("initrd_len")

Progress = Callable[[int, int, tuple[str, ...]], None]
"""Told how much is done, of how much, and what is being worked on."""


@frozen(kw_only=True)
class Breaks:
    """What breaks a question.

    ``what`` is ``memory`` for the least memory, whatever the initrd; ``initrd`` for the shortest initrd, with the
    least memory for that; ``both`` where these are the same. ``least`` says whether that is proved.
    """

    what: str
    witness: Witness
    least: bool

    @property
    def nr_pages(self) -> int:
        """The memory, in pages."""
        return self.witness.values[str(MEMORY.value)]

    @property
    def initrd_len(self) -> int:
        """The initrd's length, in bytes."""
        return self.witness.values[str(INITRD.value)]


@frozen(kw_only=True)
class Answer:
    """The verdict on a question; what breaks it, by memory first and by initrd second where these differ."""

    question: Question
    verdict: Verdict
    breaks: tuple[Breaks, ...] = ()

    @property
    def status(self) -> int:
        """The exit status that it alone would give."""
        match self.verdict:
            case Error():
                return 70
            case Unknown() | Vacuous():
                return 3
            case Refuted():
                return max(
                    0 if self.question.harmless else 1, *(0 if each.least else 3 for each in self.breaks)
                )
        return 0


@frozen(kw_only=True)
class Checked:
    """All answers. ``boots`` tells whether Xen builds the image at all, and with how little memory it does.

    If it doesn't, nothing is asked that speaks only of what it builds.
    """

    limits: Limits
    boots: Verdict
    answers: tuple[Answer, ...]
    spent: int = field(eq=False)

    @property
    def status(self) -> int:
        """The worst of all; 1 for an image that Xen never builds."""
        boots = {Proved: 0, Refuted: 1, Error: 70}.get(type(self.boots), 3)
        return max((boots, *(each.status for each in self.answers)))


def check(asked: Questions, *, seconds: float = SECONDS, progress: Progress | None = None) -> Checked:
    """Answer all questions of one entry point; each query of the solver is killed after ``seconds``."""
    solver = Solver(seconds)
    try:
        return _Check(solver, asked, progress).answered()
    finally:
        solver.close()


class _Check:
    """The questions of one image, and the lemmas settled so far."""

    def __init__(self, solver: Solver, asked: Questions, progress: Progress | None) -> None:
        self._solver = solver
        self._asked = asked
        self._progress = progress
        self._results: dict[Lemma, LemmaResult] = {}

    def answered(self) -> Checked:
        """All answers, in the order of the questions."""
        questions = self._asked.questions
        self._tell(0, "boots")
        boots = self._judged(self._asked.boots)
        if not isinstance(boots, Proved):
            questions = tuple(each for each in questions if not each.built)
        answers: list[Answer] = []
        for each in questions:
            self._tell(len(answers) + 1, each.id)
            answers.append(self._answer(each))
        self._tell(len(self._asked.questions) + 1, "")
        spent = sum(each.spent for each in self._results.values())
        return Checked(limits=self._asked.limits, boots=boots, answers=tuple(answers), spent=spent)

    def _tell(self, done: int, name: str) -> None:
        if self._progress is not None:
            self._progress(done, len(self._asked.questions) + 1, (name,))

    def _answer(self, question: Question) -> Answer:
        part = question.part(self._asked.limits)
        verdict = self._judged(part)
        if not isinstance(verdict, Refuted):
            return Answer(question=question, verdict=verdict)
        other = self._judged(evolve(part, least=(INITRD, MEMORY)))
        if isinstance(other, Error):  # whatever the first search found: model and machine disagree
            return Answer(question=question, verdict=other)
        return Answer(
            question=question, verdict=verdict, breaks=tuple(self._breaks(question, verdict.witness, other))
        )

    def _breaks(self, question: Question, witness: Witness, other: Verdict) -> Iterator[Breaks]:
        """The witness, which has the least memory, and the ``other`` with the shortest initrd, if that is another."""
        limits = self._asked.limits
        by_memory = Breaks(what="memory", witness=witness, least=False)
        less = evolve(limits, nr_pages=by_memory.nr_pages - 1)
        by_memory = evolve(by_memory, least=self._holds(question.part(less)))
        if not isinstance(other, Refuted):
            yield by_memory
            return
        by_initrd = Breaks(what="initrd", witness=other.witness, least=False)
        least = self._holds(
            question.part(evolve(less, initrd_len=by_initrd.initrd_len, nr_pages=by_initrd.nr_pages - 1))
        )
        if by_initrd.initrd_len:
            least &= self._holds(question.part(evolve(limits, initrd_len=by_initrd.initrd_len - 1)))
        if (by_initrd.nr_pages, by_initrd.initrd_len) == (by_memory.nr_pages, by_memory.initrd_len):
            yield evolve(by_memory, what="both", least=by_memory.least and least)
        else:
            yield from (by_memory, evolve(by_initrd, least=least))

    def _holds(self, part: Part) -> bool:
        """Whether a part is discharged with all that it rests on; nothing need meet its assumptions."""
        self._settle((part.lemma,))
        return all(self._results[each].discharged for each in lemmas_of((part.lemma,)))

    def _judged(self, part: Part) -> Verdict:
        self._settle(part.lemmas)
        return judge(self._solver, part, self._results)

    def _settle(self, lemmas: tuple[Lemma, ...]) -> None:
        for each in lemmas_of(lemmas):
            if each not in self._results:
                self._results[each] = settle(self._solver, each)
