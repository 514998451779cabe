"""Judges a boot log: which figures agree with the model of the layout, which differ, and by how much.

Each figure is compared with what follows from the figures before it, so that one altered figure shows in
one or two places; `Judgement.suspects` then says which figure alone would explain them all. What a log
lacks is never counted against it.

Facts: DOMAIN.md sections 2, 3, 7 and 9; ``dom0_construct()`` in Xen 3.0 to 4.22. The counting rules are
handed in.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from attrs import frozen

from ..edge.errors import InputError
from ..edge.limits import Allowance, most, raised_by
from ..layouts.arrangement import LABELS
from ..layouts.count_rule import CountRule
from ..layouts.xen_version import version_of_rule
from ..logs.boot_log import Boot
from ..machine.builder import BUILD_LIMIT
from .check_log_builder import builder
from .check_log_count import candidate_rules, count, guest_width, region_end
from .check_log_figures import (
    allocation,
    fixed_sizes,
    follows,
    image,
    initrd_length,
    missing_lines,
    notes,
    orders,
    p2m_size,
)
from .check_log_findings import PANIC, Finding, Kind, title, whole_pages
from .check_log_xen import start_info_size

__all__ = ["Finding", "Judgement", "Kind", "Outcome", "as_dict", "as_lines", "check_boot", "check_boots"]


BOOTS_LIMIT: Final = most(seconds=1e-3, memory=50_000)
"""How many boots of a file are judged."""
_LAST_WORDS: Final = 3
"""How many of Xen's messages a verdict quotes at most."""


class Outcome(Enum):
    """What a boot as a whole is judged as."""

    AGREES = "agrees"
    OLDER = "agrees with an older rule"
    DIFFERS = "differs"
    INCOMPLETE = "incomplete"
    OUT_OF_SCOPE = "out of scope"


@frozen(kw_only=True)
class Judgement:
    """What to report about one boot. ``rule`` is the counting rule that fits, if one does.

    ``width`` is the guest kernel's, in bits, and ``width_from`` says how that is known; ``nr_pt_pages``
    is the printed count, in frames.
    """

    boot: Boot
    width: int
    width_from: str
    nr_pt_pages: int | None
    rule: CountRule | None
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """DIFFERS before INCOMPLETE before OLDER before AGREES; another kind of domain is out of scope."""
        if self.boot.kind != "PV":
            return Outcome.OUT_OF_SCOPE
        kinds = {finding.kind for finding in self.findings}
        if Kind.DIFFERS in kinds:
            return Outcome.DIFFERS
        if Kind.UNCHECKED in kinds or Kind.MALFORMED in kinds or self.rule is None:
            return Outcome.INCOMPLETE
        return Outcome.AGREES if self.rule.current else Outcome.OLDER

    @property
    def status(self) -> int:
        """The exit status: 0, 1 when a figure differs, 2 when one can't be read or nothing be checked.

        0 for what is out of scope, which is no fault of the log.
        """
        if self.outcome is Outcome.OUT_OF_SCOPE:
            return 0
        kinds = {finding.kind for finding in self.findings}
        if Kind.MALFORMED in kinds or not kinds & {Kind.AGREES, Kind.DIFFERS}:
            return 2
        return 1 if Kind.DIFFERS in kinds else 0

    @property
    def suspects(self) -> tuple[str, ...]:
        """The figures of which one alone, altered, explains all that differs; none if it takes more.

        Each is an end of a segment (``page_tables.end``), or a whole one where both its ends must be off.
        """
        differing = [each.involves for each in self.findings if each.kind is Kind.DIFFERS]
        if not differing:
            return ()
        common = frozenset.intersection(*differing)
        confirmed = {name for each in self.findings if each.kind is Kind.AGREES for name in each.confirms}
        whole = frozenset.intersection(*(frozenset(map(_figure, each)) for each in differing))
        return tuple(sorted((common - confirmed) or common or whole))

    @property
    def verdict(self) -> str:
        """One line on the whole boot, and on what Xen said about it last: its final panic alone often says nothing."""
        said = [each.message.split('"')[1] for each in self.findings if each.figure == PANIC][-_LAST_WORDS:]
        words = ", ".join(f'"{each}"' for each in said)
        return f"{self._verdict}; Xen says {words}" if words else self._verdict

    @property
    def _verdict(self) -> str:
        count = f"n = {self.nr_pt_pages}" if self.nr_pt_pages is not None else "n unknown"
        by = f" by the rule {self.rule.name!r} (Xen {self.rule.carried_by})" if self.rule else ""
        match self.outcome:
            case Outcome.OUT_OF_SCOPE:
                return (
                    f"OUT OF SCOPE: a domain of the kind {self.boot.kind}, which has no page tables in a region of its "
                    "own: nothing to compare"
                )
            case Outcome.AGREES:
                return f"AGREES: {count}{by}, {self.width} bits"
            case Outcome.OLDER:
                version = version_of_rule(self.rule.name) if self.rule else None
                named = f"; --version {version.name} lays out so" if version else ""
                return f"OLDER: {count}{by}, not by today's; {self.width} bits{named}"
            case Outcome.INCOMPLETE:
                missing = sum(each.kind is Kind.UNCHECKED for each in self.findings)
                checked = sum(each.kind is Kind.AGREES for each in self.findings)
                malformed = sum(each.kind is Kind.MALFORMED for each in self.findings)
                lacks = [f"{missing} couldn't be made"] * (missing > 0)
                lacks += [f"{malformed} of the log's lines couldn't be read"] * (malformed > 0)
                agree = "1 check agrees" if checked == 1 else f"{checked} checks agree"
                return f"INCOMPLETE: {count}{by}; {agree}, {', '.join(lacks) or 'no rule gives the count'}"
            case Outcome.DIFFERS:
                wrong = [each for each in self.findings if each.kind is Kind.DIFFERS]
                names = dict.fromkeys(title(each.figure) for each in wrong)
                suspects = " or ".join(map(_end_title, self.suspects))
                cause = f"; all is explained if only {suspects} is wrong" if suspects else ""
                return f"DIFFERS: {', '.join(names)}{cause}"


def check_boot(boot: Boot, rules: Sequence[CountRule], allowed: Allowance | None = None) -> Judgement:
    """Compare every figure of ``boot`` with the layout's model, and its count with ``rules``.

    Today's rule is tried first, then older ones in their order. ``allowed`` is what the machine may build, in pages.
    """
    if boot.kind != "PV":
        return Judgement(
            boot=boot,
            width=64,
            width_from=f"not known of a {boot.kind} domain",
            nr_pt_pages=None,
            rule=None,
            findings=(),
        )
    width, width_from = guest_width(boot, rules)
    findings = [
        *(
            Finding(kind=Kind.MALFORMED, figure="log", line=each.line, message=each.message)
            for each in boot.problems
        ),
        *missing_lines(boot),
        *orders(boot),
        *notes(boot, width),
        *image(boot),
        *follows(boot),
        *fixed_sizes(boot),
        *start_info_size(boot),
        *initrd_length(boot),
        *p2m_size(boot, width),
    ]
    rule, counted = count(boot, width, rules)
    findings += counted
    findings += region_end(boot, rule or next(iter(candidate_rules(boot, width, rules)), None))
    findings += allocation(boot)
    findings += builder(boot, rule, allowed)
    return Judgement(
        boot=boot,
        width=width,
        width_from=width_from,
        nr_pt_pages=whole_pages(boot.page_tables),
        rule=rule,
        findings=tuple(findings),
    )


def check_boots(boots: Sequence[Boot], rules: Sequence[CountRule], times: int = 1) -> list[Judgement]:
    """The boots of a file, each judged. Raises `InputError` where that takes more than ``times`` the limits."""
    if len(boots) > times * BOOTS_LIMIT:
        hint = raised_by(len(boots), BOOTS_LIMIT)
        raise InputError(
            f"{boots[0].source}: expected at most {times * BOOTS_LIMIT} boots, found {len(boots)}{hint}"
        )
    allowed = Allowance(BUILD_LIMIT, times)
    return [check_boot(each, rules, allowed) for each in boots]


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """The judgement as plain values for JSON, in a stable order; addresses are hex strings."""
    boot = judgement.boot
    segments = {name: boot.segment(name) for name in LABELS}
    return {
        "file": boot.source,
        "line": boot.line,
        "domain": boot.domain,
        "xen": boot.xen_version,
        "outcome": judgement.outcome.name,
        "verdict": judgement.verdict,
        "width": judgement.width,
        "width_from": judgement.width_from,
        "rule": judgement.rule.name if judgement.rule else None,
        "carried_by": judgement.rule.carried_by if judgement.rule else None,
        "nr_pt_pages": judgement.nr_pt_pages,
        **{name: [hex(each.start), hex(each.end)] if each else None for name, each in segments.items()},
        "entry": None if boot.entry is None else hex(boot.entry),
        "suspects": list(judgement.suspects),
        "findings": [
            {
                "kind": each.kind.value,
                "figure": each.figure,
                "line": each.line,
                "message": each.message,
                "expected": _shown(each.expected, counts=each.counts),
                "found": _shown(each.found, counts=each.counts),
            }
            for each in judgement.findings
        ],
    }


def as_lines(judgement: Judgement) -> list[str]:
    """The judgement as text: ``file:line: figure: kind: sentence`` for each finding, then the verdict."""
    boot = judgement.boot
    lines = [f"{boot.source}:{boot.line}: width: {judgement.width} bits: {judgement.width_from}"]
    if judgement.outcome is Outcome.OUT_OF_SCOPE:
        lines = []
    for each in judgement.findings:
        place = f"{boot.source}:{boot.line if each.line is None else each.line}"
        lines.append(f"{place}: {title(each.figure)}: {each.kind.value}: {each.message}")
    lines.append(f"{boot.source}:{boot.line}: {judgement.verdict}")
    return lines


def _figure(end: str) -> str:
    return end.partition(".")[0]


def _end_title(name: str) -> str:
    figure, _, end = name.partition(".")
    return f"{title(figure)} {end}".strip() if figure != "nr_pt_pages" else "the number of Page tables"


def _shown(value: int | None, *, counts: bool) -> str | int | None:
    return value if value is None or counts else hex(value)
