"""Where the tool meets the outside: files, errors in one line, exit statuses, progress, colour. Knows no domain."""
