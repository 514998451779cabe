"""The count of page tables in a boot log, by every rule that the Xen of the log can have had.

Facts: DOMAIN.md sections 3 and 9. The rules are handed in.
"""

from collections.abc import Iterator, Sequence

from attrs import frozen

from ..layouts.arrangement import LABELS
from ..layouts.count_rule import CountRule
from ..layouts.layout import ADDRESS_LIMIT
from ..layouts.paging import PAGE_SIZE, TWO_LEVEL
from ..logs.boot_log import Boot
from .check_log_figures import LARGEST, nr_pages_told
from .check_log_findings import Finding, Kind, compared, unchecked, whole_pages
from .check_log_xen import start_info_is_last, xen_versions, xen_width


@frozen
class _Region:
    """A printed count, and what it follows from; ``inferred`` is how v_start is known if not from the log."""

    v_start: int
    inferred: str | None
    vpt_start: int
    pages: int

    @property
    def countable(self) -> bool:
        """Whether it is worth to ask a rule: it may search one count after the other."""
        tables_at = self.vpt_start - self.v_start
        return 0 <= tables_at <= LARGEST and tables_at >> 23 <= self.pages

    def counted(self, rule: CountRule) -> int | None:
        """The count by a rule."""
        return rule.nr_pt_pages(self.v_start, self.vpt_start)

    def fits(self, rule: CountRule) -> bool:
        """Whether a rule gives the printed count."""
        return self.countable and self.counted(rule) == self.pages

    def __str__(self) -> str:
        inferred = f" ({self.inferred})" if self.inferred else ""
        return f"v_start = {self.v_start:#x}{inferred}, vpt_start = {self.vpt_start:#x}"


def guest_width(boot: Boot, rules: Sequence[CountRule]) -> tuple[int, str]:
    """The guest's bits, and how they are known: the log says so, or the best evidence there is."""
    if boot.width is not None:
        return boot.width, "from the line 'Dom0 kernel:'"
    if xen_width(boot) == 32:
        return 32, "from addresses of 8 digits: an i386 Xen" if boot.digits == 8 else "from a 32-bit Xen"
    ends = [each for name in LABELS if (each := boot.segment(name)) is not None]
    if any(each.start >> 32 or each.end >> 32 or (each.start and not each.end) for each in ends):
        return 64, "from addresses above 4 GiB"
    pages, p2m = nr_pages_told(boot), boot.segment("p2m")
    for width, entry in ((64, 8), (32, 4)):
        if p2m is not None and any(p2m.size == entry * each for each in pages):
            return width, f"from the p2m, which has {entry} bytes for each page"
    region = _region(boot)
    for width in (64, 32):
        if region is not None and any(map(region.fits, candidate_rules(boot, width, rules))):
            return width, "from the number of page tables"
    return 64, "assumed, since nothing in the log says it"


def candidate_rules(boot: Boot, width: int, rules: Sequence[CountRule]) -> list[CountRule]:
    """The rules that this Xen can have used for such a guest, today's first."""
    fitting = _rules_for(boot, width, rules)
    versions = xen_versions(boot)
    return [rule for rule in fitting if versions is None or rule.may_be_of(versions)] or fitting


def count(boot: Boot, width: int, rules: Sequence[CountRule]) -> tuple[CountRule | None, list[Finding]]:
    """The rule that gives the printed count, if any, and what to report about the count."""
    region, candidates = _region(boot), candidate_rules(boot, width, rules)
    pages = whole_pages(boot.page_tables)
    if pages is None:
        return None, []
    reason = None
    if region is None:
        reason = "the log doesn't say where the region starts"
    elif not candidates:
        reason = "there is no rule for such a boot"
    elif region.inferred and region.v_start == 0 and not any(map(region.fits, candidates)):
        # Equal addresses come of a PADDR_OFFSET of virt_base just as well: that says nothing of virt_base.
        reason = "the log doesn't say where the region starts"
    if region is None or reason is not None:
        return None, [unchecked(boot, "page_tables", f"n = {pages}: {reason}")]
    for rule in candidates:
        if region.fits(rule):
            return rule, list(_agreement(boot, region, rule, candidates[0]))
    return None, [_difference(boot, region, candidates, _rules_for(boot, width, rules))]


def region_end(boot: Boot, rule: CountRule | None) -> Iterator[Finding]:
    """V is where the rule ends the region above the page tables and the stack."""
    tables, pages = _tables_start(boot), whole_pages(boot.page_tables)
    if boot.total is None or rule is None:
        return
    if tables is not None and pages is not None:
        expected = rule.v_end(tables, pages)
        source = f"above {pages} page tables, the boot stack and the padding"
        involves = {"page_tables.start", "page_tables.end"}
    elif boot.boot_stack is not None:
        # A stack with no page tables below: the end depends on where the stack ends only.
        expected, source = rule.v_end(boot.boot_stack.start, 0), "above the boot stack and the padding"
        involves = {"boot_stack.start", "boot_stack.end"}
    else:
        yield unchecked(boot, "total", "end: neither page tables nor boot stack are in the log")
        return
    yield compared(boot, "total", boot.total.end, expected, end="end", source=source, involves=involves)


def _rules_for(boot: Boot, width: int, rules: Sequence[CountRule]) -> list[CountRule]:
    """The rules for such a guest, whatever the version of Xen."""
    i386 = xen_width(boot) == 32
    fitting = [
        rule for rule in rules if rule.mode.bits == width and rule.released and _for_i386(rule) == i386
    ]
    if i386:
        with_pae = boot.xen_pae is not False
        return sorted(fitting, key=lambda rule: (rule.mode == TWO_LEVEL) == with_pae)
    return sorted(fitting, key=lambda rule: not rule.current)


def _for_i386(rule: CountRule) -> bool:
    """Whether the rule is a 32-bit Xen's. Of today's none is."""
    return not rule.current and (rule.mode == TWO_LEVEL or "i386" in rule.name)


def _region(boot: Boot) -> _Region | None:
    """The count and what it follows from, as far as the log tells."""
    start, tables, pages = _region_start(boot), _tables_start(boot), whole_pages(boot.page_tables)
    if start is None or tables is None or pages is None:
        return None
    return _Region(*start, tables, pages)


def _tables_start(boot: Boot) -> int | None:
    """T as the rules see it. In Xen 2.0 the start info has a page above the tables: one page more."""
    if boot.page_tables is None:
        return None
    return boot.page_tables.start + (PAGE_SIZE if start_info_is_last(boot) else 0)


def _region_start(boot: Boot) -> tuple[int, str | None] | None:
    """S, and how it was inferred if the log doesn't have it."""
    if boot.total is not None:
        return boot.total.start, None
    if boot.virt_base is not None:
        return boot.virt_base, "the image's virt_base"
    if boot.kernel is not None and boot.paddr is not None:
        paddr_offset = boot.elf_paddr_offset or 0
        inferred = (boot.kernel.start - boot.paddr.start + paddr_offset) % ADDRESS_LIMIT
        return inferred, f"inferred as virt_kstart less paddr, with a PADDR_OFFSET of {paddr_offset:#x}"
    return None


def _agreement(boot: Boot, region: _Region, rule: CountRule, first: CountRule) -> Iterator[Finding]:
    """The count agrees with ``rule``; ``first`` is the rule that such a boot has at first sight."""
    pages = region.pages
    by = f"by the rule {rule.name!r} (Xen {rule.carried_by}) from {region}"
    usual = region.counted(first)
    if usual is not None and usual != pages:
        by += f"; {first.name!r} gives {usual}, {abs(pages - usual)} {'fewer' if pages > usual else 'more'}"
    yield Finding(
        kind=Kind.AGREES,
        figure="page_tables",
        line=boot.lines.get("page_tables"),
        message=f"n = {pages} ({pages:#x}) {by}",
        expected=pages,
        found=pages,
        counts=True,
        confirms=frozenset({"nr_pt_pages", "page_tables.end"}),
    )
    if region.inferred:
        yield unchecked(boot, "total", f"v_start isn't in the log, {region.inferred}")


def _difference(
    boot: Boot, region: _Region, candidates: Sequence[CountRule], rules: Sequence[CountRule]
) -> Finding:
    """The count agrees with none of the ``candidates``; what they and the other ``rules`` give."""
    pages, first = region.pages, candidates[0]
    message = f"n = {pages} ({pages:#x}) can't be the count for {region}"
    expected = region.counted(first) if region.countable else None
    if expected is not None:
        off = f"{abs(pages - expected)} ({abs(pages - expected):#x})"
        message = (
            f"n = {pages} ({pages:#x}) is {off} too {'many' if pages > expected else 'few'}: expected {expected} "
            f"({expected:#x}) by the rule {first.name!r} (Xen {first.carried_by}) from {region}"
        )
        for rule in rules:
            if rule is not first:
                message += f"; {rule.name!r} (Xen {rule.carried_by}) gives {region.counted(rule)}"
    return Finding(
        kind=Kind.DIFFERS,
        figure="page_tables",
        line=boot.lines.get("page_tables"),
        message=message,
        expected=expected,
        found=pages,
        counts=True,
        involves=frozenset(
            {"nr_pt_pages", "page_tables.start", "page_tables.end"}
            | ({"kernel.start", "paddr.start"} if region.inferred else {"total.start"})
        ),
    )
