"""Sources of Xen, its toolstack and GRUB: where a tree has layout and count, and the questions that it is asked."""
