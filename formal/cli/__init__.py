"""The command line: arguments in, an exit status out. The commands are in two folders, by subject."""
