"""``ptproof replay``: build a layout's tables on the frame machine, and report what it saw."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_json, add_limit, add_version, number, set_files

ONE_MORE = 1000
"""What each layout takes besides its pages, in pages that would take as much."""

if TYPE_CHECKING:
    from ...layouts.layout import Layout
    from ...machine.replay import Report


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="build a layout (JSON) on the frame machine and report what it saw",
        description="Builds the page tables of a layout frame by frame, as Xen's builder does, walks them with Xen's asserts, "
        "and reports what it saw; for a counterexample, each layout in it. Status 0 when every frame set aside is a "
        "table and every page of the region is mapped as it should be, 1 when not.",
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
    add_limit(parser)
    add_json(parser, "the layout and what the machine saw")
    set_files(parser, reads=("file",))
    add_examples(
        parser,
        "ptproof replay layout.json",
        "ptproof layout vmlinuz --dom0-mem 4G --json - | ptproof replay -",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay one layout, or all of a counterexample."""
    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...layouts.arrangement import arrangement
    from ...layouts.layout_json import as_dict

    replayed = _replayed(arguments)
    if arguments.json is not None:
        runs = [
            {"title": name, "layout": as_dict(layout, entry), "report": report.as_dict()}
            for name, layout, entry, report in replayed
        ]
        write_json(arguments.json, {"schema": "ptproof-replay/1", "runs": runs})
    if arguments.json != "-":
        for index, (name, layout, entry, report) in enumerate(replayed):
            shown = arrangement(layout, entry).splitlines()
            say([*([""] if index else []), *([f"{name}:"] if name else []), *shown, *report.sentences()])
    exact = all(report.exact for *_, report in replayed)
    return Status.AS_EXPECTED if exact else Status.DIFFERS


def _replayed(arguments: argparse.Namespace) -> "list[tuple[str, Layout, int | None, Report]]":
    """What the machine saw of each layout in the file: its title, the layout, the entry address, the report."""
    from ...edge.errors import InputError
    from ...edge.files import read_input, title
    from ...edge.limits import raised_by
    from ...layouts.xen_version import asked_version
    from ...machine.replay import (
        BUILD_LIMIT,
        ImpossibleLayout,
        TooLarge,
        check_work,
        generations_of,
        replay,
        with_frames,
        work,
    )
    from ...reports.counterexample_json import LIMIT, read_layouts

    source = title(arguments.file)
    count, limit = arguments.nr_pt_pages, arguments.limit * BUILD_LIMIT
    layouts = [
        (name, read.layout if count is None else with_frames(read.layout, count), read.entry)
        for name, read in read_layouts(read_input(arguments.file, LIMIT), source)
    ]
    together = sum(work(each) + ONE_MORE for _, each, _ in layouts)
    if len(layouts) > 1 and together > limit:
        takes = f"its {len(layouts)} layouts take as much as {together} pages"
        raise InputError(
            f"{source}: {takes}: the frame machine executes at most {limit}{raised_by(together, BUILD_LIMIT)}"
        )
    found = []
    for name, layout, entry in layouts:
        version = None if arguments.version is None else asked_version(arguments.version, layout.mode.bits)
        if version is not None and version.mode != layout.mode:
            raise InputError(
                f"{source}: mode: expected {version.mode.name!r} for the version {version.name}, "
                f"found {layout.mode.name!r}"
            )
        where = f"{source}: {name}" if name else source
        try:
            check_work(layout, limit)
            report = replay(layout, version=version, generations=generations_of(version), limit=limit)
        except TooLarge as error:
            raise InputError(f"{where}: {error}{raised_by(error.pages, BUILD_LIMIT)}") from error
        except ImpossibleLayout as error:
            raise InputError(f"{where}: {error}") from error
        found.append((name, layout, entry, report))
    return found
