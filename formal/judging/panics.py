"""What Xen says in a log before it gives up, as findings on the boot that it belongs to."""

from bisect import bisect_right
from collections.abc import Sequence

from ..logs.boot_log import Boot
from ..logs.messages_in_logs import Said
from .check_log_findings import PANIC, Finding, Kind


def panic_findings(boots: Sequence[Boot], said: Sequence[Said]) -> list[tuple[Finding, ...]]:
    """For each boot what Xen says between its beginning and the next one's, each message once."""
    starts = [boot.line for boot in boots]
    found: list[dict[str, Finding]] = [{} for _ in boots]
    for each in said if boots else ():
        index = max(0, bisect_right(starts, each.line) - 1)
        one = Finding(kind=Kind.NOTE, figure=PANIC, line=each.line, message=each.sentence)
        found[index].setdefault(each.words, one)
    return [tuple(each.values()) for each in found]
