"""The pages docs/python.md and docs/json.md: their Python examples run as they stand."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("name", "count"), [("python.md", 5), ("json.md", 1)])
def test_the_examples_run(capsys: pytest.CaptureFixture[str], name: str, count: int) -> None:
    """Every block of the page runs, in order, in one namespace, and nothing is printed."""
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == count
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, name, "exec"), scope)  # noqa: S102 - that is the test
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
