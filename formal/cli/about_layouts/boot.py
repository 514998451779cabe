"""``ptproof boot``: boot a layout on a real Xen under QEMU, and compare its tables with the model entry by entry."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_json, number, set_files
from ..what_if import OPTIONS, changed, refuse_what_if, what_if_of
from .image import warn_of
from .layout import (
    ADDRESSES,
    add_options,
    from_addresses,
    initrd_len,
    memory_option,
    pages_asked,
    refuse_addresses,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...layouts.layout import Configuration, Layout
    from ...xen.as_it_is import AsItIs
    from ...xen.boot_report import NotBooted
    from ...xen.booting import Booted, Kernel
    from ...xen.random_boots import Progress
    from ...xen.real_xen import Programs

NOT_RANDOM = (
    *(name for name in ADDRESSES if name != "bits"),
    *("image", "nr_pages", "dom0_mem", "host_mem", "initrd", "initrd_len", "record", *OPTIONS),
)
"""The arguments that say which layout to boot, or that are for one boot."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "boot",
        help="boot a layout on a real Xen under QEMU and compare its page tables entry by entry",
        description="Boots an image, or one made for the addresses, on a real Xen under QEMU. An image is booted as it "
        "is first, and then a copy of it that loops at its entry. Compares what Xen "
        "printed, and every entry of every page-table frame in the machine's memory, with the frame machine. Also "
        "tells whether Xen refuses the layout, or dies of it, as foretold. The what-if options are for a Xen that was changed in that way. Status 0 when all is as the model has "
        "it, 1 when something differs. docs/fidelity.md says what is compared. Numbers are decimal or 0x..., and "
        "may end in K, M, G or T.",
        allow_abbrev=False,
    )
    add_options(parser)
    many = parser.add_argument_group("many boots")
    many.add_argument(
        "--random", metavar="N", type=number(1, 1 << 20), help="boot N random layouts instead of one"
    )
    many.add_argument(
        "--seed", metavar="S", type=number(0, 1 << 64), help="the random layouts' seed (default: 0)"
    )
    many.add_argument(
        "--jobs", metavar="N", type=number(1, 256), help="boots at the same time (default: one a processor)"
    )
    parser.add_argument(
        "--counterexample", metavar="ID", help="boot the layouts that refute the claim, instead of one"
    )
    programs = parser.add_argument_group("the programs")
    programs.add_argument(
        "--xen", metavar="PATH", type=Path, help="another Xen (xen.gz) than the newest in /boot"
    )
    programs.add_argument("--qemu", metavar="PATH", type=Path, help="another QEMU than the one on the PATH")
    parser.add_argument("--record", metavar="FILE", help="keep what one boot left, to be compared again")
    add_json(parser, "what was compared, and all differences,")
    set_files(parser, reads=("image", "initrd", "xen", "qemu"), writes=("json", "record"))
    add_examples(parser, "ptproof boot vmlinuz --dom0-mem 512M", "ptproof boot --random 3 --seed 1")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Boot one layout, or many."""
    from ...edge.children import interruptible
    from ...xen.real_xen import programs

    _check(arguments)
    if arguments.counterexample is not None:
        return _counterexample(arguments)
    one = _one_of(arguments) if arguments.random is None else _many
    with interruptible(), programs(arguments.xen, arguments.qemu) as found:
        return one(arguments, found)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what doesn't go together."""
    from ...edge.errors import InputError

    for name, given in (("shim", arguments.shim), ("entry", arguments.entry is not None)):
        if given:
            raise InputError(f"argument --{name}: not for a boot")
    if arguments.random is not None:
        _refuse(arguments, "random", (*NOT_RANDOM, "counterexample"))
    elif arguments.counterexample is not None:
        _refuse(arguments, "counterexample", (*NOT_RANDOM, "seed", "jobs"))
    elif arguments.seed is not None or arguments.jobs is not None:
        raise InputError("arguments --seed and --jobs: not allowed without --random")
    elif arguments.record is not None:
        refuse_what_if(arguments, "--record")


def _refuse(arguments: argparse.Namespace, chosen: str, names: "Sequence[str]") -> None:
    """Refuse arguments that do not go with ``--chosen``."""
    from ...edge.errors import InputError

    for name in names:
        if getattr(arguments, name) is not None:
            shown = "IMAGE" if name == "image" else f"--{name.replace('_', '-')}"
            raise InputError(f"argument --{chosen}: not allowed with argument {shown}")


def _counterexample(arguments: argparse.Namespace) -> int:
    """Decide a claim and boot what refutes it."""
    from ...edge.errors import InputError
    from ...edge.files import write_json
    from ...logic.claim import claims
    from ...logic.prover import prove
    from ...logic.selection import select_one
    from ...reports.proof_report import witness_layouts
    from ...xen.boot_report import witnesses_as_dict

    claim = select_one(claims(), arguments.counterexample)
    layouts = witness_layouts(prove((claim,)).decisions[0])
    if not layouts:
        raise InputError(f"argument --counterexample: {claim.id} has no layout that refutes it")
    booted = boot_each(layouts, arguments.xen, arguments.qemu, quiet=arguments.json == "-")
    if arguments.json is not None:
        write_json(arguments.json, witnesses_as_dict(claim.id, booted))
    return worst(booted)


def boot_each(
    layouts: "Sequence[Layout]", xen: Path | None, qemu: Path | None, *, quiet: bool = False
) -> "list[Booted | NotBooted]":
    """Boot layouts one after the other, and print what real Xen made of each, unless ``quiet``.

    A 32-bit guest's needs a Xen that runs these: on another one it is left out, and the output says so.
    """
    from ...edge.children import interruptible
    from ...edge.errors import InputError
    from ...edge.outside import say
    from ...images.image_writer import configuration_of
    from ...xen.boot_report import NotBooted, lines
    from ...xen.booting import boot, kernel_of
    from ...xen.real_xen import programs

    booted: list[Booted | NotBooted] = []
    with interruptible(), programs(xen, qemu) as found:
        for layout in layouts:
            try:
                configuration = configuration_of(layout)
                seen = boot(found, configuration, kernel_of(configuration))
            except InputError as error:
                booted.append(NotBooted(layout, str(error)))
                said = [f"not booted ({layout.mode.title}): {error}"]
            else:
                booted.append(seen)
                said = list(lines(seen))
            if not quiet:
                say(said)
    if all(isinstance(each, NotBooted) for each in booted):
        raise InputError("none of the layouts could be booted")
    return booted


def worst(booted: "Sequence[Booted | NotBooted]") -> int:
    """The status of boots: whether one of them differed."""
    from ...edge.exit_status import Status
    from ...xen.boot_report import NotBooted

    differ = any(not isinstance(each, NotBooted) and each.comparison.differences for each in booted)
    return Status.DIFFERS if differ else Status.AS_EXPECTED


def _one_of(arguments: argparse.Namespace) -> "Callable[[argparse.Namespace, Programs], int]":
    """What boots the one that was asked for: by an image or by addresses."""
    from functools import partial

    from attrs import evolve

    from ...edge.files import read_input, title
    from ...images.image import READ_LIMIT
    from ...xen.booting import kernel_of

    if arguments.image:
        refuse_addresses(arguments)
        return partial(
            _file,
            nr_pages=_pages(arguments),
            data=read_input(arguments.image, READ_LIMIT),
            source=title(arguments.image),
        )
    configuration = _asked(arguments, evolve(from_addresses(arguments)[0], nr_pages=_pages(arguments)))
    return partial(_one, configuration=configuration, kernel=kernel_of(configuration))


def _asked(arguments: argparse.Namespace, configuration: "Configuration") -> "Configuration":
    """The configuration as a Xen takes it that was changed as the options say."""
    from attrs import evolve

    return evolve(configuration, what_if=what_if_of(arguments, configuration.mode))


def _file(
    arguments: argparse.Namespace, found: "Programs", *, nr_pages: int, data: bytes, source: str
) -> int:
    """Boot a file as it is, and then a copy with a loop at its entry, whose tables can be compared."""
    from functools import partial

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...xen.as_it_is import boot_as_it_is
    from ...xen.boot_report import file_as_dict, file_lines
    from ...xen.booting import spinning_kernel

    length = initrd_len(arguments)
    asked = partial(_asked, arguments)
    booted = partial(boot_as_it_is, asked=asked) if changed(arguments) else boot_as_it_is
    first, image = booted(found, data, source, nr_pages=nr_pages, initrd_len=length)
    if arguments.json != "-":
        say(file_lines(first))
    if image is not None:
        warn_of(image)
        _, kernel = spinning_kernel(data, source)
        if arguments.json != "-":
            say(["A copy of it, unpacked, with a loop at its entry:"])
        given = asked(image.configuration(nr_pages, length))
        return _one(arguments, found, configuration=given, kernel=kernel, first=first)
    if arguments.record is not None:
        raise InputError(f"argument --record: expected a file that Xen takes: {first.refusal}")
    if arguments.json is not None:
        write_json(arguments.json, file_as_dict(first))
    return Status.DIFFERS if first.differences else Status.AS_EXPECTED


def _pages(arguments: argparse.Namespace) -> int:
    """Dom0's memory in pages; reports what Xen doesn't read of dom0_mem."""
    from ...edge.outside import say
    from ...layouts.dom0_mem import what_is_dropped

    option = memory_option(arguments)
    pages, dropped = pages_asked(arguments, option), what_is_dropped(option)
    if dropped:
        say([f"warning: {dropped}"], sys.stderr)
    return pages


def _one(
    arguments: argparse.Namespace,
    found: "Programs",
    *,
    configuration: "Configuration",
    kernel: "Kernel",
    first: "AsItIs | None" = None,
) -> int:
    """Boot one; ``first`` is the outcome of the file as it is."""
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...xen.boot_report import as_dict, lines
    from ...xen.booting import boot
    from ...xen.recording import save

    booted = boot(found, configuration, kernel)
    if arguments.record is not None:
        save(booted.recording, arguments.record)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(booted, first))
    if arguments.json != "-":
        say(lines(booted))
    differs = booted.comparison.differences or (first and first.differences)
    return Status.DIFFERS if differs else Status.AS_EXPECTED


def _many(arguments: argparse.Namespace, found: "Programs") -> int:
    """Boot random ones."""
    import os
    import time

    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...layouts.paging import COMPAT, X86_64
    from ...xen.boot_report import many_as_dict, many_lines
    from ...xen.random_boots import boot_random

    seed, jobs = arguments.seed or 0, arguments.jobs or len(os.sched_getaffinity(0))
    started = time.monotonic()
    progress = _progress(arguments.random) if sys.stderr.isatty() else None
    mode = COMPAT if arguments.bits == 32 else X86_64
    boots = boot_random(found, seed, arguments.random, mode=mode, jobs=jobs, progress=progress)
    seconds = time.monotonic() - started
    if arguments.json is not None:
        write_json(arguments.json, many_as_dict(boots, seed, jobs, seconds))
    if arguments.json != "-":
        say(many_lines(boots, seed, jobs, seconds))
    differs = any(each.comparison.differences for each in boots)
    return Status.DIFFERS if differs else Status.AS_EXPECTED


def _progress(count: int) -> "Progress":
    """One line on the terminal that shows the progress, and disappears at the end."""

    def show(done: int, differed: int) -> None:
        shown = f"{done} of {count} booted, {differed} differed"
        print(
            f"\r{shown}" if done < count else f"\r{' ' * len(shown)}\r", end="", file=sys.stderr, flush=True
        )

    return show
