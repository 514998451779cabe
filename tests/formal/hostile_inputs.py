"""Inputs of every kind changed at random, and what must hold of each: it is taken, or refused in one line, and soon.

``python hostile_inputs.py COUNT SEED [KIND...]`` tries so many of each kind, or of those named; the test suite tries a
few. Kernel images as such are in ``hostile_images``.
"""

import argparse
import contextlib
import io
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest.mock import patch

import hostile_images
import tiny_claims as tiny
from attrs import frozen
from elf_maker import PACKERS, bzimage, with_size
from ptproof.formal.certify import proof_checker
from ptproof.formal.certify.bit_blaster import Cnf
from ptproof.formal.certify.certificate import _looks, read_manifest
from ptproof.formal.certify.proof_checker import RefusedProof
from ptproof.formal.certify.sat_oracle import NotRefuted, refutation
from ptproof.formal.cli import main as cli
from ptproof.formal.cli.arguments import _given
from ptproof.formal.edge.errors import InputError
from ptproof.formal.edge.outside import one_line
from ptproof.formal.images.image_writer import pv_image
from ptproof.formal.images.kernel_payload import payload
from ptproof.formal.judging.check_log import as_dict, as_lines, check_boots
from ptproof.formal.judging.domu_log import builders_refusal, judge_log
from ptproof.formal.judging.domu_records import judge_all, looks_like_records, read_records
from ptproof.formal.judging.memory_conflicts import with_maps
from ptproof.formal.judging.panics import panic_findings
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.layouts.layout import Layout
from ptproof.formal.layouts.layout_json import as_dict as layout_as_dict
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logs.boot_log_reader import all_boots, read_boots
from ptproof.formal.logs.log_window import log_text
from ptproof.formal.logs.messages_in_logs import messages_in
from ptproof.formal.machine.replay import ImpossibleLayout, TooLarge, check_work, replay
from ptproof.formal.pictures.picture import picture_of
from ptproof.formal.pictures.picture_svg import picture_svg
from ptproof.formal.reports.counterexample_json import read_layouts

DATA: Final = Path(__file__).parents[1] / "data"
SLOWEST: Final = 4.0
"""No input may take longer, in seconds of the processor's time; on a quiet machine none takes more than two."""
SMALL: Final = 30_000
"""So many pages of a layout are built for each of many; of larger ones some are."""
LONGEST_MESSAGE: Final = 3000

ODD: Final = (
    *(
        "0",
        "1",
        "-1",
        "4095",
        "4096",
        "4097",
        "0x0",
        "0xffffffffffffffff",
        "18446744073709551616",
        "1e9",
        "00",
    ),
    *("0x7fffffffffffffff", "0x800000000000", "0xffff800000000000", "0xf5800000", "0x100000000", "2097152"),
    *(
        "ffffffffffffffff",
        "0000000000000000",
        "00000000",
        "ffffffff",
        "0000800000000000",
        "zz",
        "",
        " ",
        "\n",
    ),
    *(
        "null",
        "true",
        "[]",
        "{}",
        '"',
        "->",
        "=",
        "(",
        "\x1b[31m",
        "\x00",
        "\udcff",
        "9" * 5000,
        "\u202e",
        "64",
        "32",
    ),
)


@frozen
class Kind:
    """Inputs of a kind: those that are changed, how, and what checks one; whether it was taken."""

    originals: Callable[[], list[Any]]
    change: Callable[[Random, Any], Any]
    check: Callable[[Any], bool]


def changed_text(random: Random, original: bytes) -> bytes:
    """A copy with one to five changes of numbers, words, lines or bytes."""
    data = original
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        match random.randrange(8):
            case 0 | 1 | 2:
                words = list(re.finditer(rb"[0-9a-zA-Z_.]+|[^\sa-zA-Z0-9]+", data))
                if words:
                    at = random.choice(words)
                    odd = random.choice((*ODD, _near(random, at[0])))
                    data = data[: at.start()] + odd.encode("utf-8", "surrogateescape") + data[at.end() :]
            case 3:
                lines = data.split(b"\n")
                del lines[random.randrange(len(lines))]
                data = b"\n".join(lines)
            case 4:
                lines = data.split(b"\n")
                lines.insert(random.randrange(len(lines)), random.choice(lines))
                data = b"\n".join(lines)
            case 5:
                lines = data.split(b"\n")
                random.shuffle(lines)
                data = random.choice((b"\n", b"\r\n", b"\r", b" ", b"=\n")).join(lines)
            case _:
                data = hostile_images.changed(random, data)
    return data


def changed_json(random: Random, original: bytes) -> bytes:
    """Most often a value or a key is changed in one of the lines' JSON, or in all of it; else the text."""
    if random.randrange(4) == 0:
        return changed_text(random, original)
    lines = [original] if original.startswith(b"{\n") else original.split(b"\n")
    at = random.randrange(len(lines))
    plain = json.loads(lines[at])
    for _ in range(random.choice((1, 1, 2, 4))):
        _change_inside(random, plain)
    lines[at] = json.dumps(plain).encode()
    return b"\n".join(lines)


def _change_inside(random: Random, plain: Any) -> None:
    """Change something in an object or in a list, or in what is in it."""
    keys = list(plain) if isinstance(plain, dict) else list(range(len(plain)))
    if not keys:
        return
    key = random.choice(keys)
    value = plain[key]
    if isinstance(value, dict | list) and random.randrange(4):
        _change_inside(random, value)
        return
    match random.randrange(6):
        case 0:
            del plain[key]
        case 1:
            odd = random.choice(ODD)
            plain[key] = random.choice(
                (odd, None, True, [], {}, 0, -1, 1 << 64, 1.5, [odd, odd], {odd: odd}, value)
            )
        case 2 if isinstance(plain, dict):
            plain[random.choice((*ODD, "entry", "initrd", "p2m"))] = value
        case _:
            shown = _near(random, str(value).encode("utf-8", "surrogateescape"))
            plain[key] = shown if isinstance(value, str) or not shown.isdecimal() else int(shown)


def _near(random: Random, word: bytes) -> str:
    """A number near that of a word, written as it is; or the word with a digit changed."""
    text = word.decode("latin-1")
    number = re.fullmatch("(0x)?([0-9a-f]{1,16})", text)
    if number is None:
        return text[::-1]
    value = int(number[2], 16) + random.choice((-4096, -1, 1, 4096, 1 << 20, 1 << 22, 1 << 32, -(1 << 30)))
    return f"{number[1] or ''}{value % (1 << 64):0{len(number[2])}x}"


def assert_one_line(message: str) -> None:
    """It can be shown in one line, and isn't endless."""
    assert len(one_line(message)) < LONGEST_MESSAGE, message[:500]


@cache
def logs() -> list[bytes]:
    """Those of the field, the shorter ones, two together, and a few in other encodings."""
    found = [each.read_bytes() for each in sorted((DATA / "boot-logs").glob("*.log"))]
    arranged = [each[max(0, each.find(b"Dom0 kernel") - 300) :][:4000] for each in found]
    small = [each for each in (*found, *arranged) if len(each) < 6000]
    return [
        *small,
        *(each.read_bytes() for each in sorted((DATA / "field").glob("[de]*.log"))),
        small[0] + small[1],
        small[2].replace(b"->", b"-&gt;"),
        small[3].decode().encode("utf-16"),
    ]


def check_log(data: bytes) -> bool:
    """It is judged, and the judgement can be written down."""
    text = log_text(data, "hostile")
    builders_refusal(text)
    domus = judge_log(text, "hostile")
    if not domus and looks_like_records(data) and not all_boots(text, "hostile"):
        return check_records(data)
    boots = all_boots(text, "hostile") if domus else read_boots(text, "hostile")
    for judged in domus:
        assert judged.lines()
        json.dumps(judged.as_dict())
    panic_findings(boots, messages_in(text))
    for each in with_maps(check_boots(boots, count_rules()), text):
        assert each.status in (0, 1, 2)
        assert as_lines(each)
        json.dumps(as_dict(each))
    return True


@cache
def records() -> list[bytes]:
    """Those of the field, one by one and all."""
    lines = (DATA / "domu-layouts.jsonl").read_bytes().splitlines()
    return [*lines, b"\n".join(lines[:2])]


def check_records(data: bytes) -> bool:
    """Each is judged."""
    for each in judge_all(read_records(data, "hostile")):
        assert each.status in (0, 1)
        assert each.lines()
        json.dumps(each.as_dict())
    return True


@cache
def layouts() -> list[bytes]:
    """Layouts of all modes, and a counterexample of two."""
    shown = [layout_as_dict(each, each.v_start) for each in (tiny.LAYOUT, *_real_layouts())]
    runs = [{"title": "x", "layout": each} for each in shown[:2]]
    several = {"schema": "ptproof-counterexample/1", "parts": [{"name": "x", "runs": runs}]}
    return [json.dumps(each, indent=1).encode() for each in (*shown, several)]


def _real_layouts() -> Iterator[Layout]:
    for each in logs()[:12]:
        for boot in check_boots(read_boots(each, "x"), count_rules()):
            mode = boot.rule.mode if boot.rule else None
            if mode is not None and boot.boot.total and boot.boot.page_tables:
                names = ("kernel", "initrd", "p2m", "start_info", "page_tables", "boot_stack", "total")
                yield Layout(mode=mode, **{name: boot.boot.segment(name) for name in names})  # type: ignore[arg-type]


def check_layouts(data: bytes) -> bool:
    """Each is built and drawn, if it isn't large."""
    for _, found in read_layouts(data, "hostile"):
        layout_as_dict(found.layout, found.entry)
        pages = SMALL if hash(data) % 50 else 40 * SMALL
        with contextlib.suppress(TooLarge, ImpossibleLayout):
            check_work(found.layout, pages)
            report = replay(found.layout)
            assert report.sentences()
            json.dumps(report.as_dict())
            assert picture_svg(picture_of(found.layout, source="hostile", report=report)).endswith("</svg>\n")
    return True


@cache
def payloads() -> list[bytes]:
    """Small kernels packed in every way, in a bzImage and by themselves, once and twice."""
    kernel = pv_image()[:0x400] * 3
    alone = [pack(kernel) for pack in PACKERS.values()]
    large = [pack(bytes(1 << 20) + kernel) for pack in PACKERS.values()]
    wrapped = [bzimage(with_size(name, kernel)) for name in PACKERS]
    return [*alone, *large, *wrapped, *(pack(alone[0]) for pack in PACKERS.values())]


def check_payload(data: bytes) -> bool:
    """It is unpacked."""
    return len(payload(data, "hostile").data) >= 0


@cache
def manifests() -> list[bytes]:
    """The beginning of the real one."""
    whole = json.loads((DATA.parents[1] / "proofs/certificates.json").read_bytes())
    whole["certificates"] = whole["certificates"][:3]
    return [json.dumps(whole, indent=1).encode()]


def check_manifest(data: bytes) -> bool:
    """It is read."""
    trusted, certificates = read_manifest(data, "hostile")
    assert isinstance(trusted, dict)
    assert all(each.steps >= 1 for each in certificates)
    return True


@cache
def proofs() -> list[tuple[bytes, bytes]]:
    """Clauses over four variables with a proof, and with none."""
    random = Random(5)
    found: list[tuple[bytes, bytes]] = []
    while len(found) < 30:
        clauses = tuple(
            tuple(
                random.choice((-1, 1)) * each for each in random.sample(range(1, 5), random.randrange(1, 4))
            )
            for _ in range(random.randrange(4, 14))
        )
        cnf = Cnf(4, clauses)
        with contextlib.suppress(NotRefuted):
            found.append((cnf.dimacs().encode(), refutation(clauses).encode()))
    return found


def changed_proof(random: Random, original: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Most often the proof is changed, or is that of other clauses; else the clauses are."""
    cnf, proof = original
    match random.randrange(6):
        case 0:
            return changed_text(random, cnf), proof
        case 1:
            return random.choice(proofs())[0], changed_text(random, proof)
        case _:
            return cnf, changed_text(random, proof)


def check_proof(given: tuple[bytes, bytes]) -> bool:
    """What the checker takes can't be satisfied, by all cases; and it looks at no more than was reckoned."""
    cnf, proof = (each.decode("ascii", "replace") for each in given)
    clauses = tuple(proof_checker._read_cnf(cnf))
    assert _looks(Cnf(4, clauses), proof) >= 0
    proof_checker.check(cnf, proof)
    names = sorted({abs(each) for clause in clauses for each in clause})
    assert len(names) < 10
    for values in product((False, True), repeat=len(names)):
        true = dict(zip(names, values, strict=True))
        assert not all(any(true[abs(each)] == (each > 0) for each in clause) for clause in clauses)
    return True


WORDS: Final = (
    *(
        "4096",
        "0x1000",
        "4K",
        "1M",
        "0",
        "1",
        "64",
        "32",
        "0x112000",
        "1G",
        "16G",
        "0xffffffff80000000",
        "4T",
    ),
    *(
        "image",
        "layout.json",
        "log",
        "record",
        "nothing",
        "-",
        "--",
        "out",
        "/dev/null",
        "/dev/zero",
        ".",
        "link",
    ),
    *(
        "min:1G,max:2G",
        "25%",
        "-1G",
        "1G+10%",
        "4-level",
        "compat",
        "4-level-3.0",
        "2-level",
        "i386-pae-3.0",
        "z3",
    ),
    *(
        "proved",
        "refuted",
        "Tiny",
        "bash",
        "zsh",
        "fish",
        "md",
        "html",
        "json",
        "c-comment",
        "all",
        "\x1b[31m",
        "\udcff",
    ),
)
RUN: Final = ("list", "layout", "replay", "picture", "check-log", "image", "completion")
"""The commands that are run; of the others the arguments are looked at."""


@cache
def parser() -> argparse.ArgumentParser:
    """The command line, whose slow commands do nothing."""
    found = cli.command_line()
    for name, each in commands(found).items():
        if name not in RUN:
            each.set_defaults(run=lambda _arguments: 0)
    return found


def commands(whole: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    (found,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


@cache
def command_lines() -> list[list[str]]:
    """One for each command, that it takes."""
    addresses = ["--kernel", "1M", "0x112000", "--nr-pages", "4096"]
    return [
        *(["list", "proved"], ["completion", "bash"], ["show", "proved"], ["prove"], ["export", "out"]),
        *(
            ["counterexample", "refuted"],
            ["report", "-o", "out"],
            ["invariants"],
            ["certify", "--out", "out"],
        ),
        *(["layout", *addresses], ["picture", *addresses], ["boot", *addresses], ["check", "image"]),
        *(["replay", "layout.json"], ["picture", "--layout", "layout.json"], ["picture", "--log", "log"]),
        *(["check-log", "log", "record"], ["image", "image"], ["layout", "image", "--nr-pages", "4096"]),
    ]


def changed_command_line(random: Random, original: list[str]) -> list[str]:
    """A copy with options put in, values changed, words taken out or twice."""
    argv = list(original)
    own = [name for each in commands(parser())[argv[0]]._actions for name in each.option_strings]
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        at = random.randrange(len(argv) + 1)
        match random.randrange(6):
            case 0 | 1:
                argv[at:at] = [random.choice(own), random.choice(WORDS)][: random.choice((1, 2, 2, 2))]
            case 2:
                argv[at : at + 1] = [random.choice((*WORDS, *ODD))]
            case 3:
                argv[at : at + 1] = [f"{random.choice(own)}={random.choice((*WORDS, *ODD))}"]
            case 4:
                del argv[at : at + 1]
            case _:
                argv[at:at] = argv[max(0, at - 1) : at]
    return [each.replace("\0", "") for each in argv]


def check_command_line(argv: list[str]) -> bool:
    """The status is one of those for input; what is printed can be shown, and is one line where it is refused."""
    _fresh_folder()
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(cli, "command_line", parser),
        patch.object(claim_module, "claims", lambda: tiny.GOOD),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(logs()[0]))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = cli.main(argv)
    said = err.getvalue()
    assert status in (0, 1, 2, 5), (status, said)
    for each in (*out.getvalue().split("\n"), *said.split("\n")):
        assert each.isprintable(), each
    if not argv:
        assert (status, said) == (2, ""), said
    elif status in (2, 5):
        assert said.startswith("ptproof: "), said
        assert said.count("\n") == 1 or argv[0] == "check-log", said
    for name, content in _contents().items():
        if Path(name).read_bytes() != content:
            _assert_asked_for(argv, Path(name).resolve())
    return status in (0, 1)


def _assert_asked_for(argv: list[str], changed: Path) -> None:
    """The file that was changed is an output, and no input."""
    arguments = parser().parse_args(argv)
    outputs, inputs = (
        [Path(name).resolve() for _, name in _given(arguments, names)]
        for names in (arguments.writes, arguments.reads)
    )
    assert changed in outputs, changed
    assert changed not in inputs, changed


@cache
def _contents() -> dict[str, bytes]:
    """The files that command lines name."""
    return {
        "image": pv_image(),
        "layout.json": layouts()[0],
        "log": logs()[0],
        "record": records()[0],
    }


def _fresh_folder() -> None:
    """In the current folder, which is a temporary one, is just what there is to read."""
    for each in Path().iterdir():
        if each.name not in (*_contents(), "link") and each.is_file():
            each.unlink()
    for name, content in _contents().items():
        if not Path(name).exists() or Path(name).read_bytes() != content:
            Path(name).write_bytes(content)
    if not Path("link").exists():
        Path("link").symlink_to("log")


KINDS: Final = {
    "images": Kind(hostile_images.originals, hostile_images.changed, hostile_images.check),
    "payloads": Kind(payloads, hostile_images.changed, check_payload),
    "layouts": Kind(layouts, changed_json, check_layouts),
    "records": Kind(records, changed_json, check_records),
    "logs": Kind(logs, changed_text, check_log),
    "options": Kind(command_lines, changed_command_line, check_command_line),
    "manifests": Kind(manifests, changed_json, check_manifest),
    "proofs": Kind(proofs, changed_proof, check_proof),
}


def try_all(name: str, seed: int, count: int) -> hostile_images.Tally:
    """Check so many inputs of a kind; the first that fails is told with the error."""
    kind, random = KINDS[name], Random(f"{name} {seed}")
    accepted, slowest = 0, 0.0
    originals = kind.originals()
    for index in range(count):
        given = kind.change(random, random.choice(originals))
        start = time.process_time()
        try:
            accepted += _taken(kind.check, given)
            slowest = max(slowest, time.process_time() - start)
            assert slowest < SLOWEST, f"it took {slowest} s"
        except Exception as error:
            told = f"{error!s:.1000}: {given!s:.3000}"
            raise AssertionError(f"{name}, input {index} of seed {seed}: {told}") from error
    return hostile_images.Tally(accepted, count - accepted, slowest)


def _taken(check: Callable[[Any], bool], given: object) -> bool:
    """Whether it is taken; where it isn't, that can be told in a line."""
    try:
        return check(given)
    except (InputError, RefusedProof) as error:
        assert_one_line(str(error))
        return False


@contextlib.contextmanager
def temporary_folder() -> Iterator[None]:
    """Meanwhile the current folder is an empty one."""
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def main(count: int, seed: int, *names: str) -> None:
    """Try, and print what came of it."""
    with temporary_folder():
        for name in names or KINDS:
            tally = try_all(name, seed, count)
            print(  # noqa: T201 - for people
                f"{count} {name} from seed {seed}: {tally.accepted} accepted, {tally.refused} refused,"
                f" the slowest took {tally.slowest * 1000:.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
