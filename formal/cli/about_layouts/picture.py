"""``ptproof picture``: draw a layout to scale, with its frames and the tree of its tables, as SVG."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_host_map, add_json, add_limit, add_version, number, set_files
from ..what_if import OPTIONS
from .layout import ADDRESSES, add_options, lay_out

if TYPE_CHECKING:
    from ...layouts.host_map import HostMap
    from ...layouts.layout import Layout
    from ...layouts.xen_version import XenVersion

_OPTIONS = (*ADDRESSES, "nr_pages", "dom0_mem", "host_mem", "initrd", "initrd_len", *OPTIONS)
"""What says which layout it is, beside an image."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "picture",
        help="draw a layout to scale, with its frames and its tree of tables, as SVG",
        description="Draws a layout as SVG: the region to scale, its end and its frames magnified, and the tree of "
        "tables that the frame machine built, each with its frame; frames that are left over, or tables outside "
        "of the frames set aside, are marked. The layout is that of an image or of its addresses, as for 'ptproof "
        "layout', or comes from a boot log or from a file. On a terminal, without -o, it is drawn in plain "
        "characters. Numbers are decimal or 0x..., and may end in K, M, G or T.",
        allow_abbrev=False,
    )
    add_options(parser)
    source = parser.add_argument_group("or else what was laid out already")
    given = source.add_mutually_exclusive_group()
    given.add_argument(
        "--layout", metavar="FILE", help="a layout as 'ptproof layout --json' writes it; - is standard input"
    )
    given.add_argument("--log", metavar="FILE", help="a boot log; - is standard input")
    source.add_argument(
        "--boot", metavar="N", type=number(1, 1 << 20), help="which boot of the log (default: 1, the first)"
    )
    parser.add_argument(
        "--nr-pt-pages",
        metavar="N",
        type=number(0, 1 << 22),
        help="set this many page-table frames aside, whatever the layout says; the region stays as it is",
    )
    add_host_map(parser, "outline what")
    add_version(parser, "build as an older Xen did")
    add_limit(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="write the SVG there, not to standard output"
    )
    add_json(parser, "what is drawn")
    set_files(parser, reads=("image", "initrd", "layout", "log", "host_map"), writes=("json", "output"))
    add_examples(
        parser,
        "ptproof picture vmlinuz --dom0-mem 4G -o layout.svg",
        "ptproof picture --log xen.log > boot.svg",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw."""
    import sys

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import write_bytes, write_json
    from ...edge.outside import one_line, say
    from ...edge.terminal import width_of
    from ...machine.replay import with_frames
    from ...pictures.picture import as_dict, picture_of
    from ...pictures.picture_svg import picture_svg
    from ...pictures.picture_text import MIN_WIDTH, picture_text, terminal_width

    _check(arguments)
    layout, version, source = _chosen(arguments)
    if arguments.nr_pt_pages is not None:
        layout = with_frames(layout, arguments.nr_pt_pages)
    picture = picture_of(
        layout,
        source=one_line(source),
        version=version,
        times=arguments.limit,
        host=_host(arguments),
    )
    if arguments.json is not None:
        write_json(arguments.json, as_dict(picture))
    if arguments.output != "-":
        write_bytes(arguments.output, picture_svg(picture).encode())
    elif arguments.json != "-" and width_of(sys.stdout) is None:
        sys.stdout.write(picture_svg(picture))
    elif arguments.json != "-":
        width = terminal_width()
        if width is None:
            raise InputError(
                f"standard output: expected a terminal of {MIN_WIDTH} columns, a file or a pipe, found one of "
                f"{width_of(sys.stdout)}: -o FILE writes the picture as SVG"
            )
        say(picture_text(picture, width))
        say(["note: -o FILE writes the picture as SVG"], sys.stderr)
    return Status.AS_EXPECTED


def _host(arguments: argparse.Namespace) -> "HostMap | None":
    """The host's memory map: the file's that was given, or else the log's own."""
    from ...edge.files import read_input
    from ...edge.limits import RAISED
    from ...logs.log_window import LIMIT
    from ...logs.memory_map import read_map, read_maps

    if arguments.host_map is not None:
        return read_map(arguments.host_map)
    if arguments.log in (None, "-"):
        return None
    maps, _ = read_maps(read_input(arguments.log, LIMIT * arguments.limit, RAISED), arguments.limit)
    return maps[-1] if maps else None


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what doesn't go together."""
    from ...edge.errors import InputError

    if arguments.boot is not None and arguments.log is None:
        raise InputError("argument --boot: not allowed without argument --log")
    chosen = "--layout" if arguments.layout is not None else "--log" if arguments.log is not None else None
    if chosen is None:
        return
    named = {"IMAGE": arguments.image, "--shim": arguments.shim or None}
    named |= {f"--{name.replace('_', '-')}": getattr(arguments, name) for name in _OPTIONS}
    if arguments.log is not None:
        named["--version"] = arguments.version
    for name, value in named.items():
        if value is not None:
            raise InputError(f"argument {chosen}: not allowed with argument {name}")


def _chosen(arguments: argparse.Namespace) -> "tuple[Layout, XenVersion | None, str]":
    """The layout, whose builder it is, and what it is called if it comes from a file."""
    import sys
    from pathlib import Path

    from ...edge.errors import InputError
    from ...edge.outside import say

    if arguments.layout is not None:
        return _from_file(arguments)
    if arguments.log is not None:
        return _from_log(arguments)
    if arguments.image is None and arguments.kernel is None:
        raise InputError(
            "one of the arguments IMAGE --kernel is required, or --layout or --log (see: ptproof picture --help)"
        )
    laid = lay_out(arguments)
    say(laid.notes, sys.stderr)
    return laid.found.layout, laid.version, Path(arguments.image).name if arguments.image else ""


def _from_file(arguments: argparse.Namespace) -> "tuple[Layout, XenVersion | None, str]":
    from pathlib import Path

    from ...edge.errors import InputError
    from ...edge.files import read_input, title
    from ...layouts.layout_json import LIMIT, read_layout
    from ...layouts.xen_version import asked_version

    source = title(arguments.layout)
    layout = read_layout(read_input(arguments.layout, LIMIT), source).layout
    version = None if arguments.version is None else asked_version(arguments.version, layout.mode.bits)
    if version is not None and version.mode != layout.mode:
        raise InputError(
            f"{source}: mode: expected {version.mode.name!r} for the version {version.name}, found {layout.mode.name!r}"
        )
    return layout, version, "" if arguments.layout == "-" else Path(source).name


def _from_log(arguments: argparse.Namespace) -> "tuple[Layout, XenVersion | None, str]":
    """One boot of a log, built as the Xen whose count it has did."""
    from pathlib import Path

    from ...edge.errors import InputError
    from ...edge.files import read_input, title
    from ...edge.limits import RAISED
    from ...judging.check_log import check_boot
    from ...layouts.count_rule import count_rules
    from ...layouts.paging import COMPAT, X86_64
    from ...layouts.xen_version import version_of_rule
    from ...logs.boot_log import layout_of
    from ...logs.boot_log_reader import read_boots
    from ...logs.log_window import LIMIT

    source = title(arguments.log)
    data = read_input(arguments.log, LIMIT * arguments.limit, RAISED)
    boots = read_boots(data, source, arguments.limit)
    wanted = arguments.boot or 1
    if wanted > len(boots):
        raise InputError(
            f"argument --boot: expected 1 to {len(boots)}, as many boots as {source} has, found {wanted}"
        )
    judged = check_boot(boots[wanted - 1], count_rules())
    version = None if judged.rule is None else version_of_rule(judged.rule.name)
    mode = version.mode if version else COMPAT if judged.width == 32 else X86_64
    layout = layout_of(judged.boot, mode)
    if layout is None:
        raise InputError(
            f"{source}:{judged.boot.line}: expected an arrangement with page tables and TOTAL, found a part of one"
        )
    return layout, version, f"{Path(source).name}:{judged.boot.line}"
