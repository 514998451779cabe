"""``ptproof replay``: build a layout's tables on the frame machine, and tell what it saw."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_json, add_version, check_json_apart, number

if TYPE_CHECKING:
    from ...layouts.layout import Layout
    from ...machine.replay import Report


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="build a layout (JSON) on the frame machine and tell what it saw",
        description="Builds the page tables of a layout frame by frame, as Xen's builder does, walks them "
        "with Xen's asserts, and tells what it saw; of a counterexample, each layout in it. Status 0 when every frame set aside is a table and every "
        "page of the region is mapped as it should be, 1 when not.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a layout as 'ptproof layout --json' writes it, or what 'ptproof counterexample --json' writes; - is "
        "standard input",
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
    """Replay one layout, or all of a counterexample."""
    from ...edge.errors import one_line
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...layouts.arrangement import arrangement
    from ...layouts.layout_json import as_dict

    check_json_apart(arguments.json, arguments.file)
    replayed = _replayed(arguments)
    if arguments.json is not None:
        runs = [
            {"title": name, "layout": as_dict(layout, entry), "report": report.as_dict()}
            for name, layout, entry, report in replayed
        ]
        write_json(arguments.json, {"schema": "ptproof-replay/1", "runs": runs})
    if arguments.json != "-":
        texts = (
            (f"{one_line(name)}:\n" if name else "")
            + arrangement(layout, entry)
            + "".join(f"{sentence}\n" for sentence in report.sentences())
            for name, layout, entry, report in replayed
        )
        print("\n".join(texts), end="")
    exact = all(report.exact for *_, report in replayed)
    return Status.AS_EXPECTED if exact else Status.DIFFERS


def _replayed(arguments: argparse.Namespace) -> "list[tuple[str, Layout, int | None, Report]]":
    """What the machine saw of each layout in the file: its title, the layout, the entry address, the report."""
    from ...edge.errors import InputError
    from ...edge.files import read_input, title
    from ...layouts.xen_version import asked_version
    from ...machine.replay import ImpossibleLayout, TooLarge, generations_of, replay, with_frames
    from ...reports.counterexample_json import LIMIT, read_layouts

    source = title(arguments.file)
    found = []
    for name, read in read_layouts(read_input(arguments.file, LIMIT), source):
        layout = read.layout
        version = None if arguments.version is None else asked_version(arguments.version, layout.mode.bits)
        if arguments.nr_pt_pages is not None:
            layout = with_frames(layout, arguments.nr_pt_pages)
        if version is not None and version.mode != layout.mode:
            raise InputError(
                f"{source}: mode: expected {version.mode.name!r} for the version {version.name}, "
                f"found {layout.mode.name!r}"
            )
        try:
            report = replay(layout, version=version, generations=generations_of(version))
        except (TooLarge, ImpossibleLayout) as error:
            raise InputError(f"{source}: {f'{name}: ' if name else ''}{error}") from error
        found.append((name, layout, read.entry, report))
    return found
