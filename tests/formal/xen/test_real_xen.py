"""Finding QEMU and Xen, and ending every boot: with a stand-in for QEMU."""

import gzip
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.xen import real_xen
from ptproof.formal.xen.real_xen import (
    MOST_MEMORY,
    RESET,
    SILENT,
    Cancelled,
    Machine,
    Programs,
    TimedOut,
    machine_memory,
    programs,
    running,
)

ELF_32 = b"\x7fELF\x01\x01\x01" + bytes(64)
MIB = 1 << 20
Start = Callable[..., AbstractContextManager[Machine]]


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    """A file that can be run."""
    path.write_text(text)
    path.chmod(0o755)
    return path


class TestPrograms:
    """QEMU and Xen are found, or it is said in one line how to get them."""

    @pytest.fixture(autouse=True)
    def _nothing_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "boot").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setattr(real_xen, "XEN_FOLDER", tmp_path / "boot")

    def install(self, tmp_path: Path) -> None:
        """A QEMU, and several versions of Xen, as Debian's packages have them."""
        executable(tmp_path / "bin" / "qemu-system-x86_64")
        for version in ("4.9", "4.17", "4.14"):
            (tmp_path / "boot" / f"xen-{version}-amd64.gz").write_bytes(
                gzip.compress(ELF_32 + version.encode())
            )
        (tmp_path / "boot" / "xen-4.20-amd64.efi").write_bytes(b"MZ")

    def test_the_newest_xen_is_taken_and_unpacked(self, tmp_path: Path) -> None:
        """Of several the newest Xen is taken, by numbers and not by letters, and it is gone afterwards."""
        self.install(tmp_path)
        with programs() as found:
            assert found.qemu == tmp_path / "bin" / "qemu-system-x86_64"
            assert found.xen.read_bytes() == ELF_32 + b"4.17"
        assert not found.xen.parent.exists()

    def test_others_can_be_given(self, tmp_path: Path) -> None:
        """Another QEMU and another Xen, packed or not, can be given by their paths."""
        qemu = executable(tmp_path / "my-qemu")
        for content in (ELF_32, gzip.compress(ELF_32)):
            xen = tmp_path / "my-xen"
            xen.write_bytes(content)
            with programs(xen, qemu) as found:
                assert found.qemu == qemu
                assert found.xen.read_bytes() == ELF_32

    def test_without_qemu(self) -> None:
        """Without QEMU the error has the package's name and the option."""
        with pytest.raises(InputError) as error, programs():
            pass
        assert str(error.value) == (
            "no qemu-system-x86_64 was found: apt-get install --no-install-recommends qemu-system-x86, "
            "or --qemu PATH"
        )

    def test_without_xen(self, tmp_path: Path) -> None:
        """Without Xen it has the package's name, the option, and where was looked."""
        executable(tmp_path / "bin" / "qemu-system-x86_64")
        with pytest.raises(InputError) as error, programs():
            pass
        assert str(error.value) == (
            f"no Xen was found in {tmp_path / 'boot'}: apt-get install --no-install-recommends "
            "xen-hypervisor-4.17-amd64, or --xen PATH"
        )

    def test_a_qemu_that_is_none(self, tmp_path: Path) -> None:
        """A path with no program at it is refused."""
        self.install(tmp_path)
        with (
            pytest.raises(InputError, match="expected a QEMU that can be run, found none"),
            programs(None, tmp_path / "nothing"),
        ):
            pass

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "expected Xen as a 32-bit ELF"),
            (b"MZ\x90\0\3", "found a file that starts with 4d 5a 90 00 03"),
            (b"\x7fELF\x02", "not xen.efi, not xen-syms"),
            (gzip.compress(b"\x7fELF\x02"), "expected Xen as a 32-bit ELF"),
            (gzip.compress(ELF_32)[:-9], "can't be unpacked with gzip"),
            (b"\x1f\x8bnonsense", "expected gzip's method 8, found 110"),
            (None, "can't be read: No such file or directory"),
        ],
        ids=["empty", "efi", "64-bit", "64-bit packed", "cut", "not packed", "missing"],
    )
    def test_a_xen_that_is_none(self, tmp_path: Path, content: bytes | None, told: str) -> None:
        """What isn't Xen's multiboot file is refused in one line that names it."""
        self.install(tmp_path)
        path = tmp_path / "xen"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError) as error, programs(path):
            pass
        assert str(error.value).startswith(f"{path}: ")
        assert told in str(error.value)
        assert "\n" not in str(error.value)


class TestMemory:
    """How much memory a machine gets."""

    def test_room_for_dom0_and_xen(self) -> None:
        """It has room for dom0, for Xen and for the modules."""
        memory = machine_memory(1 << 18, 1 << 10, 50 * MIB)
        assert memory is not None
        assert memory > 1024 * MIB + 50 * MIB

    def test_room_side_by_side(self) -> None:
        """An allocation of 1 GiB needs 2 GiB and what Xen takes: the first can't be had."""
        memory = machine_memory(1 << 18, 1 << 18, 0)
        assert memory is not None
        assert memory > 2048 * MIB

    def test_no_more_than_there_is(self) -> None:
        """There is a largest machine."""
        assert machine_memory(MOST_MEMORY >> 12, 1, 0) is None
        assert machine_memory(1, 1 << 19, 0) is None


@pytest.fixture(name="start")
def _start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a machine on the stand-in, with what it says and does; in the end nothing of it is left."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("FAKE_PID", str(tmp_path / "pid"))
    fake = Path(__file__).parent.with_name("fake_qemu.py")
    qemu = executable(tmp_path / "qemu", f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')

    def start(does: str, says: str = "", **options: Any) -> AbstractContextManager[Machine]:
        monkeypatch.setenv("FAKE_DOES", does)
        monkeypatch.setenv("FAKE_SAYS", says)
        found = Programs(qemu, tmp_path / "xen")
        return running(found, b"image", nr_pages=1000, memory=256 * MIB, **options)

    yield start
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads((tmp_path / "pid").read_text())[0], 0)


class TestRunning:
    """However a boot goes, it ends, and QEMU with it."""

    @pytest.mark.parametrize(
        "last", ["(XEN) Freed 656kB init memory\r\n", "(XEN) Reboot in five seconds...\r\n"]
    )
    def test_to_the_end(self, start: Start, last: str) -> None:
        """A boot ends when dom0 runs or when Xen has died; what Xen said comes without carriage returns."""
        with start("wait", f"(XEN) hello\r\n{last}") as machine:
            machine.run_to_the_end()
            assert machine.text == f"(XEN) hello\n{last}".replace("\r", "")

    def test_reading_memory(self, start: Start) -> None:
        """Frames are read by their number."""
        with start("wait", "Freed 1kB init memory") as machine:
            machine.run_to_the_end()
            assert machine.frames(0x1234, 3) == bytes(3 * 4096)

    def test_memory_that_is_not_there(self, start: Start) -> None:
        """When QEMU refuses to read memory its reason is told."""
        with (
            start("wait") as machine,
            pytest.raises(InputError, match="QEMU refuses memsave: no such memory"),
        ):
            machine.frame_info(0, 1)

    def test_a_time_limit(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        """A boot that comes to no end is given up; what Xen said until then is kept."""
        monkeypatch.setattr(real_xen, "TIME_LIMIT", 1.0)
        with start("wait", "(XEN) hello\n") as machine, pytest.raises(TimedOut) as error:
            machine.run_to_the_end()
        assert error.value.text == "(XEN) hello\n"
        assert str(error.value) == "Xen came to no end within 1 s"

    def test_a_reset(self, start: Start) -> None:
        """When the processor resets the machine this is added to what Xen said."""
        with start("reset", "(XEN) hello\n") as machine:
            machine.run_to_the_end()
            assert machine.text.splitlines()[-1] == RESET

    def test_a_silence(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Xen that may hang is dead when it says nothing for some time, once it has said where dom0 starts."""
        monkeypatch.setattr(real_xen, "SILENCE", 0.5)
        with start("wait", "(XEN)  ENTRY ADDRESS: 1\n") as machine:
            machine.run_to_the_end(may_hang=True)
            assert machine.text.splitlines()[-1] == SILENT
        monkeypatch.setattr(real_xen, "TIME_LIMIT", 1.0)
        for said, may_hang in (("(XEN)  ENTRY ADDRESS: 1\n", False), ("(XEN) hello\n", True)):
            with start("wait", said) as machine, pytest.raises(TimedOut):
                machine.run_to_the_end(may_hang=may_hang)

    def test_faults_without_end(self, start: Start) -> None:
        """A Xen that faults while it prints its registers is dead after a few times."""
        with start("wait", "----[ Xen-4.17.7 ]----\n" * 4) as machine:
            machine.run_to_the_end()

    def test_cancelled(self, start: Start) -> None:
        """A boot that is cancelled ends."""
        cancelled = Event()
        with start("wait", cancelled=cancelled) as machine:
            cancelled.set()
            with pytest.raises(Cancelled):
                machine.run_to_the_end()

    def test_qemu_ends(self, start: Start) -> None:
        """When QEMU ends by itself the last line of its complaint is told."""
        with start("end") as machine, pytest.raises(InputError, match=r"ended by itself: the second line$"):
            machine.run_to_the_end()

    @pytest.mark.parametrize(
        ("monitored", "told"),
        [
            ("rubbish\n", "expected a message of QEMU's machine protocol, found 'rubbish'"),
            ("[1]\n", "found '[1]'"),
            ("null\n", "found 'null'"),
            ("\n", "found ''"),
            ("[" * 100_000 + "\n", "found '[[["),
            ("9" * 5000 + "\n", "found '999"),
            ('{"error": 1}\n', "QEMU refuses qmp_capabilities: 1"),
            ('{"error": {"desc": "' + "x" * 1000 + '"}}\n', "QEMU refuses qmp_capabilities: xxx"),
            ("\udcff\n", "found '"),
        ],
    )
    def test_rubbish_on_the_monitor(
        self, start: Start, monkeypatch: pytest.MonkeyPatch, monitored: str, told: str
    ) -> None:
        """What is no message of QEMU's is one line, whatever it is."""
        monkeypatch.setenv("FAKE_MONITOR", monitored)
        with pytest.raises(InputError) as error, start("wait"):
            pass
        assert told in str(error.value)
        assert len(str(error.value)) < 400

    @pytest.mark.parametrize("monitored", ["x" * 1000, '{"event": "RESUME"}\n'])
    def test_a_monitor_without_an_end(
        self, start: Start, monkeypatch: pytest.MonkeyPatch, monitored: str
    ) -> None:
        """Neither a message that doesn't end nor messages that don't end keep the tool busy."""
        monkeypatch.setattr(real_xen, "TIME_LIMIT", 1.0)
        monkeypatch.setenv("FAKE_MONITOR", monitored)
        with pytest.raises(InputError, match=r"expected a message|doesn't answer"), start("flood"):
            pass

    def test_words_without_an_end(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine that says more than any Xen does is ended."""
        monkeypatch.setattr(real_xen, "MOST_SAID", 1 << 20)
        with start("flood") as machine, pytest.raises(InputError, match="says more than 1 MiB"):
            machine.run_to_the_end()

    def test_a_closed_line(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        """A QEMU that says it is at its end and goes on isn't waited for."""
        monkeypatch.setattr(real_xen, "GOODBYE", 0.5)
        with (
            start("close") as machine,
            pytest.raises(InputError, match="closed its connection and is still running"),
        ):
            machine.run_to_the_end()

    @pytest.mark.parametrize(("does", "found"), [("short", 4095), ("nothing", 0)])
    def test_too_little_memory(self, start: Start, does: str, found: int) -> None:
        """A file of another size than asked for is no memory."""
        with start(does) as machine, pytest.raises(InputError, match=f"expected 4096 bytes, found {found}"):
            machine.frames(1, 1)

    def test_a_qemu_that_is_no_program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What can't be executed is told in one line, with and without the program that ends it with us."""
        qemu = executable(tmp_path / "qemu", "\0rubbish")
        for found in (shutil.which, lambda _name: None):
            monkeypatch.setattr("shutil.which", found)
            machine = running(Programs(qemu, tmp_path / "xen"), b"", nr_pages=1, memory=256 * MIB)
            with (
                pytest.raises(InputError, match=r"can't be run: Exec format error|ended by itself: "),
                machine,
            ):
                pass

    def test_qemu_does_not_start(self, start: Start, tmp_path: Path) -> None:
        """When QEMU doesn't take its arguments that is told, too."""
        with start("wait"):
            pass
        executable(tmp_path / "qemu", "#!/bin/sh\necho no such machine >&2\nexit 1\n")
        with pytest.raises(InputError, match=r"ended by itself: no such machine$"), start("wait"):
            pass

    def test_an_error_in_between(self, start: Start) -> None:
        """Whatever is raised while a machine runs, it is ended."""
        with pytest.raises(KeyboardInterrupt), start("wait"):
            raise KeyboardInterrupt

    def test_arguments(self, start: Start, tmp_path: Path) -> None:
        """Dom0's memory, the machine's, Xen, the image and an initrd are among QEMU's arguments."""
        with start("wait", initrd_len=5000) as machine:
            argv = json.loads((tmp_path / "pid").read_text())
            modules = [Path(each) for each in argv[argv.index("-initrd") + 1].split(",")]
            assert modules[0].read_bytes() == b"image"
            assert modules[1].read_bytes() == bytes(5000)
            assert argv[argv.index("-append") + 1].endswith(" dom0_mem=4000K")
            assert argv[argv.index("-m") + 1] == "256M"
            assert argv[argv.index("-kernel") + 1] == str(tmp_path / "xen")
            assert machine.folder == modules[0].parent
