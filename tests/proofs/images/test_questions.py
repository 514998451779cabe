"""What images are asked, on images that break each question and on one that doesn't.

The least values are held against the machine alone: with these the question breaks, and with one page of memory less
no initrd does, or Xen doesn't build; all initrds are tried where that is quick.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import pytest
from attrs import evolve, frozen
from ptproof.encodings import allocation, memory, overlap
from ptproof.formal.images import image_check
from ptproof.formal.images.image import parse_image
from ptproof.formal.images.image_check import check
from ptproof.formal.images.image_questions import Questions, questions
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.layouts.dom0_mem import Dom0Mem, capped
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ptproof.formal.layouts.paging import COMPAT, PAGE_SIZE
from ptproof.formal.logic.claim import Part
from ptproof.formal.logic.prover import LemmaResult, settle
from ptproof.formal.logic.prover import judge as judged
from ptproof.formal.logic.theorem import Lemma, Steps
from ptproof.formal.logic.verdict import Error, MachineDisagreesError, Proved, Refuted, Unknown, Verdict
from ptproof.formal.machine.arrange import TooLarge, arrange, touched
from ptproof.formal.machine.refusals import too_little
from ptproof.formal.machine.replay import overlaps_xen
from ptproof.formal.solvers.solver import Solver
from ptproof.formal.words.word import evaluate
from ptproof.proofs.images.image_space import Kernel

pytestmark = pytest.mark.usefixtures("shared_answers")

MIB = 1 << 20
TOP = ADDRESS_LIMIT - (2 << 30)
HALF = 1 << 47
ELSEWHERE = {"init_p2m": 1 << 39, "mod_start_pfn": True}


def image(start: int, first: int, end: int, **more: object) -> Configuration:
    """The configuration of an image, as it is read back from the image that the writer makes of it."""
    written = image_of(Configuration(virt_base=start, kernel=Segment(first, end), nr_pages=1, **more))  # type: ignore[arg-type]
    return parse_image(written, "image").configuration(0)


IMAGES: Final = {
    "linux": image(TOP, TOP + 16 * MIB, TOP + 48 * MIB, **ELSEWHERE),
    "near-the-end": image(ADDRESS_LIMIT - 4 * MIB, ADDRESS_LIMIT - 3 * MIB, ADDRESS_LIMIT - MIB),
    "32-bit": image(0xF0000000, 0xF0100000, 0xF0500123, mode=COMPAT),
    "across-2^47": image(HALF - 4 * MIB, HALF - 4 * MIB, HALF - MIB // 4, **ELSEWHERE),
    "up-to-2^47": image(HALF - 4 * MIB, HALF - 4 * MIB, HALF - MIB, **ELSEWHERE),
    "in-no-half": image(1 << 58, 1 << 58, (1 << 58) + MIB, **ELSEWHERE),
    "off-a-page": image(TOP + 0x10, TOP + 16 * MIB, TOP + 17 * MIB, **ELSEWHERE),
    "off-a-superpage": image(TOP + 0x1000, TOP + 16 * MIB + 0x10, TOP + 17 * MIB, **ELSEWHERE),
    "full-circle": image(0, ADDRESS_LIMIT - 17 * MIB, ADDRESS_LIMIT - 16 * MIB, **ELSEWHERE),
    "long": image(0, 0, 2 << 30, **ELSEWHERE),
    "built-with-an-initrd": image(3 * MIB, 3 * MIB, 4 * MIB),
    "up-to-the-end": image(ADDRESS_LIMIT - 4 * MIB, ADDRESS_LIMIT - 4 * MIB, ADDRESS_LIMIT - 2 * PAGE_SIZE),
    "initrd-to-the-end": image(
        ADDRESS_LIMIT - 128 * MIB, ADDRESS_LIMIT - 128 * MIB, ADDRESS_LIMIT - 127 * MIB
    ),
    "moves-xens-part": image(0xF0000000, 0xF0100000, 0xF0500123, mode=COMPAT, hv_start_low=True),
    "initrd-at-0": image(0, 0, 0, mode=COMPAT),
    "past-4-gib": image(0xFFC00000, 0xFFD00000, 0x101CE7B1D, mode=COMPAT),
}


@frozen
class Least:
    """What breaks a question: the least of what, pages and bytes."""

    what: str
    nr_pages: int
    initrd_len: int


EXPECTED: Final[dict[str, dict[str, list[Least]]]] = {
    "linux": {},
    "near-the-end": {
        "wrap": [Least("memory", 2048, 4190209), Least("initrd", 61953, 0)],
        "cap": [Least("both", 1, 0)],
        "capped-wrap": [Least("both", 1, 0)],
    },
    "32-bit": {
        "cap": [Least("memory", 1, 128966657), Least("initrd", 32242689, 0)],
        "xen-area": [Least("memory", 23552, 88076289), Least("initrd", 21573633, 0)],
    },
    "across-2^47": {"xen-area": [Least("both", 2048, 0)], "canonical": [Least("both", 2048, 0)]},
    "in-no-half": {"canonical": [Least("both", 1024, 0)]},
    "up-to-2^47": {},
    "off-a-page": {
        "page": [Least("both", 8192, 0)],
        "superpage": [Least("both", 8192, 0)],
    },
    "off-a-superpage": {
        "superpage": [Least("both", 8192, 0)],
        "kernel-start": [Least("both", 8192, 0)],
    },
    "full-circle": {"exact": [Least("both", 1, 0)]},
    "long": {},
    "built-with-an-initrd": {"superpage": [Least("memory", 1280, 1044481), Least("initrd", 2048, 0)]},
    "up-to-the-end": {"wrap": [Least("both", 2048, 0)], "cap": [Least("both", 1, 0)]},
    "initrd-to-the-end": {
        "wrap": [Least("memory", 33792, 134213633), Least("initrd", 16545281, 0)],
        "cap": [Least("memory", 1, 66056193), Least("initrd", 8257536, 0)],
        "capped-wrap": [Least("both", 1, 131555329)],
    },
    "moves-xens-part": {
        "cap": [Least("memory", 1, 128966657), Least("initrd", 32242689, 0)],
        "xen-area": [Least("memory", 23552, 88076289), Least("initrd", 21573633, 0)],
    },
    "initrd-at-0": {"cap": [Least("memory", 1, 2147479553), Least("initrd", 536869889, 1)]},
    "past-4-gib": {"cap": [Least("both", 1, 0)], "xen-area": [Least("both", 16384, 0)]},
}

SETTLED: Final[dict[str, type[Verdict]]] = {"full-circle": Unknown}
"""What becomes of the questions on what Xen builds that nothing breaks, where they aren't proved."""
UNASKED: Final = {
    "up-to-the-end": ("capped-wrap",),
    "past-4-gib": ("capped-wrap",),
    "long": ("wrap", "xen-area", "canonical", "page", "superpage", "kernel-start"),
}
"""What speaks of nothing, since Xen never builds the image, or never with the memory that the cap leaves."""
BUILT_WITH: Final[dict[str, tuple[int, int]]] = {
    "linux": (16384, 0),
    "near-the-end": (1024, 0),
    "32-bit": (2048, 0),
    "across-2^47": (2048, 0),
    "up-to-2^47": (1024, 0),
    "in-no-half": (1024, 0),
    "off-a-page": (8192, 0),
    "off-a-superpage": (8192, 0),
    "built-with-an-initrd": (1280, 1044481),
    "up-to-the-end": (2048, 0),
    "initrd-to-the-end": (1024, 0),
    "moves-xens-part": (2048, 0),
    "initrd-at-0": (1024, 0),
    "past-4-gib": (16384, 0),
}
"""The least memory with which Xen builds an image, in pages, and the shortest initrd with that, in bytes."""
STATUSES = {"linux": 0, "up-to-2^47": 0, "off-a-superpage": 0, "full-circle": 3, "built-with-an-initrd": 0}
"""The exit statuses that aren't 1: 0 where all is proved or harmless, 3 where something isn't settled."""

_settled: dict[Lemma, LemmaResult] = {}


def settle_once(solver: Solver, lemma: Lemma) -> LemmaResult:
    """Lemmas that don't speak of one image are settled once for all tests."""
    if lemma not in _settled:
        _settled[lemma] = settle(solver, lemma)
    return _settled[lemma]


def asked(name: str) -> Questions:
    """What the image is asked."""
    found = questions(IMAGES[name])
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _settled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_check, "settle", settle_once)


def laid_out(configuration: Configuration, pages: int, initrd_len: int) -> tuple[Configuration, Layout]:
    """The image with so much memory and such an initrd, laid out by the machine."""
    given = evolve(configuration, nr_pages=pages, initrd_len=initrd_len)
    return given, arrange(given)


def wraps(layout: Layout) -> bool:
    return layout.v_start + layout.total.size > ADDRESS_LIMIT


def crosses_half(layout: Layout) -> bool:
    return layout.v_start < HALF < layout.v_start + layout.total.size


def builds_and(bad: Callable[[Layout], bool]) -> Callable[[Configuration, int, int], bool]:
    """Whether Xen goes on to build a layout that is bad."""

    def judged(configuration: Configuration, pages: int, initrd_len: int) -> bool:
        given, layout = laid_out(configuration, pages, initrd_len)
        return too_little(given, layout) is None and bad(layout)

    return judged


def after_the_cap(configuration: Configuration, pages: int, initrd_len: int) -> int:
    """The memory that the cap leaves."""
    return capped(evolve(configuration, nr_pages=pages, initrd_len=initrd_len), Dom0Mem(), None)


def raises(configuration: Configuration, pages: int, initrd_len: int) -> bool:
    """Whether the cap raises the memory, however long the initrd is: Xen looks at the cap first."""
    return after_the_cap(configuration, pages, initrd_len) > pages


def wraps_capped(configuration: Configuration, pages: int, initrd_len: int) -> bool:
    """Whether Xen goes on to build a region that wraps, with the memory that the cap leaves."""
    left = after_the_cap(configuration, pages, initrd_len)
    return left < 1 << 40 and builds_and(wraps)(configuration, left, initrd_len)


def initrds(around: int) -> Iterable[int]:
    """Lengths of initrds, a page apart: the first, and those around one."""
    count = around // PAGE_SIZE
    return (each * PAGE_SIZE for each in (*range(1200), *range(max(1200, count - 600), count + 600)))


MACHINE: Final[dict[tuple[str, str], Callable[[Configuration, int, int], bool]]] = {
    ("near-the-end", "wrap"): builds_and(wraps),
    ("near-the-end", "cap"): raises,
    ("near-the-end", "capped-wrap"): wraps_capped,
    ("32-bit", "xen-area"): builds_and(overlaps_xen),
    ("32-bit", "cap"): raises,
    ("moves-xens-part", "xen-area"): builds_and(overlaps_xen),
    ("initrd-to-the-end", "cap"): raises,
    ("initrd-to-the-end", "capped-wrap"): wraps_capped,
    ("initrd-to-the-end", "wrap"): builds_and(wraps),
    ("across-2^47", "xen-area"): builds_and(crosses_half),
    ("across-2^47", "canonical"): builds_and(crosses_half),
}
"""How the machine alone tells whether a question breaks."""


@pytest.mark.parametrize("name", IMAGES)
def test_what_breaks_and_with_what_least(name: str) -> None:
    """Every question is proved for the image, or broken by just these, which are proved to be the least.

    Those that speak of nothing aren't asked.
    """
    found = check(asked(name))
    answers = {each.question.id: each for each in found.answers}
    for question, answer in answers.items():
        least = [Least(each.what, each.nr_pages, each.initrd_len) for each in answer.breaks]
        assert least == EXPECTED[name].get(question, []), question
        if question in UNASKED.get(name, ()):
            assert answer.verdict is None, question
            continue
        settled = Proved if answer.question.only is None else SETTLED.get(name, Proved)
        assert isinstance(answer.verdict, Refuted if least else settled), question
        assert all(each.least for each in answer.breaks), question
        for each in least if (name, question) in MACHINE else ():
            agrees_on_the_least(IMAGES[name], MACHINE[name, question], each)
    assert set(EXPECTED[name]) <= set(answers)
    assert found.status == STATUSES.get(name, 1)
    assert isinstance(found.boots, {"full-circle": Unknown, "long": Refuted}.get(name, Proved))
    if isinstance(found.boots, Proved):
        built = Least("memory", *BUILT_WITH[name])
        values = found.boots.example.values
        assert (built.nr_pages, built.initrd_len) == (values["nr_pages"], values["initrd_len"])
        assert found.least
        agrees_on_the_least(IMAGES[name], builds_and(lambda _layout: True), built)


def agrees_on_the_least(
    configuration: Configuration, breaks: Callable[[Configuration, int, int], bool], least: Least
) -> None:
    """The machine sees it break with the least, and not with a page of memory less, nor a shorter initrd."""
    pages, initrd_len = least.nr_pages, least.initrd_len
    assert breaks(configuration, pages, initrd_len)
    if pages > 1:
        assert not breaks(configuration, pages - 1, initrd_len)
    if least.what != "initrd" and pages > 1:
        assert not any(breaks(configuration, pages - 1, each) for each in initrds(initrd_len))
    if least.what != "memory" and initrd_len:
        more = range(max(1, pages - 2000), pages + 2000)
        assert not any(breaks(configuration, each, initrd_len - 1) for each in more)


def test_the_full_circle_is_not_for_the_machine() -> None:
    """A region that comes full circle is too large for it: the search is stepped through on integers instead."""
    with pytest.raises(TooLarge):
        laid_out(IMAGES["full-circle"], 1, 0)
    part = only("full-circle", "exact").questions[0].part(asked("full-circle").limits)
    replay = part.replay({"nr_pages": 1, "initrd_len": 0, "n": 2943})
    assert replay.holds is False
    assert replay.says.startswith("Xen's search stops at 2943, and the region from 0x0 to 0x1")
    with pytest.raises(MachineDisagreesError):
        part.replay({"nr_pages": 1, "initrd_len": 0, "n": 2944})


def test_a_32_bit_count_is_exact_below_4_gib() -> None:
    """Past that the machine comes to more tables than Xen counts: no statement speaks of it, nor of an image there."""
    given, layout = laid_out(IMAGES["32-bit"], 1 << 26, 0)
    end = layout.v_start + layout.total.size
    assert end > 1 << 32
    assert touched(given.mode, layout.v_start, end) > layout.nr_pt_pages
    statement = asked("32-bit").questions[0].part(asked("32-bit").limits).lemma.statement
    values = {"nr_pages": 1 << 26, "initrd_len": 0, "n": layout.nr_pt_pages}
    assert not evaluate(statement.given, {each: values[str(each.value)] for each in statement.variables})
    above = questions(image(0xFFC00000, 0xFFD00000, 0x101CE7B1D, mode=COMPAT))
    assert above is not None
    assert "exact" not in [each.id for each in above.questions]


def test_a_host_that_refuses_is_found() -> None:
    """The least host that refuses the region is told, and without the note none is spoken of."""
    (answer,) = check(only("moves-xens-part", "xen-area")).answers
    assert answer.question.says.endswith(" on every host")
    for each in answer.breaks:
        assert (
            "refuses it on hosts whose memory ends above 162 GiB. On smaller ones" in each.witness.replay.says
        )
    assert answer.breaks[0].witness.values["max_page"] == (162 << 18) + 1
    (plain,) = check(only("32-bit", "xen-area")).answers
    assert (
        plain.breaks[0].witness.replay.says
        == "the region lies from 0xf0000000 to 0xf5c00000, and Xen refuses it"
    )


def only(name: str, question: str) -> Questions:
    """One question of an image's."""
    found = asked(name)
    return evolve(found, questions=tuple(each for each in found.questions if each.id == question))


@pytest.mark.parametrize(
    ("module", "name", "mutant", "image_name", "question"),
    [
        (allocation, "MAX_ORDER", 14, "32-bit", "xen-area"),
        (allocation, "initrd_pages", lambda initrd_len: initrd_len >> 12, "near-the-end", "wrap"),
        (memory, "nr_pages_fitting", lambda _mode, vend: vend & 0, "32-bit", "cap"),
        (memory, "nr_pages_fitting", lambda _mode, vend: vend & 0, "near-the-end", "capped-wrap"),
        (overlap, "FIRST_SLOT", 257, "across-2^47", "xen-area"),
        (overlap, "HALF", 1 << 48, "across-2^47", "canonical"),
        (overlap, "COMPAT_HOLE", 0xF5C00000, "32-bit", "xen-area"),
        (overlap, "COMPAT_HOLE", 0xF5C00000, "moves-xens-part", "xen-area"),
        (overlap, "COMPAT_LIST_END", 0xFFA00000, "moves-xens-part", "xen-area"),
        (overlap, "SUPERPAGE_SHIFT", 22, "moves-xens-part", "xen-area"),
    ],
)
def test_mutants_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    mutant: object,
    image_name: str,
    question: str,
) -> None:
    """A changed formula makes another answer, or one that the machine doesn't confirm."""
    monkeypatch.setattr(module, name, mutant)
    (after,) = check(only(image_name, question)).answers
    least = [Least(each.what, each.nr_pages, each.initrd_len) for each in after.breaks]
    assert isinstance(after.verdict, Error) or least != EXPECTED[image_name][question]


def test_a_least_needs_its_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lemmas that bound T, n and V the same values are found, but not that they are the least."""
    monkeypatch.setattr(Kernel, "bounds", lambda _kernel, _limits, _last: Steps())
    found = check(only("near-the-end", "wrap"))
    assert [(each.nr_pages, each.least) for each in found.answers[0].breaks] == [
        (2048, False),
        (61953, False),
    ]
    assert found.status == 3
    found = check(only("linux", "cap"))
    assert isinstance(found.boots, Proved)
    assert (found.boots.example.values["nr_pages"], found.least) == (16384, False)


def test_a_disagreement_in_the_second_search_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine contradicts what breaks with the shortest initrd, the first witness doesn't hide that."""
    wrong = Error(why="MODEL AND MACHINE DISAGREE")

    def judge(solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]) -> Verdict:
        return wrong if part.least[0] is image_check.INITRD else judged(solver, part, results)

    monkeypatch.setattr(image_check, "judge", judge)
    found = check(only("near-the-end", "wrap"))
    assert found.answers[0].verdict is wrong
    assert found.status == 70
