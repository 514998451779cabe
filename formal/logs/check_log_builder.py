"""What an older Xen's builder did with the frames that a boot log says were set aside, by the frame machine.

The count of the rule that fits the log is one thing, what the builder took another: one version counted a table that
comes from Xen's heap, so that a frame was left over in every boot.

Facts: DOMAIN.md sections 4 and 9.
"""

from collections.abc import Iterator

from ..layouts.count_rule import CountRule
from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import PAGE_SIZE
from ..layouts.xen_version import version_of_rule
from ..machine.replay import ImpossibleLayout, TooLarge, replay
from .boot_log import Boot, layout_of
from .check_log_findings import Finding, differs, note


def builder(boot: Boot, rule: CountRule | None) -> Iterator[Finding]:
    """How many of the frames the builder of an older Xen took, and where the others lie.

    Nothing is said of today's, which takes them all, nor of a layout that the machine can't build.
    """
    version = None if rule is None else version_of_rule(rule.name)
    if rule is None or version is None or version.current:
        return
    layout = layout_of(boot, version.mode)
    if layout is None:
        return
    try:
        report = replay(layout, version=version, generations=())
    except (TooLarge, ImpossibleLayout):
        return
    expected = None if rule.consumed is None else rule.consumed(layout.v_start, layout.v_end)
    if expected not in (None, report.consumed):
        # The machine was given the log's own count, the formula wasn't: where they differ a figure is damaged.
        yield differs(
            boot,
            "page_tables",
            f"no boot has these figures: of so many frames the builder takes {report.consumed}, "
            f"and the rule {rule.name!r} has it take {expected}",
            involves={"page_tables.start", "page_tables.end"},
        )
        return
    levels = ", ".join(f"{count} {name}" for name, count in sorted(report.taken.items(), reverse=True))
    says = f"the builder uses {report.consumed} of the {report.nr_pt_pages} frames: {levels}"
    if report.unused:
        frames = [f"frame {each} at {_address(layout.vpt_start, each)}" for each in report.unused[:4]]
        more = f", ... ({len(report.unused)} in all)" if len(report.unused) > len(frames) else ""
        says += f"; left over: {', '.join(frames)}{more}"
    if report.stray_tables:
        says += f"; {len(report.stray_tables)} more lie above them"
    yield note(boot, "page_tables", says)


def _address(vpt_start: int, frame: int) -> str:
    return f"{(vpt_start + frame * PAGE_SIZE) % ADDRESS_LIMIT:#x}"
