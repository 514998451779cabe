"""``ptproof image``: what Xen finds in a PV kernel image, and where each fact came from."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_json, set_files

if TYPE_CHECKING:
    from ...images.image import Image


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "image",
        help="show what Xen finds in a kernel image",
        description="Reads a PV kernel image as Xen does and shows its segments, its notes and the addresses that "
        "follow, each with where it came from, and whether it is for dom0 or for domUs only. What neither takes is refused, with "
        "status 2.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", metavar="FILE", help="an ELF, packed or not, or a bzImage (vmlinuz); - is standard input"
    )
    reader = parser.add_mutually_exclusive_group()
    reader.add_argument(
        "--domU",
        dest="reader",
        action="store_const",
        const="domU",
        default="dom0",
        help="as libxenguest unpacks it for a domU, not Xen for a dom0",
    )
    reader.add_argument("--for", dest="reader", choices=("dom0", "domU"), help=argparse.SUPPRESS)
    add_json(parser, "what was found")
    set_files(parser, reads=("file",))
    add_examples(parser, "ptproof image vmlinuz", "ptproof image vmlinuz --domU")
    parser.set_defaults(run=run)


def warn_of(image: "Image") -> "Image":
    """Report on standard error what is odd about how an image is packed; returns the image."""
    import sys

    from ...edge.outside import say

    say((f"warning: {image.source}: {remark}" for remark in image.remarks), sys.stderr)
    return image


def run(arguments: argparse.Namespace) -> int:
    """Read one image and show it."""
    import sys

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...edge.terminal import width_of
    from ...images.image import read_image
    from ...images.packing_rules import Reader
    from ...reports.image_report import as_dict, report

    image = read_image(arguments.file, Reader(arguments.reader), anyhow=True)
    if image.not_for_dom0 is not None and image.not_for_domu is not None:
        raise InputError(f"{image.source}: {image.not_for_dom0}")
    if arguments.json is not None:
        write_json(arguments.json, as_dict(image))
    if arguments.json != "-":
        say(report(image, width_of(sys.stdout)).splitlines())
    return Status.AS_EXPECTED
