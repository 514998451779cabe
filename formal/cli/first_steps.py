"""What ``ptproof`` alone says: what to try first, by what somebody has."""

from typing import Final

FIRST: Final = (
    ("a question", "ptproof show exact", "is the count precise? 'ptproof list' has all claims"),
    ("a log", "ptproof check-log xen.log", "does what Xen printed agree with the model?"),
    ("a kernel", "ptproof layout vmlinuz --dom0-mem 4G", "its layout as Xen's log would have it, and n"),
    ("a tree", "ptproof tree xen", "is the count in these sources right?"),
)
"""What somebody has, the command to try first, and what it answers."""


def first_steps() -> list[str]:
    """The lines: four commands, and where all are."""
    lines = ["How many page-table frames does a PV domain's boot layout need? You have:"]
    for has, command, answers in FIRST:
        lines += [f"  {has:<12}{command}", f"{'':<14}{answers}"]
    return [*lines, "", "'ptproof --help' has all commands, 'ptproof COMMAND --help' examples of each."]
