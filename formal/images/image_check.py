"""Decides the questions that an image is asked: for every memory and initrd, or with the least that breaks it.

A question that isn't proved is refuted by values that the machine confirms. That they are the least is proved, too:
the same statement, for memory below that of the witness, or for shorter initrds, is discharged like any other.
"""

from collections.abc import Callable, Iterator
from typing import Final

from attrs import evolve, field, frozen

from ..logic.claim import Part
from ..logic.prover import LemmaResult, judge, settle
from ..logic.rule import lemmas_of
from ..logic.theorem import Lemma
from ..logic.verdict import Error, Proved, Refuted, Unknown, Vacuous, Verdict, Witness
from ..solvers.solver import SECONDS, Solver
from ..words.word import word
from .image_questions import Limits, Question, Questions

MEMORY: Final = word("nr_pages")
INITRD: Final = word("initrd_len")

Progress = Callable[[int, int, tuple[str, ...]], None]
"""Called with how much is done, of how much, and what is being worked on."""


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
    """The verdict on a question; what breaks it, by memory first and by initrd second where these differ.

    ``open`` is why the latter isn't settled, if it isn't. Without a verdict the question isn't asked: it is proved that
    nothing reaches what alone it speaks of. ``beyond`` says that nothing breaks it within the limits that decide the status.
    """

    question: Question
    verdict: Verdict | None
    breaks: tuple[Breaks, ...] = ()
    open: str = ""
    beyond: bool = False

    @property
    def status(self) -> int:
        """The exit status that it alone would give."""
        match self.verdict:
            case Error():
                return 70
            case Unknown() | Vacuous():
                return 3
            case Refuted():
                settled = not self.open and all(each.least for each in self.breaks)
                return max(0 if self.question.harmless or self.beyond else 1, 0 if settled else 3)
        return 0


@frozen(kw_only=True)
class Checked:
    """All answers. ``boots`` tells whether Xen builds the image at all, and with how little memory it does.

    ``least`` says whether it is proved that it doesn't with less. ``within`` are the limits that decide the status, if there
    are other ones than those of the questions.
    """

    limits: Limits
    within: Limits | None = None
    boots: Verdict
    least: bool
    answers: tuple[Answer, ...]
    spent: int = field(eq=False)

    @property
    def status(self) -> int:
        """The worst of all; 1 for an image that Xen never builds."""
        boots = {Proved: 0 if self.least else 3, Refuted: 1, Error: 70}.get(type(self.boots), 3)
        return max((boots, *(each.status for each in self.answers)))


def check(
    asked: Questions,
    *,
    within: Limits | None = None,
    seconds: float = SECONDS,
    progress: Progress | None = None,
) -> Checked:
    """Answer all questions of one entry point; each query of the solver is killed after ``seconds``.

    What takes more memory, or a longer initrd, than is ``within`` limits is reported, and doesn't decide the status.
    """
    solver = Solver(seconds)
    try:
        return _Check(solver, asked, within, progress).answered()
    finally:
        solver.close()


class _Check:
    """The questions of one image, and the lemmas settled so far."""

    def __init__(
        self, solver: Solver, asked: Questions, within: Limits | None, progress: Progress | None
    ) -> None:
        self._solver = solver
        self._asked = asked
        self._within = within
        self._progress = progress
        self._results: dict[Lemma, LemmaResult] = {}
        self._reached: dict[Callable[[Limits], Part], tuple[Verdict, bool]] = {}

    def answered(self) -> Checked:
        """All answers, in the order of the questions."""
        questions, limits = self._asked.questions, self._asked.limits
        self._tell(0, "boots")
        boots, least = self._whether(self._asked.boots)[0], False
        if isinstance(boots, Proved):
            less = evolve(limits, nr_pages=boots.example.values[str(MEMORY.value)] - 1)
            least = self._holds(self._asked.boots(less).impossible)
        answers: list[Answer] = []
        for each in questions:
            self._tell(len(answers) + 1, each.id)
            answers.append(self._answer(each))
        self._tell(len(questions) + 1, "")
        spent = sum(each.spent for each in self._results.values())
        return Checked(
            limits=limits, within=self._within, boots=boots, least=least, answers=tuple(answers), spent=spent
        )

    def _tell(self, done: int, name: str) -> None:
        if self._progress is not None:
            self._progress(done, len(self._asked.questions) + 1, (name,))

    def _whether(self, reached: Callable[[Limits], Part]) -> tuple[Verdict, bool]:
        """Whether something is reached within the limits, and whether it is proved that nothing is.

        That needs no example of the assumptions, without which the verdict is Unknown.
        """
        if reached not in self._reached:
            part = reached(self._asked.limits)
            verdict = self._judged(part)
            never = isinstance(verdict, Unknown) and bool(part.lemmas) and self._holds(part.impossible)
            self._reached[reached] = verdict, never or isinstance(verdict, Refuted)
        return self._reached[reached]

    def _answer(self, question: Question) -> Answer:
        if question.only is not None:
            reached, never = self._whether(question.only)
            if never:
                return Answer(question=question, verdict=None)
            if isinstance(reached, Unknown | Vacuous | Error):
                what = question.only(self._asked.limits).name
                told = question.only is self._asked.boots
                why = f"whether Xen {what} is not settled" + ("" if told else f": {reached.why}")
                return Answer(question=question, verdict=evolve(reached, why=why))
        part = question.part(self._asked.limits)
        verdict = self._judged(part)
        if not isinstance(verdict, Refuted):
            return Answer(question=question, verdict=verdict)
        other = self._judged(evolve(part, least=(INITRD, MEMORY, *part.least[2:])))
        if isinstance(other, Error):  # whatever the first search found: model and machine disagree
            return Answer(question=question, verdict=other)
        breaks = tuple(self._breaks(question, verdict.witness, other))
        return Answer(
            question=question,
            verdict=verdict,
            breaks=breaks,
            open="" if isinstance(other, Refuted) else _open(other),
            beyond=self._beyond(question, breaks),
        )

    def _beyond(self, question: Question, breaks: tuple[Breaks, ...]) -> bool:
        """Whether it is proved that nothing breaks a question within the limits that decide the status."""
        if self._within is None:
            return False
        most, longest = self._within.nr_pages, self._within.initrd_len
        if any(each.nr_pages <= most and each.initrd_len <= longest for each in breaks):
            return False
        limits = Limits(
            nr_pages=min(most, self._asked.limits.nr_pages),
            initrd_len=min(longest, self._asked.limits.initrd_len),
        )
        return self._holds(question.part(limits).lemma)

    def _breaks(self, question: Question, witness: Witness, other: Verdict) -> Iterator[Breaks]:
        """The witness, which has the least memory, and the ``other`` with the shortest initrd, if that is another."""
        limits = self._asked.limits
        by_memory = Breaks(what="memory", witness=witness, least=False)
        less = evolve(limits, nr_pages=by_memory.nr_pages - 1)
        by_memory = evolve(by_memory, least=self._holds(question.part(less).lemma))
        if not isinstance(other, Refuted):
            yield by_memory
            return
        by_initrd = Breaks(what="initrd", witness=other.witness, least=False)
        less = Limits(nr_pages=by_initrd.nr_pages - 1, initrd_len=by_initrd.initrd_len)
        least = self._holds(question.part(less).lemma)
        if by_initrd.initrd_len:
            least &= self._holds(question.part(evolve(limits, initrd_len=by_initrd.initrd_len - 1)).lemma)
        if (by_initrd.nr_pages, by_initrd.initrd_len) == (by_memory.nr_pages, by_memory.initrd_len):
            yield evolve(by_memory, what="both", least=by_memory.least and least)
        else:
            yield from (by_memory, evolve(by_initrd, least=least))

    def _holds(self, lemma: Lemma) -> bool:
        """Whether a lemma is discharged with all that it rests on; nothing need meet its assumptions."""
        self._settle((lemma,))
        return all(self._results[each].discharged for each in lemmas_of((lemma,)))

    def _judged(self, part: Part) -> Verdict:
        self._settle(part.lemmas)
        return judge(self._solver, part, self._results)

    def _settle(self, lemmas: tuple[Lemma, ...]) -> None:
        for each in lemmas_of(lemmas):
            if each not in self._results:
                self._results[each] = settle(self._solver, each)


def _open(verdict: Verdict) -> str:
    """Why a search that must find something found nothing."""
    return verdict.why if isinstance(verdict, Unknown | Vacuous) else "it was not found again"
