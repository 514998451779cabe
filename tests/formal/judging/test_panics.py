"""Panics in logs, as findings."""

from pathlib import Path

from attrs import evolve
from ptproof.formal.judging.check_log import check_boot
from ptproof.formal.judging.check_log_findings import Kind
from ptproof.formal.judging.panics import panic_findings
from ptproof.formal.layouts.count_rule import count_rules
from ptproof.formal.logs.boot_log_reader import read_boots
from ptproof.formal.logs.messages_in_logs import messages_in

DATA = Path(__file__).parents[2] / "data"


def test_panics_in_a_log() -> None:
    """A panic after an arrangement that agrees is mentioned with that boot, and changes no verdict."""
    one = (DATA / "boot-logs" / "001.log").read_text()
    panic = "(XEN) DOM0 image overlaps with Xen private area.\n"
    text = f"{one}\n{panic * 3}{one}"
    boots = read_boots(text, "log")
    assert len(boots) == 2
    (first, second) = panic_findings(boots, messages_in(text))
    assert second == ()
    (told,) = first
    assert (told.kind, told.figure, told.line) == (Kind.NOTE, "panic", one.count("\n") + 2)
    assert "TOTAL: VIRT_BASE" in told.message
    judged = check_boot(boots[0], count_rules())
    noted = evolve(judged, findings=(*judged.findings, told))
    assert (judged.status, noted.status) == (0, 0)
    assert noted.verdict == f'{judged.verdict}; Xen says "DOM0 image overlaps with Xen private area"'
