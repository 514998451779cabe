"""Xen's messages about building a dom0: each is found, in logs as people paste them, and only where Xen says it."""

import re
import time
from pathlib import Path

import pytest
from attrs import evolve
from ptproof.formal.edge.errors import NothingSelected
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.logs.boot_log import read_boots
from ptproof.formal.logs.check_log import check_boot
from ptproof.formal.logs.check_log_findings import Kind
from ptproof.formal.logs.xen_messages import MESSAGES, Message, explained, messages_in, panic_findings
from ptproof.formal.machine.loading import Fate

DATA = Path(__file__).parents[2] / "data"
FIELD = DATA / "field"


def printed(message: Message) -> str:
    """The words with something in the place of what Xen puts in."""
    return message.words.replace("…", "17")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: each.words)
def test_every_message(message: Message) -> None:
    """Each is found as it is printed, explained by its words, and has all that is to be told."""
    (said,) = messages_in(f"noise\n(XEN) {printed(message)}\n")
    assert (said.line, said.message) == (2, message)
    assert message in explained(f"(XEN) {printed(message)}.")
    assert message.means.endswith(".")
    assert message.decides
    assert re.fullmatch(r"(Xen|libxenguest|Linux) \d\.[\d.]+ to (today|\d\.[\d.]+)", message.versions)


def test_messages_are_told_apart() -> None:
    """No two have the same words, and the wider come last."""
    words = [each.words for each in MESSAGES]
    assert len(set(words)) == len(words)
    assert words.index("broken ELF: …") > words.index("broken ELF: out of range access")
    assert [each.words for each in explained("Dom0 kernel broken ELF: out of range access")] == [
        "broken ELF: out of range access"
    ]


@pytest.mark.parametrize(
    "fate", [each for each in Fate if "refused" in each.value], ids=lambda each: each.name
)
def test_every_refusal_that_is_foretold(fate: Fate) -> None:
    """What the model foretells as a refusal is a message that is explained."""
    for says in fate.says:
        assert explained(says)


def test_a_panic_without_an_arrangement() -> None:
    """The log of 2012: nothing but the panic."""
    (said,) = messages_in((FIELD / "panic-too-small-2012.log").read_bytes())
    assert said.line == 3
    assert said.message is not None
    assert said.message.words == "Domain 0 allocation is too small for kernel image"


def test_a_quoted_panic() -> None:
    """A panic in a mail, with what libelf says before it."""
    words = [each.words for each in messages_in((FIELD / "panic-pvh.log").read_bytes())]
    assert words == ["broken ELF: <NULL>", "Failed to load Dom0 kernel", "Could not construct domain 0"]


def test_a_wrapped_message() -> None:
    """A mailer may have broken the line."""
    log = "> (XEN) Input was encoded with settings that are not\n> supported by this XZ decoder\n"
    (said,) = messages_in(log)
    assert said.words == "Input was encoded with settings that are not supported by this XZ decoder"
    (said,) = messages_in("(XEN) DOM0 image overlaps with\n(XEN) Xen private area.\n")
    assert said.words == "DOM0 image overlaps with Xen private area"


@pytest.mark.parametrize(
    "text",
    [
        "I get a crc error here, and invalid header, which I don't understand.\n",
        "[    1.5] usb 1-1: device descriptor: crc error\n",
        "(XEN) something else: crc error in table 5\n",
        "He writes that Domain 0 allocation is too small for kernel image\n",
    ],
)
def test_what_xen_does_not_say(text: str) -> None:
    """Words of somebody else's are no message, nor are few words within a line."""
    assert messages_in(text) == ()


def test_an_assert_of_the_walk() -> None:
    """The asserts that a wrong count trips are known, as Xen prints them."""
    log = "(XEN) Assertion '(page->u.inuse.type_info & PGT_type_mask) <= PGT_root_page_table' failed at arch/x86/pv/dom0_build.c:72\n"
    (said,) = messages_in(log)
    assert said.message is not None
    assert "n is too large" in said.message.means


def test_a_panic_that_is_not_known() -> None:
    """It is told that it isn't; one that is known is told once."""
    log = "(XEN) Panic on CPU 3:\n(XEN) GENERAL PROTECTION FAULT\n(XEN) [error_code=0000]\n"
    (said,) = messages_in(log)
    assert (said.line, said.message) == (2, None)
    assert (
        said.sentence == '"GENERAL PROTECTION FAULT" is no message about building a dom0 that is known here'
    )
    (said,) = messages_in("Panic on CPU 0:\nDomain 0 allocation is too small for kernel image.\n")
    assert said.message is not None
    assert messages_in("(XEN) Panic on CPU 0:\n(XEN) ****\n") == ()


def test_panics_in_a_log() -> None:
    """A panic after an arrangement that agrees is mentioned with that boot, and changes no verdict."""
    one = (DATA / "boot-logs" / "001.log").read_text()
    panic = "(XEN) DOM0 image overlaps with Xen private area.\n"
    text = f"{one}\n{panic * 3}{one}"
    boots = read_boots(text, "log")
    assert len(boots) == 2
    (first, second) = panic_findings(boots, messages_in(text))
    assert second == ()
    (told,) = first
    assert (told.kind, told.figure, told.line) == (Kind.NOTE, "panic", one.count("\n") + 2)
    assert "TOTAL: VIRT_BASE" in told.message
    judged = check_boot(boots[0], count_rules())
    noted = evolve(judged, findings=(*judged.findings, told))
    assert (judged.status, noted.status) == (0, 0)
    assert noted.verdict == f'{judged.verdict}; Xen says "DOM0 image overlaps with Xen private area"'


def test_what_comes_near() -> None:
    """What isn't known is told with what comes near it."""
    with pytest.raises(
        NothingSelected, match="near it come: 'Domain 0 allocation is too small for kernel image'"
    ):
        explained("Domain 0 allokation is to small for kernel image")


def test_a_long_log() -> None:
    """The time grows with the length, however often a message is said."""
    text = (
        "(XEN) Decoding failed\n(XEN) Panic on CPU 0:\n(XEN) Failed to load Dom0\n(XEN) broken ELF:\n"
        * 20_000
    )
    start = time.process_time()
    assert len(messages_in(text)) == 60_000
    assert time.process_time() - start < 10
