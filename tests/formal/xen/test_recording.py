"""Recorded boots as files."""

import json
from pathlib import Path
from typing import Any

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from ptproof.formal.xen.booting import Recording, again
from ptproof.formal.xen.recording import restore, save

SMALL = Path(__file__).parents[2] / "data" / "xen-dumps" / "small.json"
RECORDING = Recording(
    configuration=Configuration(
        mode=COMPAT,
        virt_base=0x1000,
        kernel=Segment(0x2000, 0x3001),
        nr_pages=77,
        initrd_len=5,
        mod_start_pfn=True,
        init_p2m=1 << 63,
    ),
    written=(Segment(0x2000, 0x2004), Segment(0x3000, 0x3001)),
    text="(XEN) *** Building a PV Dom0 ***\n(XEN) a line\n",
    contents={(7, 2): bytes(range(256)) * 32, (9, 1): bytes(4096)},
    infos={(7, 1): bytes(range(16))},
)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """A recording that is saved and restored is the same: configuration, text, and memory in its order."""
    save(RECORDING, str(tmp_path / "boot.json"))
    found = restore(str(tmp_path / "boot.json"))
    assert (found.configuration, found.written) == (RECORDING.configuration, RECORDING.written)
    assert found.text == RECORDING.text.rstrip("\n")
    assert list(found.contents.items()) == list(RECORDING.contents.items())
    assert found.infos == RECORDING.infos


def test_only_what_tells_of_dom0_is_kept(tmp_path: Path) -> None:
    """Of what Xen said before it built dom0 only its version is kept, and whether it is a debug build."""
    lines = [
        "(XEN) Xen version 4.17.7 (somebody@example.org) (gcc 12) debug=y Wed Nov  4",
        "(XEN) Bootloader: qemu",
        "(XEN) *** Building a PV Dom0 ***",
        "(XEN)  TOTAL: ...",
    ]
    save(
        Recording(configuration=RECORDING.configuration, written=(), text="\n".join(lines)),
        str(tmp_path / "boot.json"),
    )
    assert restore(str(tmp_path / "boot.json")).text.splitlines() == [
        "(XEN) Xen version 4.17.7 debug=y",
        *lines[2:],
    ]


def test_tables_take_little_room(tmp_path: Path) -> None:
    """Tables whose entries count upwards take some hundred bytes."""
    words = b"".join((0x1000 * index | 0x27).to_bytes(8, "little") for index in range(512 * 100))
    recording = Recording(
        configuration=RECORDING.configuration, written=(), text="", contents={(0, 100): words}
    )
    save(recording, str(tmp_path / "boot.json"))
    assert (tmp_path / "boot.json").stat().st_size < 2000


def damaged(**changes: Any) -> str:
    """A recording's text with some keys changed, or taken away."""
    plain = json.loads(SMALL.read_text()) | changes
    return json.dumps({key: value for key, value in plain.items() if value != "gone"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        damaged(schema="ptproof-boot-recording/2"),
        damaged(contents="gone"),
        damaged(contents=[{"mfn": "0x1", "count": 1, "data": "!"}]),
        damaged(infos=[{"mfn": "0x1", "count": 1, "data": "AAAA"}]),
        damaged(configuration={}),
        damaged(configuration=json.loads(SMALL.read_text())["configuration"] | {"mode": "128"}),
        damaged(written=[["0x1"]]),
        damaged(text=3),
    ],
)
def test_what_is_no_recording(tmp_path: Path, text: str) -> None:
    """A file that isn't a recording is refused in one line that names it."""
    file = tmp_path / "boot.json"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        restore(str(file))
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


def test_another_reading() -> None:
    """Memory that wasn't read then isn't there."""
    with pytest.raises(KeyError):
        RECORDING.frames(8, 1)
    assert again(restore(str(SMALL))).differences == ()
