"""Kernel images as Xen reads them: ELF, notes, packed kernels; written ones; and the questions that an image is asked."""
