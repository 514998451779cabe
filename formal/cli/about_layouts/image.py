"""``ptproof image``: what Xen finds in a PV kernel image, and where each fact came from."""

import argparse

from ..arguments import add_json, set_files


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
    add_json(parser, "what was found")
    set_files(parser, reads=("file",))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read one image and show it."""
    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...images.image import read_image
    from ...reports.image_report import as_dict, report

    image = read_image(arguments.file, anyhow=True)
    if image.not_for_dom0 is not None and image.not_for_domu is not None:
        raise InputError(f"{image.source}: {image.not_for_dom0}")
    if arguments.json is not None:
        write_json(arguments.json, as_dict(image))
    if arguments.json != "-":
        print(report(image), end="")
    return Status.AS_EXPECTED
