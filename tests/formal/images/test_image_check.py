"""Answering the questions of an image: what is proved, what breaks, with the least of what, and the status."""

from collections.abc import Mapping

import pytest
import tiny_questions as tiny
from attrs import evolve
from ptproof.formal.images import image_check
from ptproof.formal.images.image_check import Checked, check
from ptproof.formal.images.image_questions import Limits, Question
from ptproof.formal.layouts.dom0_mem import capped, parse_dom0_mem
from ptproof.formal.layouts.layout import ADDRESS_LIMIT, Configuration, Segment
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.logic.claim import Part
from ptproof.formal.logic.prover import LemmaResult
from ptproof.formal.logic.prover import judge as judged
from ptproof.formal.logic.theorem import Lemma
from ptproof.formal.logic.verdict import Error, Proved, Refuted, Unknown, Verdict
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.machine.preflight import refusal
from ptproof.formal.reports.image_check_report import as_dict, as_dom0_mem, lines
from ptproof.formal.solvers.solver import Solver

IMAGE = Configuration(kernel=Segment(0x100000, 0x300000), nr_pages=0)


def found(checked: Checked) -> list[tuple[str, int, int, bool]]:
    """What breaks the questions: the least of what, with how much memory and initrd, and whether that is proved."""
    return [
        (each.what, each.nr_pages, each.initrd_len, each.least)
        for answer in checked.answers
        for each in answer.breaks
    ]


def test_what_holds_is_proved() -> None:
    """A question that holds for all is proved, and nothing breaks it."""
    checked = check(tiny.asked(tiny.HOLDS))
    assert isinstance(checked.answers[0].verdict, Proved)
    assert (found(checked), checked.status) == ([], 0)


@pytest.mark.parametrize(
    ("question", "breaks", "status"),
    [
        (tiny.BY_MEMORY, [("both", 300, 0, True)], 1),
        (tiny.BY_INITRD, [("both", 1, 77, True)], 0),
        (tiny.BY_BOTH, [("memory", 100, 412, True), ("initrd", 512, 0, True)], 1),
    ],
)
def test_the_least_is_found_and_proved(
    question: Question, breaks: list[tuple[str, int, int, bool]], status: int
) -> None:
    """The least memory whatever the initrd, and the shortest initrd; what is harmless doesn't count for the status."""
    checked = check(tiny.asked(question))
    assert isinstance(checked.answers[0].verdict, Refuted)
    assert (found(checked), checked.status) == (breaks, status)


def test_a_least_that_is_not_proved_is_told() -> None:
    """Where the statement for less isn't discharged, what was found is no least: Unknown, not a wrong answer."""

    def greedy(limits: Limits) -> Part:
        part = tiny.part(tiny.nr_pages < 300, limits)
        return evolve(part, shape=tiny.nr_pages >= 400)

    checked = check(tiny.asked(evolve(tiny.BY_MEMORY, part=greedy)))
    assert [each[1] for each in found(checked)] == [400]
    assert not checked.answers[0].breaks[0].least
    assert checked.status == 3
    assert "NOT proved" in "\n".join(lines(checked, IMAGE, "vmlinuz"))


def test_an_image_that_is_never_built() -> None:
    """Nothing is asked of it that speaks only of what Xen builds, and the status tells."""
    checked = check(tiny.NEVER_BUILT)
    assert isinstance(checked.boots, Refuted)
    assert [each.verdict is None for each in checked.answers] == [False, True]
    assert checked.status == 1
    printed = list(lines(checked, IMAGE, "vmlinuz"))
    assert printed[0].startswith("Xen never builds this image")
    assert printed[2:4] == [
        "unasked by-memory     by-memory is so (claim exact)",
        "    not asked: Xen never builds this image",
    ]


def test_what_speaks_of_what_is_never_reached() -> None:
    """It isn't asked, with the reason, and the status is that of the others: an image may well boot otherwise."""
    checked = check(tiny.asked(tiny.HOLDS, evolve(tiny.BY_MEMORY, only=tiny.NEVER_CAPPED)))
    assert (checked.answers[1].verdict, found(checked), checked.status) == (None, [], 0)
    assert "    not asked: Xen never builds this image with less" in list(lines(checked, IMAGE, "vmlinuz"))
    plain = as_dict(checked, IMAGE, "vmlinuz")["answers"][1]
    assert (plain["verdict"], plain["why"]) == ("unasked", "not asked: Xen never builds this image with less")


def test_what_speaks_of_what_may_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it isn't settled whether anything is reached, nor is the question."""
    monkeypatch.setattr("ptproof.formal.solvers.solver.RLIMIT", 10_000)
    checked = check(tiny.asked(tiny.HOLDS, evolve(tiny.BY_MEMORY, only=tiny.UNSETTLED)))
    verdict = checked.answers[1].verdict
    assert isinstance(verdict, Unknown)
    assert verdict.why.startswith("whether Xen builds that is not settled: ")
    assert checked.status == 3


def test_the_least_memory_that_boots() -> None:
    """That the image isn't built with less is proved, too; told, where it isn't, and then nothing is as it should be."""
    checked = check(tiny.asked(tiny.HOLDS))
    assert checked.least

    def greedy(limits: Limits) -> Part:
        return evolve(tiny.BOOTS(limits), shape=tiny.nr_pages >= 17)

    checked = check(tiny.asked(tiny.HOLDS, boots=greedy))
    assert isinstance(checked.boots, Proved)
    assert (checked.least, checked.status) == (False, 3)
    assert next(lines(checked, IMAGE, "vmlinuz")) == (
        "Xen builds this image with 17 pages (dom0_mem=68K) and no initrd: the least memory (NOT proved)."
    )


def test_a_shortest_initrd_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks by memory is told all the same, and that the other isn't settled."""

    def judge(solver: Solver, part: Part, results: Mapping[Lemma, LemmaResult]) -> Verdict:
        second = part.least[0] is image_check.INITRD
        return Unknown(why="too hard", hint="") if second else judged(solver, part, results)

    monkeypatch.setattr(image_check, "judge", judge)
    checked = check(tiny.asked(tiny.BY_BOTH))
    assert (found(checked), checked.status) == ([("memory", 100, 412, True)], 3)
    told = "    the shortest initrd that breaks it is not settled: too hard"
    assert told in list(lines(checked, IMAGE, "vmlinuz"))


def test_what_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that the solver gives up on is Unknown, with why."""
    monkeypatch.setattr("ptproof.formal.solvers.solver.RLIMIT", 10_000)
    checked = check(tiny.asked(tiny.UNKNOWN))
    verdict = checked.answers[0].verdict
    assert isinstance(verdict, Unknown)
    assert checked.status == 3
    assert f"    {verdict.why}" in list(lines(checked, IMAGE, "vmlinuz"))


def test_a_machine_that_disagrees_is_an_error() -> None:
    """A question that the model refutes and the machine doesn't is the tool's own failure."""
    wrong = evolve(tiny.BY_MEMORY, part=lambda limits: tiny.part(tiny.nr_pages < 300, limits, holds=True))
    checked = check(tiny.asked(wrong))
    assert isinstance(checked.answers[0].verdict, Error)
    assert checked.status == 70


def test_what_is_printed() -> None:
    """The verdict first, then the question; below it what breaks it, as Xen's option and as a command."""
    printed = list(lines(check(tiny.ALL), IMAGE, "vmlinuz"))
    assert printed[0] == (
        "Xen builds this image with 16 pages (dom0_mem=64K) and no initrd: the least memory (proved)."
    )
    assert "proved  holds         holds is so (claim exact)" in printed
    assert "breaks  by-memory     by-memory is so (claim exact)" in printed
    at = printed.index("breaks  by-both       by-both is so (claim exact)")
    assert printed[at + 1] == (
        "    breaks with 100 pages (dom0_mem=max:400K) and an initrd of 412 bytes: the least memory (proved)"
    )
    assert printed[at + 3] == (
        "        ptproof layout vmlinuz --dom0-mem=max:400K --host-mem 131472K --initrd-len 0x19c"
    )
    assert "and no initrd: the least memory without an initrd (proved)" in "\n".join(printed)
    assert printed[-1].startswith("1 proved, 3 break, for up to 3.91 MiB of memory")
    *_, last = lines(check(tiny.asked(tiny.HOLDS, tiny.BY_INITRD)), IMAGE, "vmlinuz")
    assert last.startswith("1 proved, 1 breaks, for up to 3.91 MiB of memory")


def test_a_separate_p2m_takes_more() -> None:
    """What Xen builds with the least memory it may refuse then: the p2m has to fit, too."""
    checked = check(tiny.asked(tiny.HOLDS))
    assert isinstance(checked.boots, Proved)
    example = evolve(checked.boots.example, values={**checked.boots.example.values, "nr_pages": 1024})
    checked = evolve(checked, boots=evolve(checked.boots, example=example))
    assert len(list(lines(checked, IMAGE, "vmlinuz"))) == 3
    image = evolve(IMAGE, init_p2m=0x8000000000)
    *_, refused = list(lines(checked, image, "vmlinuz"))[:2]
    plain = as_dict(checked, image, "vmlinuz")["boots"]
    assert plain["refused"] == "Dom0 allocation too small for initial P->M table"
    least = int(plain["works_with"], 16)
    assert refused == (
        f"    With less than dom0_mem={4 * least}K Xen builds it, and then refuses the boot: {plain['refused']}"
    )
    for nr_pages, says in ((least, None), (least - 1, plain["refused"])):
        given = evolve(image, nr_pages=nr_pages)
        assert refusal(given, arrange(given)) == says


def test_memory_that_the_cap_raises() -> None:
    """Xen would stop at a maximum: the option has none, and the host has what the cap raises to, if any can."""
    end = ADDRESS_LIMIT - 4 * PAGE_SIZE
    image = Configuration(virt_base=end - (1 << 20), kernel=Segment(end - (1 << 20), end), nr_pages=0)
    checked = check(tiny.asked(tiny.BY_BOTH))
    printed = list(lines(checked, image, "vmlinuz"))
    assert printed[2] == (
        "    breaks with 100 pages (dom0_mem=-2672K on a host that has 3M for dom0) and an initrd of 412 bytes: "
        "the least memory (proved)"
    )
    assert printed[4] == "        ptproof layout vmlinuz --dom0-mem=-2672K --host-mem 3M --initrd-len 0x19c"
    option = parse_dom0_mem("-2672K")
    assert option.nr_pages(768) == 100
    assert capped(evolve(image, nr_pages=100, initrd_len=412), option, 768) == 768
    assert "512 pages (dom0_mem=max:2M) and no initrd" in printed[5]
    assert printed[7] == "        No host has so much: Xen panics."
    by_memory, by_initrd = as_dict(checked, image, "vmlinuz")["answers"][0]["breaks"]
    assert (by_memory["dom0_mem"], by_memory["host_pages"]) == ("dom0_mem=-2672K", "0x300")
    assert by_initrd["dom0_mem"] == "dom0_mem=max:2M"


def test_as_data() -> None:
    """The same as plain data, with the layout for ptproof replay."""
    plain = as_dict(check(tiny.ALL), IMAGE, "vmlinuz")
    assert (plain["schema"], plain["file"], plain["status"]) == ("ptproof-check/1", "vmlinuz", 1)
    assert plain["boots"] == {
        "verdict": "proved",
        "why": "",
        "nr_pages": "0x10",
        "initrd_len": "0x0",
        "least_proved": True,
        "refused": None,
        "works_with": None,
    }
    by_both = plain["answers"][3]
    assert [each["nr_pages"] for each in by_both["breaks"]] == ["0x64", "0x200"]
    assert by_both["breaks"][0]["layout"]["schema"] == "ptproof-layout/1"


@pytest.mark.parametrize(
    ("pages", "text"), [(1, "4K"), (0x100, "1M"), (0x40000, "1G"), (0x40001, "1048580K"), (3 << 18, "3G")]
)
def test_memory_as_xens_option_takes_it(pages: int, text: str) -> None:
    """In the largest unit that gives a whole number."""
    assert as_dom0_mem(pages, "dom0_mem=") == f"dom0_mem={text}"
