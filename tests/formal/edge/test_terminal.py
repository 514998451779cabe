"""How wide a terminal is, and lines that fit it."""

import sys

import pytest
from ptproof.formal.edge.outside import say
from ptproof.formal.edge.terminal import NARROWEST, cut, fitted, width_of


@pytest.mark.parametrize(
    ("asked", "found"), [("100", 100), ("0", 80), ("", 80), ("wide", 80), ("3", NARROWEST)]
)
def test_the_width(monkeypatch: pytest.MonkeyPatch, asked: str, found: int) -> None:
    """COLUMNS says it; a terminal that doesn't tell has 80; what is no terminal has none."""
    monkeypatch.setenv("COLUMNS", asked)
    assert width_of(sys.stdout) is None
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert width_of(sys.stdout) == found
    assert width_of(None) is None


def test_cut() -> None:
    """What doesn't fit ends in an ellipsis, within the width."""
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abc def", 5) == "abc…"


@pytest.mark.parametrize("width", [20, 33, 80])
@pytest.mark.parametrize(
    "text",
    [
        "  a margin of two, and more words than fit into a line that is so wide",
        "x" * 200,
        " " * 90 + "far to the right",
        "n = 5, m = 7, and no equation is broken: v_start = 0, vpt_start = 0x379000",
    ],
)
def test_fitted_lines_have_the_width_and_all_words(text: str, width: int) -> None:
    """No line is longer, and nothing is lost."""
    lines = fitted(text, width)
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert len(lines) == 1 or width == 80 or not any(line.endswith(" =") for line in lines)


def test_a_folded_command_is_the_same_command() -> None:
    """Its lines end in a backslash, and a quoted word stays whole, however long it is."""
    command = "  ptproof layout 'a kernel' --kernel 0x0 0x378000 --nr-pages 65536"
    lines = fitted(command, 30)
    assert len(lines) > 2
    assert all(each.endswith(" \\") for each in lines[:-1])
    joined = " ".join(each.removesuffix("\\").strip() for each in lines)
    assert joined == command.strip()


def test_say_folds_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes to a pipe is whole."""
    monkeypatch.setenv("COLUMNS", "20")
    say(["a line of more than twenty characters"])
    assert capsys.readouterr().out == "a line of more than twenty characters\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    say(["a line of more than twenty characters"])
    assert capsys.readouterr().out == "a line of more than\n  twenty characters\n"
