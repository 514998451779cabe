"""A real Xen under QEMU: booting a layout, and holding its page tables against the machine's, entry by entry."""
