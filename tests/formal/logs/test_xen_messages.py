"""Xen's messages about building a dom0: each is found, in logs as people paste them, and only where Xen says it."""

import re
from pathlib import Path

import pytest
from ptproof.formal.edge.errors import NothingSelected
from ptproof.formal.logs.messages_in_logs import messages_in
from ptproof.formal.logs.xen_messages import MESSAGES, Message, explained
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


def test_what_comes_near() -> None:
    """What isn't known is told with what comes near it."""
    with pytest.raises(
        NothingSelected, match="near it come: 'Domain 0 allocation is too small for kernel image'"
    ):
        explained("Domain 0 allokation is to small for kernel image")
