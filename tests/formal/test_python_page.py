"""The page docs/python.md: its examples run as they stand."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Every block of the page runs, in order, in one namespace, and nothing is printed."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)  # noqa: S102 - that is the test
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
