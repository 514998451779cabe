"""``ptproof replay``: build a layout's tables on the frame machine, and tell what it saw."""

import argparse

from .arguments import add_json, add_version, check_json_apart, number


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="build a layout (JSON) on the frame machine and tell what it saw",
        description="Builds the page tables of a layout frame by frame, as Xen's builder does, walks them "
        "with Xen's asserts, and tells what it saw. Status 0 when every frame set aside is a table and every "
        "page of the region is mapped as it should be, 1 when not.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", metavar="FILE", help="a layout as 'ptproof layout --json' writes it; - is standard input"
    )
    parser.add_argument(
        "--nr-pt-pages",
        metavar="N",
        type=number(0, 1 << 22),
        help="set this many page-table frames aside, whatever the layout says; the region stays as it is",
    )
    add_version(parser, "build as an older Xen did")
    add_json(parser, "the layout and what the machine saw")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay one layout."""
    from ..arrangement import arrangement
    from ..errors import InputError
    from ..exit_status import Status
    from ..files import read_input, title, write_json
    from ..layout_json import LIMIT, as_dict, read_layout
    from ..machine import ImpossibleLayout, TooLarge, generations_of, replay, with_frames
    from ..xen_version import xen_version

    source = title(arguments.file)
    check_json_apart(arguments.json, arguments.file)
    found = read_layout(read_input(arguments.file, LIMIT), source)
    layout = found.layout
    if arguments.nr_pt_pages is not None:
        layout = with_frames(layout, arguments.nr_pt_pages)
    version = None if arguments.version is None else xen_version(arguments.version)
    if version is not None and version.mode != layout.mode:
        raise InputError(
            f"{source}: mode: expected {version.mode.name!r} for the version {version.name}, found {layout.mode.name!r}"
        )
    try:
        report = replay(layout, version=version, generations=generations_of(version))
    except (TooLarge, ImpossibleLayout) as error:
        raise InputError(f"{source}: {error}") from error
    if arguments.json is not None:
        shown = {"schema": "ptproof-replay/1", "layout": as_dict(layout, found.entry)}
        write_json(arguments.json, shown | {"report": report.as_dict()})
    if arguments.json != "-":
        print(arrangement(layout, found.entry), end="")
        for sentence in report.sentences():
            print(sentence)
    return Status.AS_EXPECTED if report.exact else Status.DIFFERS
