"""The tool: words, paging modes, theorems, the prover, the frame machine, readers, the command line."""
