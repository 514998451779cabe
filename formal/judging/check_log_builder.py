"""What an older Xen's builder did with the frames that a boot log says were set aside, by the frame machine.

The count of the rule that fits the log is one thing, what the builder took another: one version counted a table that
comes from Xen's heap, so that a frame was left over in every boot.

Facts: DOMAIN.md sections 4 and 9.
"""

from collections.abc import Iterator

from ..edge.limits import Allowance
from ..layouts.count_rule import CountRule
from ..layouts.layout import ADDRESS_LIMIT, Layout
from ..layouts.paging import PAGE_SIZE
from ..layouts.xen_version import version_of_rule
from ..logic.verdict import MachineDisagreesError
from ..logs.boot_log import Boot, layout_of
from ..machine.replay import BUILD_LIMIT, ImpossibleLayout, replay, work
from .check_log_findings import Finding, differs, note


def builder(boot: Boot, rule: CountRule | None, allowed: Allowance | None = None) -> Iterator[Finding]:
    """How many of the frames the builder of an older Xen took, and where the others lie.

    Reports nothing for today's builder, which takes them all, or for a layout that no builder makes. What ``allowed`` has no
    room for isn't built, and the output says so.

    Raises:
        MachineDisagreesError: the machine takes another number of frames than the rule says.
    """
    version = None if rule is None else version_of_rule(rule.name)
    if rule is None or version is None or version.current:
        return
    layout = layout_of(boot, version.mode)
    if layout is None:
        return
    allowed = allowed or Allowance(BUILD_LIMIT)
    needed = work(layout)
    if needed > allowed.left:
        takes = f"the frame machine may execute {allowed.left} more pages, and this takes {needed}"
        yield note(
            boot, "page_tables", f"what the builder takes wasn't checked: {takes}{allowed.raised_by(needed)}"
        )
        return
    allowed.take(needed)
    try:
        report = replay(layout, version=version, generations=(), limit=needed)
    except ImpossibleLayout:
        return
    expected = None if rule.consumed is None else rule.consumed(layout.v_start, layout.v_end)
    if expected not in (None, report.consumed):
        if not _of_a_boot(layout, rule):
            yield differs(
                boot,
                "page_tables",
                f"no boot has these figures: its builder would take {report.consumed} frames, where the rule "
                f"{rule.name!r} counts {expected}",
                involves=("page_tables.start", "total.start", "total.end"),
            )
            return
        raise MachineDisagreesError(
            f"{boot.source}:{boot.line}: the frame machine takes {report.consumed} frames, the rule {rule.name!r} "
            f"says {expected}"
        )
    levels = ", ".join(f"{count} {name}" for name, count in sorted(report.taken.items(), reverse=True))
    says = f"the builder uses {report.consumed} of the {report.nr_pt_pages} frames: {levels}"
    if report.unused:
        frames = [f"frame {each} at {_address(layout.vpt_start, each)}" for each in report.unused[:4]]
        more = f", ... ({len(report.unused)} in all)" if len(report.unused) > len(frames) else ""
        says += f"; left over: {', '.join(frames)}{more}"
    if report.stray_tables:
        says += f"; {len(report.stray_tables)} more lie above them"
    yield note(boot, "page_tables", says)


def _of_a_boot(layout: Layout, rule: CountRule) -> bool:
    """Whether the rule lays out a region just like this one: what is left may then only be blamed on us."""
    count = rule.nr_pt_pages(layout.v_start, layout.vpt_start)
    if (layout.v_start | layout.vpt_start) % PAGE_SIZE or count is None or count != layout.nr_pt_pages:
        return False
    return rule.v_end(layout.vpt_start, count) == layout.v_end


def _address(vpt_start: int, frame: int) -> str:
    return f"{(vpt_start + frame * PAGE_SIZE) % ADDRESS_LIMIT:#x}"
