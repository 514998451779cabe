"""``ptproof layout``: where Xen's dom0 builder lays everything, from an image or its addresses, and the options."""

import argparse
from typing import TYPE_CHECKING, NamedTuple

from ..arguments import add_examples, add_host_map, add_json, add_version, address, number, set_files
from ..what_if import add_what_if, refuse_what_if, what_if_of
from .image import warn_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...images.image import Image
    from ...layouts.dom0_mem import Dom0Mem
    from ...layouts.layout import Configuration, Layout
    from ...layouts.xen_version import XenVersion
    from ...machine.replay import Report
    from ...machine.two_layouts import Arranged

ADDRESSES = ("kernel", "virt_base", "init_p2m", "mod_start_pfn", "entry", "bits")
"""The arguments that an image stands for."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "layout",
        help="print dom0's memory arrangement as Xen's boot log would",
        description="Lays dom0 out as Xen's builder does and prints the arrangement in the form of Xen's boot log: by the frame "
        "machine and by the formulas, which must agree. Standard error says what Xen would refuse, or get wrong. On "
        "a terminal, lines below it show n, the tables by level, the region's size and the least memory that works. Status 1 when Xen refuses the "
        "boot, or libxenguest the domU. Numbers are decimal or 0x..., and may end in K, M, G or T.",
        allow_abbrev=False,
    )
    add_options(parser)
    domu = parser.add_argument_group("a domU, by the toolstack")
    domu.add_argument(
        "--domU", dest="domu", action="store_true", help="lay out a domU, as libxenguest does; with --memory"
    )
    domu.add_argument(
        "--memory",
        metavar="SIZE",
        type=number(1 << 20, 1 << 52),
        help="the domU's memory, in whole MiB, such as 28M",
    )
    add_version(parser, "lay out as an older Xen did")
    add_host_map(parser, "warn of what")
    add_json(parser, "the layout, for 'ptproof replay',")
    set_files(parser, reads=("image", "initrd", "host_map"))
    add_examples(
        parser,
        "ptproof layout vmlinuz --dom0-mem 4G --initrd initrd.img",
        "ptproof layout --kernel 0x100000 0x300000 --nr-pages 16384",
    )
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which layout it is: an image or its addresses, and the boot's options."""
    image = parser.add_argument_group("the image, or else its addresses")
    image.add_argument(
        "image", metavar="IMAGE", nargs="?", help="an ELF, packed or not, or a bzImage (vmlinuz)"
    )
    image.add_argument(
        "--kernel",
        metavar=("START", "END"),
        nargs=2,
        type=address,
        help="virt_kstart and virt_kend, as libelf prints them",
    )
    image.add_argument("--virt-base", metavar="ADDRESS", type=address, help="the note VIRT_BASE (default: 0)")
    image.add_argument(
        "--init-p2m", metavar="ADDRESS", type=address, help="the note INIT_P2M: the p2m lies there"
    )
    image.add_argument(
        "--mod-start-pfn",
        action="store_true",
        default=None,
        help="the note MOD_START_PFN: the initrd isn't mapped",
    )
    image.add_argument("--entry", metavar="ADDRESS", type=address, help="the kernel's entry address")
    image.add_argument("--bits", metavar="BITS", type=int, choices=(64, 32), help="64 or 32 (default: 64)")
    options = parser.add_argument_group("the boot")
    memory = options.add_mutually_exclusive_group()
    memory.add_argument("--nr-pages", metavar="N", type=number(1, 1 << 52), help="dom0's memory in pages")
    memory.add_argument(
        "--dom0-mem",
        metavar="VALUE",
        help="dom0's memory as Xen's option takes it, such as 4G, min:1G,max:8G or 25%%; a size without a suffix "
        "counts KiB, and an amount to leave to Xen is written --dom0-mem=-1G",
    )
    options.add_argument(
        "--host-mem",
        metavar="SIZE",
        type=number(1 << 12, 1 << 63),
        help="what the host has for dom0, for a --dom0-mem that depends on it, such as 25%%",
    )
    initrd = options.add_mutually_exclusive_group()
    initrd.add_argument("--initrd", metavar="FILE", help="the initrd, for its length")
    initrd.add_argument("--initrd-len", metavar="SIZE", type=address, help="its length in bytes (default: 0)")
    options.add_argument("--shim", action="store_true", help="for the PV shim, which adds two pages")
    add_what_if(parser)


class LaidOut(NamedTuple):
    """What the arguments came to; ``asked`` is dom0's memory in pages before any cap.

    ``notes`` are of what that Xen doesn't know, and ``configuration`` is what it takes.
    """

    configuration: "Configuration"
    entry: int | None
    version: "XenVersion | None"
    option: "Dom0Mem"
    asked: int
    found: "Arranged"
    notes: tuple[str, ...]


def run(arguments: argparse.Namespace) -> int:
    """Lay out, print, warn."""
    import sys

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.outside import say
    from ...machine.two_layouts import Disagreement

    if arguments.domu:
        return _domu(arguments)
    if arguments.memory is not None:
        raise InputError("argument --memory: not allowed without argument --domU; dom0 has --dom0-mem")
    try:
        return _dom0(arguments, lay_out(arguments))
    except Disagreement as error:
        lines = f"ptproof: MODEL AND MACHINE DISAGREE: {error}\n{error.arrangements()}".splitlines()
        say(lines, sys.stderr)
        return Status.FAILED


def _dom0(arguments: argparse.Namespace, laid: LaidOut) -> int:
    """Print dom0's layout, and report what is wrong with it."""
    import sys

    from ...edge.exit_status import Status
    from ...edge.files import write_json
    from ...edge.outside import say
    from ...edge.terminal import width_of
    from ...layouts.arrangement import arrangement
    from ...layouts.layout_json import as_dict
    from ...machine.refusals import foreseen
    from ...machine.what_if import against_xen
    from ...pictures.picture_text import answer, tables_by_level

    layout = laid.found.layout
    report = _seen(layout, laid.version)
    warnings = foreseen(laid.configuration, layout, laid.entry)
    if report is not None and not report.exact:
        warnings += [each for each in report.sentences() if each not in warnings]
    warnings += host_warnings(arguments.host_map, laid.configuration, layout)
    refused = _refused(arguments, laid)
    if arguments.json is not None:
        write_json(arguments.json, as_dict(layout, laid.entry))
    if arguments.json != "-":
        say(arrangement(layout, laid.entry).splitlines())
        if width_of(sys.stdout) is not None:
            say([answer(layout.nr_pt_pages, tables_by_level(layout, report), layout.total.size)])
            say(_least(laid) if not refused else ())
        say(against_xen(laid.configuration, layout))
        draw_on_terminal(layout, report)
    say(laid.notes, sys.stderr)
    if laid.configuration.nr_pages != laid.asked:
        say([f"note: Xen clips dom0's memory to {laid.configuration.nr_pages} pages"], sys.stderr)
    if not laid.found.executed:
        say(
            ["note: the region is too large for the frame machine: this is by the formulas alone"], sys.stderr
        )
    say(_warned(warnings, refused), sys.stderr)
    return Status.DIFFERS if refused else Status.AS_EXPECTED


def _warned(warnings: "Sequence[str]", refused: "Sequence[str]") -> "Iterator[str]":
    """What is wrong, a line each. If Xen refuses the boot, its words come first; the reason follows as a note."""
    from ...machine.loading import Fate
    from ...machine.refusals import REFUSES
    from ...machine.replay import REFUSED

    yield from (f"warning: {each}" for each in refused)
    overlaps = any(Fate.OVERLAPS.says[0] in each for each in refused)
    for each in warnings:
        if refused and each.startswith(REFUSES):
            yield f"note: {each.removeprefix(REFUSES).lstrip(': ')}"
        elif not (overlaps and each == REFUSED):
            yield f"warning: {each}"


def _refused(arguments: argparse.Namespace, laid: LaidOut) -> list[str]:
    """Xen's words if it refuses the boot, and the least memory with which it doesn't."""
    from ...layouts.dom0_mem import out_of_reach
    from ...machine.preflight import OUT_OF_BOUNDS, P2M_OUT_OF_BOUNDS, least_pages, refusal
    from ...reports.image_check_report import as_dom0_mem

    given = laid.configuration
    if given.nr_pages > laid.asked:
        panics = out_of_reach(given.nr_pages, laid.option, _available(arguments))
        if panics is not None:
            return [panics]
    says = refusal(given, laid.found.layout, laid.version, laid.entry)
    if says is None:
        return []
    if given.shim:
        return [f"Xen refuses this boot: {says}"]
    pages = None if says in (OUT_OF_BOUNDS, P2M_OUT_OF_BOUNDS) else least_pages(given, laid.version)
    if pages is None:
        return [f"Xen refuses this boot with any dom0_mem: {says}"]
    return [f"Xen refuses this boot: {says} (the least that works: {as_dom0_mem(pages, 'dom0_mem=')})"]


def _least(laid: LaidOut) -> "Iterator[str]":
    """The least memory with which Xen accepts the boot, with the same initrd; nothing for the PV shim, which ignores dom0_mem."""
    from ...edge.amounts import amount
    from ...machine.preflight import least_pages
    from ...reports.image_check_report import as_dom0_mem

    given = laid.configuration
    pages = None if given.shim else least_pages(given, laid.version)
    if pages is not None:
        initrd = f"an initrd of {amount(given.initrd_len)}" if given.initrd_len else "no initrd"
        yield f"The least memory that works with {initrd}: {as_dom0_mem(pages, 'dom0_mem=')}."


NOT_OF_DOMUS = ("nr_pages", "dom0_mem", "host_mem", "version", "json")
"""The arguments that say nothing of a domU."""


def _domu(arguments: argparse.Namespace) -> int:
    """Lay a domU out, as far as libxenguest does, and report where it stops."""
    import sys

    from attrs import evolve

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.outside import say
    from ...edge.terminal import width_of
    from ...layouts.layout import ADDRESS_LIMIT
    from ...machine.arrange import TooLarge
    from ...machine.domu_layout import MIB_SHIFT, lay_out_domu, least_memory, overlooked, printed
    from ...pictures.picture_text import answer

    for name in NOT_OF_DOMUS:
        if getattr(arguments, name) is not None:
            raise InputError(f"argument --domU: not allowed with argument --{name.replace('_', '-')}")
    if arguments.shim:
        raise InputError("argument --domU: not allowed with argument --shim")
    refuse_what_if(arguments, "--domU")
    if arguments.memory is None:
        raise InputError("argument --domU: expected --memory beside it")
    configuration = _domus_image(arguments) if arguments.image else from_addresses(arguments)[0]
    configuration = evolve(configuration, nr_pages=arguments.memory >> 20 << MIB_SHIFT)
    try:
        layout = lay_out_domu(configuration)
        least = None if layout.refused is None else least_memory(configuration)
    except TooLarge as error:
        raise InputError(str(error)) from error
    say(printed(layout))
    if layout.counted is not None and width_of(sys.stdout) is not None:
        by_level = {level.name: len(starts) for level, starts in layout.counted.mappings[0].items()}
        size = (layout.counted.v_end - configuration.virt_base) % ADDRESS_LIMIT
        say([answer(layout.counted.tables(), by_level, size)])
    wrong = overlooked(layout)
    if wrong is not None:
        say([f"warning: {wrong}"], sys.stderr)
    if layout.refused is None:
        return Status.AS_EXPECTED
    enough = "no memory will do" if least is None else f"the least memory that works is {least >> MIB_SHIFT}M"
    say([f"libxenguest refuses the domU: {layout.refused}", f"note: {enough}"], sys.stderr)
    return Status.DIFFERS


def _domus_image(arguments: argparse.Namespace) -> "Configuration":
    """What an image decides for a domU. Raises `InputError`, with what libxenguest says."""
    from ...edge.errors import InputError
    from ...images.image import read_image
    from ...images.packing_rules import Reader

    refuse_addresses(arguments)
    try:
        image = read_image(arguments.image, Reader.DOMU, anyhow=True)
    except InputError as error:
        if "can't be read" in str(error):
            raise
        no_notes = ": No ELF notes or '__xen_guest' section found" if "no Xen image" in str(error) else ""
        raise InputError(f"{error}{no_notes}: xc_dom_find_loader: no loader found") from error
    if image.not_for_domu is not None:
        raise InputError(f"{image.source}: not for domU, because {image.not_for_domu}")
    return image.configuration(0, initrd_len(arguments))


def host_warnings(path: str | None, configuration: "Configuration", layout: "Layout") -> list[str]:
    """Which segments lie where the host has no RAM, in sentences; none without a map."""
    from ...layouts.arrangement import LABELS
    from ...layouts.host_map import conflicts, sentences
    from ...logs.memory_map import read_map
    from ...machine.host_memory import placed

    if path is None:
        return []
    host, segments = read_map(path), placed(configuration, layout)
    if not conflicts(host, segments):
        return []
    return [f"{LABELS[name]}: {said}" if name in LABELS else said for name, said in sentences(host, segments)]


def lay_out(arguments: argparse.Namespace) -> LaidOut:
    """The layout that the arguments of `add_options` and ``--version`` ask for.

    Raises:
        InputError: they can't be used.
        Disagreement: machine and formulas lay it out differently.
    """
    from attrs import evolve

    from ...layouts.dom0_mem import capped, what_is_dropped
    from ...machine.two_layouts import arranged, arranged_by

    configuration, entry, wrong = (
        _from_image(arguments) if arguments.image else (*from_addresses(arguments), ())
    )
    if arguments.version is not None:
        refuse_what_if(arguments, "--version")
    configuration = evolve(configuration, what_if=what_if_of(arguments, configuration.mode))
    version = _version(arguments, configuration)
    notes = [f"warning: {each}" for each in wrong]
    if version is not None:
        notes += _unknown_notes(version, configuration)
        configuration = version.configured(configuration)
    option = memory_option(arguments, version)
    asked = pages_asked(arguments, option)
    dropped = what_is_dropped(option)
    notes += [f"warning: {dropped}"] if dropped else []
    configuration = evolve(configuration, nr_pages=asked)
    if arguments.nr_pages is None and (version is None or version.knows("the cap on memory")):
        configuration = evolve(configuration, nr_pages=capped(configuration, option, _available(arguments)))
    found = arranged(configuration) if version is None else arranged_by(version, configuration)
    return LaidOut(configuration, entry, version, option, asked, found, tuple(notes))


def draw_on_terminal(layout: "Layout", report: "Report | None", heading: str = "") -> None:
    """Draw the layout on a terminal that is wide enough; nowhere else, so that what is piped stays the same."""
    from ...edge.errors import InputError
    from ...edge.outside import say
    from ...pictures.picture import picture_of
    from ...pictures.picture_text import picture_text, terminal_width

    width = terminal_width()
    if width is None:
        return
    try:
        picture = picture_of(layout, report=report)
    except InputError:
        return
    print()
    if heading:
        say([heading])
    print("\n".join(picture_text(picture, width)))


def _seen(layout: "Layout", version: "XenVersion | None") -> "Report | None":
    """What the machine saw, where the region is small enough to be built."""
    from ...machine.replay import BUILD_LIMIT, generations_of, replay, work

    if work(layout) > BUILD_LIMIT:
        return None
    return replay(layout, version=version, generations=generations_of(version))


def _version(arguments: argparse.Namespace, configuration: "Configuration") -> "XenVersion | None":
    """The version asked for, which must be for a guest as wide as the one that there is."""
    from ...edge.errors import InputError
    from ...layouts.xen_version import asked_version

    if arguments.version is None:
        return None
    version = asked_version(arguments.version, configuration.mode.bits)
    if (arguments.image or arguments.bits) and version.mode.bits != configuration.mode.bits:
        raise InputError(
            f"argument --version: {version.name} is for guests of {version.mode.bits} bits, "
            f"found one of {configuration.mode.bits}"
        )
    return version


def _unknown_notes(version: "XenVersion", configuration: "Configuration") -> "Iterator[str]":
    """What to report about the image's notes that an older Xen doesn't know."""
    from ...layouts.xen_version import KNOWN_SINCE

    given = {
        "MOD_START_PFN": (configuration.mod_start_pfn, "maps the initrd"),
        "INIT_P2M": (
            configuration.init_p2m is not None and version.mode.bits == 64,
            "lays the p2m in the region",
        ),
    }
    for name, (there, does) in given.items():
        major, minor, *_ = KNOWN_SINCE[name]
        if not there or version.knows(name):
            continue
        some = f", and --version xen-{major}.{minor} heeds it" if version.may_know(name) else ""
        yield (f"note: {version.name} {does}: the note {name} isn't known before Xen {major}.{minor}{some}")


def refuse_addresses(arguments: argparse.Namespace) -> None:
    """Raise `InputError` for addresses beside an image."""
    from ...edge.errors import InputError

    for name in ADDRESSES:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"argument --{name.replace('_', '-')}: not allowed with an image, which has its own: "
                f"{arguments.image!r} was taken for IMAGE"
            )


def _from_image(arguments: argparse.Namespace) -> "tuple[Configuration, int, tuple[str, ...]]":
    """What an image decides, its entry, and what to report about it: by the notes that the version asked for knows."""
    from ...edge.errors import InputError
    from ...images.image import read_image

    refuse_addresses(arguments)
    image = warn_of(read_image(arguments.image, anyhow=True))
    configuration = image.configuration(0, initrd_len(arguments), shim=arguments.shim)
    version = _version(arguments, configuration)
    if version is not None:
        _check_packing(image, version)
    knows_features = version is None or version.knows("SUPPORTED_FEATURES")
    reasons = [each for each in image.reasons_not_dom0 if knows_features or "SUPPORTED_FEATURES" not in each]
    if reasons:
        raise InputError(f"{image.source}: {reasons[0]}")
    return configuration, image.virt_entry.value, image.warnings


def _check_packing(image: "Image", version: "XenVersion") -> None:
    """Raise `InputError` for an image that the version can't unpack."""
    from ...edge.errors import InputError
    from ...layouts.xen_version import KNOWN_SINCE

    for each in image.asks:
        if not version.may_know(each):
            since = ".".join(map(str, KNOWN_SINCE[each]))
            raise InputError(
                f"{image.source}: expected a kernel that {version.name} can unpack, found {each}, which Xen reads since "
                f'{since}: "ELF: not an ELF binary"'
            )


def from_addresses(arguments: argparse.Namespace) -> "tuple[Configuration, int | None]":
    """The configuration that the addresses describe, and the entry."""
    from ...edge.errors import InputError
    from ...layouts.layout import Configuration, Segment
    from ...layouts.paging import COMPAT, X86_64

    if arguments.kernel is None:
        raise InputError(
            f"one of the arguments IMAGE --kernel is required (see: ptproof {arguments.command} --help)"
        )
    (start, end), virt_base = arguments.kernel, arguments.virt_base or 0
    if start > end:
        raise InputError(f"argument --kernel: expected END at or above START, found {start:#x} {end:#x}")
    if start < virt_base:
        raise InputError(
            f"argument --kernel: expected START at or above --virt-base {virt_base:#x} (libelf refuses "
            f"others), found {start:#x}"
        )
    configuration = Configuration(
        mode=COMPAT if arguments.bits == 32 else X86_64,
        virt_base=virt_base,
        kernel=Segment(start, end),
        nr_pages=0,
        initrd_len=initrd_len(arguments),
        mod_start_pfn=bool(arguments.mod_start_pfn),
        init_p2m=arguments.init_p2m,
        shim=arguments.shim,
    )
    return configuration, arguments.entry


def initrd_len(arguments: argparse.Namespace) -> int:
    """The initrd's length in bytes, by its file or as given."""
    from ...edge.files import file_size

    return file_size(arguments.initrd) if arguments.initrd is not None else arguments.initrd_len or 0


def memory_option(arguments: argparse.Namespace, version: "XenVersion | None" = None) -> "Dom0Mem":
    """The option dom0_mem as that Xen reads it, today's without a version."""
    from ...edge.errors import InputError
    from ...layouts.dom0_mem import Dom0Mem, parse_dom0_mem

    if arguments.dom0_mem is None:
        return Dom0Mem()
    try:
        return parse_dom0_mem(arguments.dom0_mem, version)
    except InputError as error:
        raise InputError(f"argument --dom0-mem: {str(error).partition(': ')[2]}") from error


def pages_asked(arguments: argparse.Namespace, option: "Dom0Mem | None" = None) -> int:
    """Dom0's memory in pages before any cap; today's Xen reads dom0_mem if no ``option`` is given."""
    from ...edge.errors import InputError
    from ...layouts.dom0_mem import what_is_dropped

    if arguments.nr_pages is not None:
        return int(arguments.nr_pages)
    if arguments.shim:
        raise InputError(
            "argument --shim: expected --nr-pages beside it: the PV shim ignores dom0_mem, and what shim_mem leaves of "
            "the memory isn't known here"
        )
    if arguments.dom0_mem is None and arguments.host_mem is None:
        raise InputError(
            "one of the arguments --nr-pages --dom0-mem is required, or --host-mem: such as --dom0-mem 4G (see: ptproof "
            f"{arguments.command} --help)"
        )
    option = option or memory_option(arguments)
    dropped = what_is_dropped(option)
    why = f": {dropped}" if dropped else ""
    if option.relative and arguments.host_mem is None:
        raise InputError(
            f"argument --dom0-mem: expected --host-mem beside an amount that depends on the host{why}"
        )
    nr_pages = option.nr_pages(_available(arguments))
    if not nr_pages:
        raise InputError(f"argument --dom0-mem: expected at least a page, found less{why}")
    return nr_pages


def _available(arguments: argparse.Namespace) -> int | None:
    """The memory that is there for dom0, in pages, if it is known."""
    from ...layouts.paging import PAGE_SIZE

    return None if arguments.host_mem is None else arguments.host_mem // PAGE_SIZE
