"""Which addresses of an image libelf accepts: what it demands of VIRT_BASE, the kernel and its entry.

Source: DOMAIN.md section 7; ``elf_xen_addr_calc_check()`` in Xen's ``xen/common/libelf/libelf-dominfo.c`` (4.22).
Nothing is demanded of alignment.
"""

from ..formal.words.word import Truth, Word


def accepts(virt_base: Word, virt_kstart: Word, virt_kend: Word, virt_entry: Word) -> Truth:
    """Whether libelf takes an image with these addresses, p2m aside."""
    return (
        (virt_kstart <= virt_kend)
        & (virt_kstart <= virt_entry)
        & (virt_entry <= virt_kend)
        & (virt_base <= virt_kstart)
    )
