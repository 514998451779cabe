"""Stands in for QEMU: says what it is told to say, answers on the monitor, and boots nothing.

What it does is in the environment: FAKE_SAYS is printed, FAKE_DOES is what it does then (``end``, ``reset``, or
``wait``), FAKE_PID is a file for its process id and its arguments.
"""

import json
import os
import socket
import sys
from pathlib import Path


def main() -> None:
    """Play the part."""
    Path(os.environ["FAKE_PID"]).write_text(json.dumps([os.getpid(), *sys.argv[1:]]))
    fd = next(each.rpartition("fd=")[2] for each in sys.argv if each.startswith("socket,"))
    monitor = socket.socket(fileno=int(fd))
    stream = monitor.makefile("rw")

    def tell(**message: object) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    tell(QMP={"version": {}})
    stream.readline()
    tell(event="RESUME")
    tell(**{"return": {}})
    sys.stdout.write(os.environ.get("FAKE_SAYS", ""))
    sys.stdout.flush()
    match os.environ["FAKE_DOES"]:
        case "end":
            sys.stderr.write("something went wrong: the first line\nthe second line\n")
            raise SystemExit(3)
        case "reset":
            tell(event="SHUTDOWN", data={"guest": True, "reason": "guest-reset"})
    for line in stream:
        command = json.loads(line)
        arguments = command["arguments"]
        if command["execute"] == "memsave":
            tell(error={"class": "GenericError", "desc": "no such memory"})
        else:
            if command["execute"] == "pmemsave":
                Path(arguments["filename"]).write_bytes(bytes(arguments["size"]))
            tell(**{"return": {}})


main()
