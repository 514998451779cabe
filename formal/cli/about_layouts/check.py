"""``ptproof check``: which refuted claims a kernel image can run into, whatever dom0's memory and the initrd are."""

import argparse

from ..arguments import add_examples, add_host_map, add_json, number, set_files
from .image import warn_of

SECONDS = 120
MOST_MEMORY = {64: 256 << 30, 32: 128 << 30}
"""The memory of a large host of today, in bytes, by the kernel's width: a 32-bit dom0 can't have more than 166 GiB."""
LONGEST_INITRD = 256 << 20
"""More than the initrds of today's distributions, in bytes."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "check",
        help="find the refuted claims that a kernel image can run into",
        description="Asks of one kernel image, for every memory and every initrd at once: is the count exact, can the region "
        "wrap, can the cap raise dom0's memory, does the region touch Xen's area, is VIRT_BASE aligned? Each is "
        "proved for this image, or comes with the least memory and the shortest initrd that break it. Status 1 when "
        "something breaks within --max-memory and --max-initrd, unless it is harmless. What takes more is listed, too.",
        allow_abbrev=False,
    )
    parser.add_argument("image", metavar="IMAGE", help="an ELF, packed or not, or a bzImage (vmlinuz)")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=number(1, 1 << 20),
        default=SECONDS,
        help=f"kill a solver process after S seconds on one question (default: {SECONDS})",
    )
    add_host_map(parser, "tell with which memory the image")
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        type=number(1 << 12, 1 << 63),
        help="the status covers cases with up to so much memory (default: 256G, 128G for a 32-bit kernel)",
    )
    parser.add_argument(
        "--max-initrd",
        metavar="SIZE",
        type=number(0, 1 << 63),
        default=LONGEST_INITRD,
        help="the status covers cases with an initrd up to so long (default: 256M)",
    )
    add_json(parser, "all answers")
    set_files(parser, reads=("image", "host_map"))
    add_examples(parser, "ptproof check vmlinuz", "ptproof check vmlinuz --max-memory 64G --json check.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the image, ask, and print the answers."""
    from ...edge.errors import NothingSelected
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...edge.progress import on_terminal
    from ...images.image import read_image
    from ...images.image_check import check
    from ...images.image_questions import Limits, questions
    from ...layouts.paging import PAGE_SIZE
    from ...logs.memory_map import read_map
    from ...machine.host_memory import memories
    from ...reports.image_check_report import as_dict, lines

    host = None if arguments.host_map is None else read_map(arguments.host_map)
    image = warn_of(read_image(arguments.image))
    configuration = image.configuration(0)
    asked = questions(configuration)
    if asked is None:
        raise NothingSelected("no installed package asks anything of an image")
    most = arguments.max_memory or MOST_MEMORY[configuration.mode.bits]
    within = Limits(nr_pages=most // PAGE_SIZE, initrd_len=arguments.max_initrd)
    found = check(asked, within=within, seconds=arguments.timeout, progress=on_terminal())
    met = None if host is None else tuple(memories(configuration, host))
    if arguments.json is not None:
        write_json(arguments.json, as_dict(found, configuration, arguments.image, met))
    if arguments.json != "-":
        say(lines(found, configuration, arguments.image, met))
    fatal = image.is_linux and any(each.conflict.fatal for each in met or ())
    return max(found.status, Status.DIFFERS if fatal else Status.AS_EXPECTED)
