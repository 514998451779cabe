"""The family *Toolstack*: libxenguest's iteration against the hypervisor's search."""
