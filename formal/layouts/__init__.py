"""The boot address space as data: paging modes, options, layouts, their JSON, and the facts of each Xen version."""
