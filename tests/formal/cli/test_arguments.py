"""What commands share in their arguments."""

from pathlib import Path

import pytest
from ptproof.formal.cli.arguments import check_json_apart
from ptproof.formal.edge.errors import InputError


def test_an_input_under_another_name_is_refused(tmp_path: Path) -> None:
    """Through another path, a link, or a second name."""
    given, link, hard = tmp_path / "c.elf", tmp_path / "link", tmp_path / "hard"
    given.write_bytes(b"kept")
    link.symlink_to(given)
    hard.hardlink_to(given)
    for name in (f"{tmp_path}/./c.elf", str(link), str(hard)):
        with pytest.raises(InputError, match="is an input, too"):
            check_json_apart(name, str(given))
