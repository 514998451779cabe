"""The command line: arguments in, one of the exit statuses out. The commands lie in two folders, by what they are about."""
