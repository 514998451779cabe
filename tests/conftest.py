"""What all tests share: none reads or writes the cache of whoever runs them, and what they start can be interrupted."""

import os
import signal

# A job in the background ignores Ctrl-C, and so would every child that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same for a terminal that is closed, after nohup.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ["XDG_CACHE_HOME"] = "/dev/null"
"""A place that takes no files: tests that are about the cache give it one of their own."""
