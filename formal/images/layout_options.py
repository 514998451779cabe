"""A configuration as the command that lays it out: ``ptproof layout`` with its options, to be pasted."""

from ..edge.errors import InputError
from ..edge.outside import shell_word
from ..layouts.layout import START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE, Configuration, Layout
from ..layouts.paging import COMPAT, X86_64
from .image_writer import configuration_of


def layout_command(configuration: Configuration, image: str | None = None) -> str | None:
    """The command; with ``image``, a file that has the addresses. ``None`` when no options say all of it."""
    given = configuration
    sizes = given.start_info_size, given.vga_console_info_size
    told = given.mode in (X86_64, COMPAT) and sizes == (START_INFO_SIZE, VGA_CONSOLE_INFO_SIZE)
    if not (
        told and given.virt_base <= given.kernel.start <= given.kernel.end and 1 <= given.nr_pages <= 1 << 52
    ):
        return None
    words = ["ptproof", "layout"]
    if image is None:
        words += ["--virt-base", hex(given.virt_base)]
        words += ["--kernel", hex(given.kernel.start), hex(given.kernel.end)]
        words += ["--bits", "32"] if given.mode is COMPAT else []
        words += ["--init-p2m", hex(given.init_p2m)] if given.init_p2m is not None else []
        words += ["--mod-start-pfn"] if given.mod_start_pfn else []
    else:
        words.append(image)
    words += ["--nr-pages", str(given.nr_pages)]
    words += ["--initrd-len", hex(given.initrd_len)] if given.initrd_len else []
    words += ["--shim"] if given.shim else []
    return " ".join(map(shell_word, words))


def command_of(layout: Layout, image: str | None = None) -> str | None:
    """The command that gives a layout; ``None`` when none does."""
    try:
        return layout_command(configuration_of(layout), image)
    except InputError:
        return None
