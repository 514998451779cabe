"""Texts as mailers, consoles and editors leave them, and the numbers of their lines."""

import quopri
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_rules import LOGS
from ptproof.formal.logs.boot_log_reader import read_boots
from ptproof.formal.logs.boot_log_text import plain_blocks, plain_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\r\nc\n", "a\nb\nc\n"),
        (b"a\rb\r", "a\nb\n"),
        (b"\x1b[1;32ma\x1b[0m\x00b", "ab"),
        (b"a\\nb\\r\\nc#015\nd^M\n", "a b c \nd \n"),
        ("1\N{RIGHTWARDS ARROW}2 3\N{EN DASH}>4 5-&gt;6 7&rarr;8".encode(), "1->2 3->4 5->6 7->8"),
        (b"a&nbsp;b\xc2\xa0c", "a b c"),
        (b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        (b"0=\n1 2=\n 3", "01 2 3"),
        (b"x =3D =\n0x1=20\n", "x = 0x1 \n"),
        (b"a=C2=\n=A0b", "a b"),
        (b"x =3D 0-=\n>1", "x = 0->1"),
        (b"> x =3D 0=\n> > 1", "> x = 01"),
        (b"x = \n0x1 == y=\\", "x = \n0x1 == y=\\"),
        (b"virt_base =\n 0x1", "virt_base =\n 0x1"),
        (b"", ""),
        (b"=\n=\n=", "=\n=\n="),
    ],
    ids=range(16),
)
def test_plain(data: bytes, text: str) -> None:
    """What is no part of the log goes, and what a mail or a page has in other words comes back."""
    assert plain_text(data).text == text


def test_lines_of_a_mail() -> None:
    """Lines are counted as they are in the file, soft line breaks included."""
    read = plain_text(b"first=\nstill first\nthird=3D\nfourth=\n\nsixth")
    lines = {
        word: read.line(read.text.index(word)) for word in ("first", "still", "third", "fourth", "sixth")
    }
    assert lines == {"first": 1, "still": 2, "third": 3, "fourth": 4, "sixth": 6}


def test_lines_of_a_boot_in_a_mail() -> None:
    """A boot that is read from a quoted-printable mail names the lines of that mail."""
    mail = quopri.encodestring((LOGS / "013.log").read_bytes())
    (boot,) = read_boots(mail, "x.eml")
    lines = mail.splitlines()
    for name, label in (("page_tables", b"Page tables:"), ("total", b"TOTAL:"), ("alloc", b"Dom0 alloc.:")):
        assert label in lines[boot.lines[name] - 1]
    assert boot.lines["total"] > next(
        at for at, line in enumerate((LOGS / "013.log").read_bytes().splitlines()) if b"TOTAL:" in line
    )


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="=\n> 3DA0C2x-&;gt\r\\n", max_size=80).map(str.encode))
def test_anything(data: bytes) -> None:
    """Whatever the bytes, the places of line breaks ascend, and the last line is not past the file's."""
    read = plain_text(data)
    assert list(read.joints) == sorted(read.joints)
    assert read.line(len(read.text)) == len(read.joints) + read.text.count("\n") + 1
    assert read.line(len(read.text)) <= data.count(b"\n") + data.count(b"\r") + 1


@pytest.mark.parametrize("size", [200, 1000, 5000])
def test_blocks(size: int) -> None:
    """However the text is cut into blocks, it is the same text with the same lines, soft line breaks included."""
    plain = 10 * (LOGS / "013.log").read_bytes().replace(b"\n", b"\r\n")
    for data in (
        plain,
        quopri.encodestring(plain),
        plain.replace(b"\r\n", b"\r"),
        b"a=\n" * 3000 + b"b\nc=3D",
    ):
        whole = plain_text(data)
        blocks = list(plain_blocks(data, max(size, 2000) if data[:2] == b"a=" else size))
        assert "".join(each.text for each in blocks) == whole.text
        starts = accumulate((len(each.text) for each in blocks), initial=0)
        joints = [start + at for start, each in zip(starts, blocks, strict=False) for at in each.joints]
        assert joints == list(whole.joints)
        assert len(blocks) > 1


def test_a_million_carriage_returns() -> None:
    """They are passed over once, and not once for each place that they might begin at: else this takes minutes."""
    assert plain_text("\r" * (1 << 20) + "x\r\r\n").text == " " * (1 << 20) + "x\n"
    assert plain_text("\n" + "\r" * (1 << 20)).text.strip() == ""
