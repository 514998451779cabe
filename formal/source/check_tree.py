"""Has what a tree is asked decided: whether its count and its layout are the encodings', and if not, what holds for them."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from attrs import evolve, field, frozen

from ..c.tree_files import Tree
from ..c.values import Unknown
from ..edge.errors import InputError
from ..edge.exit_status import Status
from ..layouts.paging import PagingMode
from ..logic.claim import Claim
from ..logic.prover import Decision, PartDecision, prove
from ..logic.verdict import Error, Proved, Refuted
from ..logic.verdict import Unknown as Open
from ..solvers.answer_cache import Cache
from ..solvers.solver_threads import Progress
from .compiled_units import Read
from .dom0_source import PLACES, Dom0Source, dom0_source
from .grub_source import GrubSource, grub_source
from .questions import Inquiry, Piece, inquiry
from .second_reader import SecondReading, read_again

FAMILY: Final = "Source"


@frozen(eq=False, kw_only=True)
class Answer:
    """A piece, and what was decided of it; nothing where it isn't understood."""

    piece: Piece
    decision: PartDecision | None

    @property
    def proved(self) -> bool:
        """Whether it holds for all inputs."""
        return self.decision is not None and isinstance(self.decision.verdict, Proved)

    @property
    def refuted(self) -> bool:
        """Whether it fails, as the machine saw."""
        return self.decision is not None and isinstance(self.decision.verdict, Refuted)

    @property
    def why(self) -> str:
        """Why it is neither; empty where it is."""
        if isinstance(self.piece.asked, Unknown):
            return str(self.piece.asked)
        assert self.decision is not None
        verdict = self.decision.verdict
        return (
            verdict.why
            if isinstance(verdict, Open | Error)
            else ""
            if self.proved or self.refuted
            else repr(verdict)
        )

    @property
    def status(self) -> Status:
        """The exit status that it alone would give, as a property."""
        if self.proved:
            return Status.AS_EXPECTED
        if self.refuted:
            return Status.DIFFERS
        failed = self.decision is not None and isinstance(self.decision.verdict, Error)
        return Status.FAILED if failed else Status.UNKNOWN


@frozen(eq=False, kw_only=True)
class TreeCheck:
    """All that was decided of a tree, by paging mode; ``second`` is what a compiler says to how it was read."""

    title: str
    source: Dom0Source | GrubSource
    modes: tuple[PagingMode, ...]
    count: tuple[Answer, ...]
    layout: tuple[Answer, ...]
    properties: tuple[Answer, ...] = field(default=())
    builder: tuple[Answer, ...] = field(default=())
    toolstack: tuple[Answer, ...] | None = field(default=None)
    loader: tuple[Answer, ...] = field(default=())
    second: SecondReading = field(factory=SecondReading)

    def of(self, answers: Iterable[Answer], mode: PagingMode) -> tuple[Answer, ...]:
        """The answers for one sort of guest."""
        return tuple(each for each in answers if each.piece.mode is mode)

    @property
    def beside(self) -> tuple[Answer, ...]:
        """What isn't of the count nor the layout: each of them is a piece of its own."""
        return (*self.builder, *(self.toolstack or ()), *self.loader)

    @property
    def by_kind(self) -> tuple[tuple[str, tuple[Answer, ...]], ...]:
        """All answers, by what sort of piece they are about."""
        return (
            ("count", self.count),
            ("layout", self.layout),
            ("property", self.properties),
            ("builder", self.builder),
            ("toolstack", self.toolstack or ()),
            ("loader", self.loader),
        )

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All of them; of a count that is no encoding's, and has properties of its own, these in its place."""
        own = {each.piece.mode for each in self.properties}
        count = tuple(each for each in self.count if each.piece.mode not in own)
        return (*count, *self.properties, *self.layout, *self.beside)

    @property
    def proved(self) -> tuple[Claim, ...]:
        """What is proved of the tree, a claim for each piece."""
        return tuple(_claim(each.piece) for each in self.answers if each.proved)

    def count_is(self, mode: PagingMode) -> str | None:
        """The version whose count the tree's is, for all inputs; ``None`` where it is none's."""
        answers = self.of(self.count, mode)
        return answers[0].piece.same_as if answers and all(each.proved for each in answers) else None

    def layout_is(self, mode: PagingMode) -> str | None:
        """The Xens whose layout the tree's is; ``None`` where it is none's."""
        answers = self.of(self.layout, mode)
        return answers[0].piece.same_as if answers and all(each.proved for each in answers) else None

    @property
    def status(self) -> Status:
        """0 when all is proved; 1 when a property is refuted, whatever else; 3 when something stays open.

        Of a piece beside that differs nothing is proved, so that stays open.
        """
        found = [each.status for each in self.properties]
        if self.second.differs:
            return Status.FAILED
        if Status.DIFFERS in found and Status.FAILED not in found:
            return Status.DIFFERS
        for mode in () if self.loader else self.modes:
            if self.count_is(mode) is None and not self.of(self.properties, mode):
                found.append(Status.UNKNOWN)
            if self.layout_is(mode) is None:
                found.append(Status.UNKNOWN)
        answers = (*self.count, *self.layout, *self.beside)
        found += [each.status for each in answers if each.status is Status.FAILED]
        found += [Status.UNKNOWN for each in self.beside if not each.proved]
        return max(found, default=Status.AS_EXPECTED)


def check_tree(
    tree: Tree, *, seconds: float, jobs: int = 2, progress: Progress | None = None, cache: Cache | None = None
) -> TreeCheck:
    """Read a tree and decide what it is asked. Raises `InputError` for what is no tree of Xen's, nor of GRUB's."""
    grub = None if tree.first(*PLACES) is not None else grub_source(tree)
    source = grub or dom0_source(tree)
    asked = inquiry(source)
    if asked is None:
        raise InputError("no installed package asks anything of a tree")

    def decided(pieces: tuple[Piece, ...]) -> tuple[Answer, ...]:
        return _decided(pieces, seconds, jobs, progress, cache)

    toolstack = asked.toolstack or ()
    answers = iter(decided((*asked.count, *asked.layout, *asked.builder, *toolstack, *asked.loader)))

    def of(pieces: tuple[Piece, ...]) -> tuple[Answer, ...]:
        return tuple(islice(answers, len(pieces)))

    found = TreeCheck(
        title=tree.title,
        source=source,
        modes=asked.modes,
        second=read_again(source if isinstance(source, Dom0Source) else None, _reads(asked)),
        count=of(asked.count),
        layout=of(asked.layout),
        builder=of(asked.builder),
        toolstack=None if asked.toolstack is None else of(toolstack),
        loader=of(asked.loader),
    )
    return _with_properties(found, asked, decided)


def _reads(asked: Inquiry) -> tuple[Read, ...]:
    """What the pieces rest on, each once."""
    pieces = (*asked.builder, *(asked.toolstack or ()), *asked.loader)
    return tuple({id(each): each for piece in pieces for each in piece.reads}.values())


def _with_properties(
    found: TreeCheck, asked: Inquiry, decided: Callable[[tuple[Piece, ...]], tuple[Answer, ...]]
) -> TreeCheck:
    wanted = tuple(
        piece for mode in asked.modes if found.count_is(mode) is None for piece in asked.properties(mode)
    )
    return evolve(found, properties=decided(wanted)) if wanted else found


def _decided(
    pieces: tuple[Piece, ...], seconds: float, jobs: int, progress: Progress | None, cache: Cache | None
) -> tuple[Answer, ...]:
    run = prove(map(_claim, _asked(pieces)), seconds=seconds, jobs=jobs, progress=progress, cache=cache)
    decisions = iter(run.decisions)
    return tuple(
        Answer(piece=piece, decision=None if isinstance(piece.asked, Unknown) else _only(next(decisions)))
        for piece in pieces
    )


def _asked(pieces: Iterable[Piece]) -> list[Piece]:
    return [each for each in pieces if not isinstance(each.asked, Unknown)]


def _claim(piece: Piece) -> Claim:
    asked = piece.asked
    assert not isinstance(asked, Unknown)
    return Claim(
        id=f"{piece.name}-{piece.mode.name}",
        family=FAMILY,
        sentence=piece.says,
        source=piece.where,
        statement=asked.lemma.meaning,
        make=lambda: (asked,),
    )


def _only(decision: Decision) -> PartDecision:
    (part,) = decision.parts
    return part
