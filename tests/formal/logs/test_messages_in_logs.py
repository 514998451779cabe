"""Xen's messages in logs as people paste them: found where Xen says them, and only there."""

import time
from pathlib import Path

import pytest
from ptproof.formal.logs.messages_in_logs import messages_in

DATA = Path(__file__).parents[2] / "data"
FIELD = DATA / "field"


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


def test_a_long_log() -> None:
    """The time grows with the length, however often a message is said."""
    text = (
        "(XEN) Decoding failed\n(XEN) Panic on CPU 0:\n(XEN) Failed to load Dom0\n(XEN) broken ELF:\n"
        * 20_000
    )
    start = time.process_time()
    assert len(messages_in(text)) == 60_000
    assert time.process_time() - start < 10
