"""``ptproof layout``: where Xen's dom0 builder lays everything, from the image's addresses and the options."""

import argparse

from .arguments import add_json, address, dom0_mem, number


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "layout",
        help="print dom0's memory arrangement as Xen's boot log would",
        description="Lays dom0 out as Xen's builder does and prints the arrangement in the form of Xen's boot "
        "log: by the frame machine and by the formulas, which must agree. What Xen would refuse, or get wrong, "
        "is told on standard error. Numbers are decimal or 0x..., and may end in K, M, G or T.",
        allow_abbrev=False,
    )
    image = parser.add_argument_group("the image")
    image.add_argument(
        "--kernel",
        metavar=("START", "END"),
        nargs=2,
        type=address,
        required=True,
        help="virt_kstart and virt_kend, as libelf prints them",
    )
    image.add_argument(
        "--virt-base", metavar="ADDRESS", type=address, default=0, help="the note VIRT_BASE (default: 0)"
    )
    image.add_argument(
        "--init-p2m", metavar="ADDRESS", type=address, help="the note INIT_P2M: the p2m lies there"
    )
    image.add_argument(
        "--mod-start-pfn", action="store_true", help="the note MOD_START_PFN: the initrd isn't mapped"
    )
    image.add_argument("--entry", metavar="ADDRESS", type=address, help="the kernel's entry address")
    image.add_argument(
        "--bits", metavar="BITS", type=int, choices=(64, 32), default=64, help="64 or 32 (default: 64)"
    )
    options = parser.add_argument_group("the boot")
    memory = options.add_mutually_exclusive_group(required=True)
    memory.add_argument("--nr-pages", metavar="N", type=number(1, 1 << 52), help="dom0's memory in pages")
    memory.add_argument(
        "--dom0-mem",
        metavar="SIZE",
        type=dom0_mem,
        dest="nr_pages",
        help="dom0's memory as Xen's option takes it, such as 4G; without a suffix it counts KiB",
    )
    options.add_argument(
        "--initrd-len",
        metavar="SIZE",
        type=address,
        default=0,
        help="the initrd's length in bytes (default: 0)",
    )
    options.add_argument("--shim", action="store_true", help="for the PV shim, which adds two pages")
    add_json(parser, "the layout, for 'ptproof replay',")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lay out, print, warn."""
    import sys

    from ..arranged import Disagreement, arranged
    from ..arrangement import arrangement
    from ..errors import InputError
    from ..exit_status import Status
    from ..files import write_json
    from ..foresee import foreseen
    from ..layout import Configuration, Segment
    from ..layout_json import as_dict
    from ..machine import BUILD_LIMIT, replay
    from ..paging import COMPAT, PAGE_SIZE, X86_64

    start, end = arguments.kernel
    if start > end:
        raise InputError(f"argument --kernel: expected END at or above START, found {start:#x} {end:#x}")
    if start < arguments.virt_base:
        raise InputError(
            f"argument --kernel: expected START at or above --virt-base {arguments.virt_base:#x} (libelf refuses "
            f"others), found {start:#x}"
        )
    configuration = Configuration(
        mode=X86_64 if arguments.bits == 64 else COMPAT,
        virt_base=arguments.virt_base,
        kernel=Segment(start, end),
        nr_pages=arguments.nr_pages,
        initrd_len=arguments.initrd_len,
        mod_start_pfn=arguments.mod_start_pfn,
        init_p2m=arguments.init_p2m,
        shim=arguments.shim,
    )
    try:
        found = arranged(configuration)
    except Disagreement as error:
        print(
            f"ptproof: MODEL AND MACHINE DISAGREE: {error}\n{error.arrangements()}", end="", file=sys.stderr
        )
        return Status.FAILED
    layout = found.layout
    warnings = foreseen(configuration, layout, arguments.entry)
    if layout.total.size // PAGE_SIZE <= BUILD_LIMIT:
        report = replay(layout)
        if not report.exact:
            warnings += [each for each in report.sentences() if each not in warnings]
    if arguments.json is not None:
        write_json(arguments.json, as_dict(layout, arguments.entry))
    if arguments.json != "-":
        print(arrangement(layout, arguments.entry), end="")
    if not found.executed:
        print(
            "note: the region is too large for the frame machine: this is by the formulas alone",
            file=sys.stderr,
        )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return Status.AS_EXPECTED
