"""Stands in for QEMU: says what it is told to say, answers on the monitor, and boots nothing.

What it does is in the environment: FAKE_SAYS is printed, FAKE_DOES is what it does then (``end``, ``reset``, ``close``,
``flood``, ``short``, ``nothing``, or ``wait``), FAKE_PID is a file for its process id and its arguments. FAKE_MONITOR is
sent on the monitor instead of any answer, again and again if FAKE_DOES is ``flood``.
"""

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any, TextIO


def main() -> None:
    """Play the part."""
    Path(os.environ["FAKE_PID"]).write_text(json.dumps([os.getpid(), *sys.argv[1:]]))
    fd = next(each.rpartition("fd=")[2] for each in sys.argv if each.startswith("socket,"))
    monitor = socket.socket(fileno=int(fd))
    stream = monitor.makefile("rw", encoding="utf-8", errors="surrogateescape")

    def tell(**message: object) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    monitored = os.environ.get("FAKE_MONITOR")
    does = os.environ["FAKE_DOES"]
    if monitored is not None:
        say(stream, monitored, again=does == "flood")
    tell(QMP={"version": {}})
    stream.readline()
    tell(event="RESUME")
    tell(**{"return": {}})
    sys.stdout.write(os.environ.get("FAKE_SAYS", ""))
    sys.stdout.flush()
    match does:
        case "flood":
            say(sys.stdout, "x" * 65536, again=True)
        case "close":
            os.close(1)
            time.sleep(100)
        case "end":
            sys.stderr.write("something went wrong: the first line\nthe second line\n")
            raise SystemExit(3)
        case "reset":
            tell(event="SHUTDOWN", data={"guest": True, "reason": "guest-reset"})
    for line in stream:
        tell(**answer(json.loads(line), does))


def say(stream: TextIO, text: str, *, again: bool) -> None:
    """Say it once, or again and again, and nothing else."""
    with contextlib.suppress(BrokenPipeError):
        while True:
            stream.write(text)
            stream.flush()
            if not again:
                time.sleep(100)


def answer(command: dict[str, Any], does: str) -> dict[str, Any]:
    """What QEMU says to a command, and does."""
    arguments = command["arguments"]
    if command["execute"] == "memsave":
        return {"error": {"class": "GenericError", "desc": "no such memory"}}
    if command["execute"] == "pmemsave" and does != "nothing":
        Path(arguments["filename"]).write_bytes(bytes(arguments["size"] - (does == "short")))
    return {"return": {}}


main()
