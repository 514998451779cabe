"""``ptproof check``: what it prints, its statuses, and what it refuses."""

import json
from pathlib import Path

import pytest
import tiny_questions as tiny
from attrs import evolve
from elf_maker import GUEST_OS, VIRT_BASE, Load
from elf_maker import image as pv_image
from ptproof.formal.images import image_questions
from ptproof.formal.images.image_questions import Questions
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT
from run_cli import assert_refused, run

pytestmark = pytest.mark.usefixtures("shared_answers")

Capture = pytest.CaptureFixture[str]
ADDRESSES = Configuration(virt_base=0, kernel=Segment(0x100000, 0x300000), nr_pages=0)


@pytest.fixture(name="kernel")
def kernel_file(tmp_path: Path) -> str:
    """An image, in a file."""
    path = tmp_path / "vmlinuz"
    path.write_bytes(image_of(ADDRESSES))
    return str(path)


def ask(monkeypatch: pytest.MonkeyPatch, asked: Questions | None) -> list[Configuration]:
    """Have those questions asked; gives the images that they were asked of."""
    images: list[Configuration] = []

    def questions(configuration: Configuration) -> Questions | None:
        images.append(configuration)
        return asked

    monkeypatch.setattr(image_questions, "questions", questions)
    return images


def test_answers(capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str, tmp_path: Path) -> None:
    """What the image's addresses are decides; each question has its line, and the file the same as data."""
    images = ask(monkeypatch, tiny.ALL)
    written = tmp_path / "check.json"
    ran = run(capsys, "check", kernel, "--json", str(written))
    assert images == [ADDRESSES]
    assert (ran.status, ran.err) == (1, "")
    assert [line.split()[:2] for line in ran.lines if line[0] != " "][1:-1] == [
        ["proved", "holds"],
        ["breaks", "by-memory"],
        ["breaks", "by-initrd"],
        ["breaks", "by-both"],
    ]
    assert f"        ptproof layout {kernel} --nr-pages 300" in ran.lines
    alone = run(capsys, "check", kernel, "--json", "-")
    assert json.loads(alone.out) == json.loads(written.read_text())
    assert alone.status == 1


def test_all_well(capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    """Status 0 when all is proved, or what breaks is harmless."""
    ask(monkeypatch, tiny.asked(tiny.HOLDS, tiny.BY_INITRD))
    assert run(capsys, "check", kernel).status == 0


def test_a_hosts_memory_map(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str, tmp_path: Path
) -> None:
    """With a host's map it is told with which memory something lies over what isn't RAM; of a Linux, what can't be moved is status 1."""
    ask(monkeypatch, tiny.asked(tiny.HOLDS))
    log, written = tmp_path / "host.log", tmp_path / "check.json"
    nvs = "(XEN)  [0000000000400000, 0000000000400fff] (ACPI NVS)\n"
    log.write_text(
        f"(XEN) EFI RAM map:\n(XEN)  [0000000000000000, 00000000003fffff] (usable)\n{nvs}"
        "(XEN)  [0000000000401000, 0000ffffffffffff] (usable)\n"
    )
    assert run(capsys, "check", kernel, "--host-map", str(log)).status == 0
    Path(kernel).write_bytes(pv_image({GUEST_OS: "linux", VIRT_BASE: 0}, Load(0x100000, 0x200000)))
    ran = run(capsys, "check", kernel, "--host-map", str(log), "--json", str(written))
    assert (ran.status, ran.err) == (1, "")
    (tables,) = (
        each
        for each in ran.lines
        if each.startswith("host    Page tables over 0x400000->0x401000 (ACPI NVS)")
    )
    assert '"Xen hypervisor allocated page table memory conflicts with E820 map"' in tables
    found = {each["segment"]: each for each in json.loads(written.read_text())["host"]}
    assert found["page_tables"]["says"] in tables
    assert f"with {int(found['page_tables']['least'], 16)} to" in tables
    log.write_text(log.read_text().replace(nvs, nvs.replace("ACPI NVS", "usable")))
    ran = run(capsys, "check", kernel, "--host-map", str(log))
    assert ran.status == 0
    assert "host    with any memory every segment lies in the host's RAM" in ran.lines


@pytest.mark.parametrize(
    ("options", "status", "beyond"),
    [
        ((), 1, set()),
        (("--max-memory", "1199K"), 1, {"by-memory"}),
        (("--max-memory", "396K"), 0, {"by-memory", "by-both"}),
        (("--max-memory", "1200K", "--max-initrd", "76"), 1, {"by-initrd", "by-both"}),
        (("--max-memory", "1196K", "--max-initrd", "212"), 0, {"by-memory", "by-both"}),
        (("--max-memory", "1196K", "--max-initrd", "213"), 1, {"by-memory"}),
        (("--max-memory", "4K", "--max-initrd", "0"), 0, {"by-memory", "by-initrd", "by-both"}),
    ],
)
def test_what_an_ordinary_host_runs_into(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    options: tuple[str, ...],
    status: int,
    beyond: set[str],
) -> None:
    """The limits decide the status, also between the two witnesses of a question; what takes more is told below it."""
    ask(monkeypatch, tiny.ALL)
    ran = run(capsys, "check", kernel, *options)
    assert ran.status == status
    heading = [at for at, line in enumerate(ran.lines) if line.startswith("  only beyond ")]
    assert len(heading) == bool(beyond)
    below = ran.lines[heading[0] :] if heading else []
    assert {line.split()[1] for line in below if line.startswith("breaks")} == beyond
    assert "the status covers up to " in ran.lines[-1]
    plain = json.loads(run(capsys, "check", kernel, *options, "--json", "-").out)
    assert (plain["status"], {each["id"] for each in plain["answers"] if each["beyond"]}) == (status, beyond)


def test_the_limits_are_printed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str, tmp_path: Path
) -> None:
    """Those of a large host of today, by the kernel's width."""
    ask(monkeypatch, tiny.ALL)
    said = "; the status covers up to 256G of memory and 256M of initrd (--max-memory, --max-initrd)"
    assert run(capsys, "check", kernel).lines[-1].endswith(said)
    small = tmp_path / "small"
    small.write_bytes(image_of(evolve(ADDRESSES, mode=COMPAT)))
    assert run(capsys, "check", str(small)).lines[-1].endswith(said.replace("256G", "128G"))


def test_never_built(capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    """An image that Xen never builds is status 1, though nothing breaks."""
    ask(monkeypatch, tiny.asked(tiny.HOLDS, boots=tiny.NEVER))
    ran = run(capsys, "check", kernel)
    assert ran.status == 1
    assert ran.lines[0].startswith("Xen never builds this image, whatever its memory: ")


def test_nothing_to_ask(capsys: Capture, monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    """Without any question installed nothing was checked, and that doesn't look like success."""
    ask(monkeypatch, None)
    ran = run(capsys, "check", kernel)
    assert (ran.status, ran.out) == (5, "")
    assert ran.err == "ptproof: no installed package asks anything of an image\n"


def test_refused(capsys: Capture, kernel: str, tmp_path: Path) -> None:
    """What isn't an image, isn't there, or would be written over."""
    (tmp_path / "text").write_text("no image")
    assert_refused(run(capsys, "check", str(tmp_path / "text")), "text: ")
    assert_refused(run(capsys, "check", str(tmp_path / "none")), "none: can't be read: No such file")
    assert_refused(run(capsys, "check"), "the following arguments are required: IMAGE")
    assert_refused(run(capsys, "check", kernel, "--json", kernel), "is an input, too")
    assert_refused(run(capsys, "check", kernel, "--json", str(tmp_path)), "can't be written: Is a directory")
