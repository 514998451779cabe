"""Boots a PV image on a real Xen under QEMU, and reads the machine's memory.

A boot has a time limit, and QEMU is ended however it goes: `running` is a context manager. Nothing is needed from
the guest; Xen tells what it does on the serial line, and QEMU copies memory out while the machine stands still.

Facts: QEMU's multiboot loader (``-kernel``, modules by ``-initrd``) takes Xen's 32-bit ELF; QEMU's QMP reference
for ``stop``, ``pmemsave`` and ``memsave``; Xen's command line document for its options. With ``-icount`` QEMU's time follows
the instructions executed, so that Xen's delay loops are short. Xen's ``asm/config.h`` and ``struct page_info`` in its
``asm/mm.h`` (x86, 4.17 to 4.22) for what it notes of frames. ``-action shutdown=pause`` keeps the memory
after a panic, which Xen ends with a reset.
"""

import contextlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, Final

from attrs import define, field, frozen

from ..edge.errors import InputError
from ..edge.files import file_size, read_input
from ..images.kernel_payload import PACKED_LIMIT, payload
from ..layouts.arrangement import ENTRY
from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE

QEMU: Final = "qemu-system-x86_64"
QEMU_PACKAGE: Final = "qemu-system-x86"
XEN_PACKAGE: Final = "xen-hypervisor-4.17-amd64"
XEN_FOLDER: Final = Path("/boot")

TIME_LIMIT: Final = 60.0
"""How long a boot may take, in seconds; on a quiet machine it takes about half of one."""
MOST_MEMORY: Final = 3 << 30
"""The most memory that a machine is given, in bytes: from 3.5 GiB on there is a hole in it."""
MOST_SAID: Final = 16 << 20
"""The most that Xen, or QEMU, may say, in bytes."""
LONGEST_MESSAGE: Final = 1 << 20
"""No message of QEMU's is longer, in bytes."""
GOODBYE: Final = 5.0
"""How long QEMU may take to end once it closed its lines to us, in seconds."""
_LEAST_MEMORY: Final = 256 << 20
_XENS_OWN: Final = 96 << 20
"""What Xen, its heap and its frame table take at most of a machine with `MOST_MEMORY`, in bytes."""

XEN_OPTIONS: Final = (
    "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0=pv,verbose edd=off edid=no bootscrub=0"
)
FRAME_TABLE: Final = 0xFFFF_82E0_0000_0000
"""Where Xen has its table of frames, by mfn (without CONFIG_BIGMEM, in machines without holes) ..."""
FRAME_TABLE_ENTRY: Final = 32
"""... how many bytes one frame has there, and which words of them count its uses and tell its type."""
COUNT_INFO_WORD: Final = 1
TYPE_INFO_WORD: Final = 2

_QEMU_OPTIONS: Final = (
    *("-M", "pc", "-cpu", "qemu64", "-accel", "tcg", "-icount", "shift=10"),
    *("-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"),
    *("-action", "reboot=shutdown,shutdown=pause"),
)

_END: Final = re.compile(
    rb"Freed \d+kB init memory|Reboot in five seconds|Manual reset required|the machine was reset|says nothing any more"
)
"""What Xen says last: dom0 runs, or Xen has died."""
_LONGEST_END: Final = 64
RESET: Final = "(QEMU) the machine was reset"
"""Stands at the end of what Xen said if the processor gave up on it: a triple fault."""
SILENT: Final = "(QEMU) Xen says nothing any more"
"""Stands there if Xen hangs, where it may."""
SILENCE: Final = 10.0
"""After so many seconds without a word a Xen that may hang is taken to do so."""
_REGISTERS: Final = b"----[ Xen-"
"""Begins the print-out of the registers when Xen dies."""
_DUMPS: Final = 3
"""After more print-outs than this Xen does nothing but fault while it prints the next."""


class TimedOut(Exception):
    """Xen neither came to dom0 nor died within the time limit; ``text`` is what it said."""

    def __init__(self, seconds: float, text: str) -> None:
        super().__init__(f"Xen came to no end within {seconds:.0f} s")
        self.text = text


class Cancelled(Exception):
    """Somebody wants all boots to end."""


@frozen
class Programs:
    """The QEMU and the Xen that boots use; the Xen is unpacked."""

    qemu: Path
    xen: Path


@contextlib.contextmanager
def programs(xen: Path | None = None, qemu: Path | None = None) -> Iterator[Programs]:
    """QEMU and Xen, those of Debian's packages unless others are given; the Xen is unpacked for so long.

    Raises:
        InputError: one is missing, or is no such program.
    """
    found_qemu, found_xen = _find_qemu(qemu), _find_xen(xen)
    with tempfile.TemporaryDirectory(prefix="ptproof-") as folder:
        unpacked = Path(folder, "xen")
        unpacked.write_bytes(_multiboot(found_xen))
        yield Programs(found_qemu, unpacked)


def _find_qemu(path: Path | None) -> Path:
    found = shutil.which(path or QEMU)
    if found is None and path is not None:
        raise InputError(f"{path}: expected a QEMU that can be run, found none")
    if found is None:
        raise InputError(
            f"no {QEMU} was found: apt-get install --no-install-recommends {QEMU_PACKAGE}, or --qemu PATH"
        )
    return Path(found)


def _find_xen(path: Path | None) -> Path:
    """The path, or else the newest Xen that Debian's packages put into /boot."""
    if path is not None:
        return path
    found = sorted(XEN_FOLDER.glob("xen-[0-9]*.gz"), key=lambda each: _numbers(each.name))
    if not found:
        raise InputError(
            f"no Xen was found in {XEN_FOLDER}: apt-get install --no-install-recommends {XEN_PACKAGE}, "
            "or --xen PATH"
        )
    return found[-1]


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def _multiboot(path: Path) -> bytes:
    """What the file holds, unpacked. Raises `InputError` if QEMU couldn't load that."""
    data = bytes(payload(read_input(str(path), PACKED_LIMIT), str(path)).data)
    if data[:5] != b"\x7fELF\x01":
        raise InputError(
            f"{path}: expected Xen as a 32-bit ELF, packed by gzip or not (xen.gz, not xen.efi, not xen-syms), "
            f"found a file that starts with {data[:5].hex(' ')}"
        )
    return data


def machine_memory(nr_pages: int, allocation: int, modules: int) -> int | None:
    """The memory for a machine in which dom0 has ``nr_pages``, in bytes; ``None`` if there is none so large.

    ``allocation`` is how many pages lie side by side, at a multiple of as many: below them are the first of the
    machine's memory, above them Xen, its heap and the modules, which are so many bytes.
    """
    needed = max(nr_pages, 2 * allocation) * PAGE_SIZE + _XENS_OWN + modules
    needed = max(needed, _LEAST_MEMORY)
    memory = needed + -needed % (64 << 20)
    return memory if memory <= MOST_MEMORY else None


@define
class Machine:
    """A running machine: what Xen says on its serial line, and its memory."""

    process: "subprocess.Popen[bytes]"
    monitor: "_Monitor"
    folder: Path
    deadline: float
    cancelled: Event
    said: bytearray = field(factory=bytearray)

    @property
    def text(self) -> str:
        """What Xen has said."""
        return self.said.decode("latin-1").replace("\r", "")

    def run_to_the_end(self, *, may_hang: bool = False) -> None:
        """Let it run until dom0 runs or Xen has died, then stop it; its memory stays as it is.

        If it ``may_hang``, it has died also when it says nothing for `SILENCE` once it has said where dom0 starts.

        Raises:
            TimedOut: it came to no end before the time limit.
            Cancelled: the boot was cancelled.
            InputError: QEMU ended by itself.
        """
        output = self.process.stdout
        assert output is not None
        searched = 0
        last_said = time.monotonic()
        while not (_END.search(self.said, searched) or self.said.count(_REGISTERS) > _DUMPS):
            searched = max(0, len(self.said) - _LONGEST_END)
            if self.cancelled.is_set():
                raise Cancelled
            if time.monotonic() > self.deadline:
                raise TimedOut(TIME_LIMIT, self.text)
            says, tells = output.fileno(), self.monitor.connection.fileno()
            ready = select.select([says, tells], [], [], 0.1)[0]
            if says in ready:
                data = os.read(says, 1 << 16)
                if not data:
                    raise self.monitor.ended()
                self.said += data
                if len(self.said) > MOST_SAID or self.monitor.complaints.stat().st_size > MOST_SAID:
                    raise InputError(f"{QEMU} says more than {MOST_SAID >> 20} MiB")
                last_said = time.monotonic()
            elif self.monitor.was_reset(news=tells in ready):
                self.said += f"\n{RESET}\n".encode()
            elif may_hang and time.monotonic() > last_said + SILENCE and ENTRY.encode() in self.said:
                self.said += f"\n{SILENT}\n".encode()
        self.monitor.command("stop")

    def frames(self, mfn: int, count: int) -> bytes:
        """The contents of ``count`` machine frames."""
        return self._saved("pmemsave", mfn << PAGE_SHIFT, count << PAGE_SHIFT)

    def frame_info(self, mfn: int, count: int) -> bytes:
        """What Xen notes of ``count`` machine frames: for each its count_info and its type_info, as words."""
        start = FRAME_TABLE + mfn * FRAME_TABLE_ENTRY - ADDRESS_LIMIT  # QEMU takes signed numbers
        words = array("Q", self._saved("memsave", start, count * FRAME_TABLE_ENTRY))
        taken = array("Q", bytes(2 * count * words.itemsize))
        step = FRAME_TABLE_ENTRY // words.itemsize
        taken[0::2], taken[1::2] = words[COUNT_INFO_WORD::step], words[TYPE_INFO_WORD::step]
        return taken.tobytes()

    def _saved(self, command: str, address: int, size: int) -> bytes:
        """Memory as one of QEMU's commands gives it: by machine address, or as Xen sees it."""
        file = self.folder / "memory"
        self.monitor.command(command, val=address, size=size, filename=os.fspath(file))
        found = file_size(str(file)) if file.exists() else 0
        if found != size:
            raise InputError(f"{QEMU}: {command}: expected {size} bytes, found {found}")
        return file.read_bytes()


@define
class _Monitor:
    """QEMU's machine protocol (QMP), as far as it is needed: commands, one after another, and a reset."""

    connection: socket.socket
    process: "subprocess.Popen[bytes]"
    complaints: Path
    rest: bytes = b""
    reset: bool = False

    def command(self, name: str, **arguments: object) -> None:
        """Execute it and wait until that is done. Raises `InputError` when QEMU refuses, or is gone."""
        until = time.monotonic() + TIME_LIMIT
        try:
            self.connection.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
            while time.monotonic() < until:
                for answer in self._received():
                    if "error" in answer:
                        refusal = answer["error"]
                        why = refusal.get("desc") if isinstance(refusal, dict) else refusal
                        raise InputError(f"QEMU refuses {name}: {str(why)[:200]}")
                    if "return" in answer:
                        return
            raise InputError(f"{QEMU} doesn't answer {name}")
        except TimeoutError as error:
            raise InputError(f"{QEMU} doesn't answer {name}") from error
        except OSError as error:
            raise self.ended() from error

    def ended(self) -> InputError:
        """What to raise when QEMU has ended by itself: the last line of what it complained of."""
        try:
            status = self.process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            return InputError(f"{QEMU} closed its connection and is still running")
        with self.complaints.open("rb") as file:
            file.seek(max(0, self.complaints.stat().st_size - 10_000))
            lines = file.read(10_000).decode("utf-8", "replace").splitlines()
        complaint = next((line for line in reversed(lines) if line.strip()), f"status {status}")
        return InputError(f"{QEMU} ended by itself: {complaint[:400]}")

    def was_reset(self, *, news: bool) -> bool:
        """Whether the machine was reset, now or before; takes in what QEMU has to tell if there are ``news``."""
        if news:
            self._received()
        return self.reset

    def _received(self) -> list[dict[str, Any]]:
        """All messages that are there, once there is something; the end of the last may still be to come."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise self.ended()
        *lines, self.rest = (self.rest + data).split(b"\n")
        messages = [_message(line) for line in lines]
        if len(self.rest) > LONGEST_MESSAGE:
            raise _no_message(self.rest)
        self.reset |= any(message.get("event") == "SHUTDOWN" for message in messages)
        return messages


def _message(line: bytes) -> dict[str, Any]:
    """One of QEMU's messages. Raises `InputError` for anything else."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _no_message(line) from error
    if not isinstance(found, dict):
        raise _no_message(line)
    return found


def _no_message(line: bytes) -> InputError:
    shown = line[:40].decode("utf-8", "replace")
    return InputError(f"{QEMU}: expected a message of QEMU's machine protocol, found {shown!r}")


@contextlib.contextmanager
def running(
    found: Programs,
    image: bytes,
    *,
    nr_pages: int,
    memory: int,
    initrd_len: int = 0,
    cancelled: Event | None = None,
) -> Iterator[Machine]:
    """A machine on which Xen boots the image, with so many pages for dom0; it is ended afterwards.

    ``memory`` is the machine's, in bytes; the initrd is so many zeros. Setting ``cancelled`` ends the boot soon.
    """
    with tempfile.TemporaryDirectory(prefix="ptproof-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        modules = [folder / "image"]
        modules[0].write_bytes(image)
        if initrd_len:
            modules.append(folder / "initrd")
            with modules[1].open("wb") as file:
                file.truncate(initrd_len)
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        ours.settimeout(TIME_LIMIT)
        complaints = stack.enter_context((folder / "complaints").open("wb"))
        with theirs:
            argv = [
                *_ended_with_us(),
                os.fspath(found.qemu),
                *_QEMU_OPTIONS,
                *("-chardev", f"socket,id=monitor,fd={theirs.fileno()}"),
                *("-mon", "chardev=monitor,mode=control"),
                *("-m", f"{memory >> 20}M", "-kernel", os.fspath(found.xen)),
                *("-append", f"{XEN_OPTIONS} dom0_mem={nr_pages * (PAGE_SIZE >> 10)}K"),
                *("-initrd", ",".join(map(os.fspath, modules))),
            ]
            try:
                process = subprocess.Popen(  # noqa: S603 - the QEMU that was found or given
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    pass_fds=[theirs.fileno()],
                )
            except OSError as error:
                raise InputError(f"{found.qemu}: can't be run: {error.strerror}") from error
        stack.enter_context(process)  # closes its output and waits, once it was killed
        stack.callback(process.kill)
        monitor = _Monitor(ours, process, folder / "complaints")
        monitor.command("qmp_capabilities")
        yield Machine(process, monitor, folder, time.monotonic() + TIME_LIMIT, cancelled or Event())


def _ended_with_us() -> list[str]:
    """What starts a program so that it ends with this one, even when this one is killed."""
    found = shutil.which("setpriv")
    return [] if found is None else [found, "--pdeathsig", "KILL", "--"]
