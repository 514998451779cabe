"""A real Xen under QEMU: booting a layout, and comparing its page tables with the machine's, entry by entry."""
