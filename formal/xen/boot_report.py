"""What `ptproof boot` says: as text, and as data for programs."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from ..layouts.arrangement import arrangement
from ..layouts.layout import Configuration, Layout
from ..layouts.layout_json import as_dict as layout_as_dict
from ..machine.arrange import arrange
from ..machine.loading import Fate
from .as_it_is import AsItIs
from .booting import Booted
from .fidelity import Comparison, Difference, EntryDifference
from .random_boots import RandomBoot, rows
from .recording import configuration_as_dict

SHOWN: Final = 20
"""How many differences of one boot are printed; the data has all."""


def lines(booted: Booted) -> Iterator[str]:
    """One boot: the arrangement, what was compared, Xen's own slots, and what differs."""
    configuration, comparison = booted.recording.configuration, booted.comparison
    if comparison.fate.arranged:
        yield from arrangement(arrange(configuration)).splitlines()
    yield f"{xen_version(booted.recording.text)}, {booted.seconds:.1f} s: {_end(comparison)}."
    if comparison.frames:
        frames = f"{comparison.frames} page-table frames"
        if comparison.p2m_frames:
            frames += f" and {comparison.p2m_frames} of the p2m's own"
        yield (
            f"Compared: the arrangement, {comparison.entries} entries of {frames}, count_info and type_info of "
            f"{comparison.infos} frames."
        )
    elif comparison.fate.arranged:
        yield "Compared: the arrangement."
    if comparison.overwritten:
        shown = ", ".join(map(str, comparison.overwritten))
        yield f"Not compared: what was loaded has been written over frame {shown}."
    yield from _xen_slots(comparison)
    yield from _differences(comparison.differences)
    if not comparison.differences:
        yield "No difference."


def file_lines(first: AsItIs) -> Iterator[str]:
    """A file that was booted as it is: what became of it, and what was foretold."""
    yield f"The file as it is: {xen_version(first.text)}, {first.seconds:.1f} s: {first.end}."
    if first.refusal is not None:
        yield f"Foretold: {first.refusal}."
    yield from _differences(first.differences)
    if not first.differences:
        yield "No difference."


def many_lines(boots: Sequence[RandomBoot], seed: int, jobs: int, seconds: float) -> Iterator[str]:
    """Many boots: those that differ, each with a command that boots it again, and a table of all."""
    for each in boots:
        if each.comparison.differences:
            yield f"Layout {each.index} ({each.kind}) differs: {command(each.configuration)}"
            yield from _differences(each.comparison.differences)
    counted = rows(boots)
    width = max(len(row.kind) for row in counted)
    yield f"{'kind':<{width}}  booted  agreed  refused  differed"
    for row in counted:
        yield f"{row.kind:<{width}}  {row.booted:>6}  {row.agreed:>6}  {row.refused:>7}  {row.differed:>8}"
    comparisons = [each.comparison for each in boots]
    yield (
        f"Compared: {sum(each.entries for each in comparisons)} entries of "
        f"{sum(each.frames for each in comparisons)} page-table frames and "
        f"{sum(each.p2m_frames for each in comparisons)} of separate p2ms, count_info and type_info of "
        f"{sum(each.infos for each in comparisons)} frames."
    )
    yield "Refused are those that Xen refuses, or dies of, as foretold."
    yield f"Seed {seed}, {jobs} at a time: {seconds:.0f} s, {len(boots) / seconds:.1f} boots a second."


def file_as_dict(first: AsItIs) -> dict[str, Any]:
    """A file that was booted as it is, and that Xen has to refuse, as plain data."""
    return {
        "schema": "ptproof-boot/1",
        "xen": xen_version(first.text),
        "seconds": round(first.seconds, 2),
        **_first_look(first),
    }


def _first_look(first: AsItIs | None) -> dict[str, Any]:
    if first is None:
        return {}
    differences = [_difference(each) for each in first.differences]
    return {"as_it_is": {"seen": first.end, "refusal": first.refusal, "differences": differences}}


def as_dict(booted: Booted, first: AsItIs | None = None) -> dict[str, Any]:
    """One boot as plain data: entries in hexadecimal, counts as numbers; ``first`` is of the file as it is."""
    return {
        "schema": "ptproof-boot/1",
        "xen": xen_version(booted.recording.text),
        "seconds": round(booted.seconds, 2),
        **_first_look(first),
        **_compared(booted.recording.configuration, booted.comparison),
        "xen_slots": [
            {"frame": slot.frame, "index": slot.index, "name": slot.name, "entry": hex(slot.value)}
            for slot in booted.comparison.xen_slots
        ],
    }


def many_as_dict(boots: Sequence[RandomBoot], seed: int, jobs: int, seconds: float) -> dict[str, Any]:
    """Many boots as plain data; the counts are those of all."""
    total = rows(boots)[-1]
    return {
        "schema": "ptproof-boots/1",
        "seed": seed,
        "jobs": jobs,
        "seconds": round(seconds, 2),
        **{name: getattr(total, name) for name in ("booted", "agreed", "refused", "differed")},
        "boots": [
            {"index": each.index, "kind": each.kind, "seconds": round(each.seconds, 2)}
            | _compared(each.configuration, each.comparison)
            for each in boots
        ],
    }


@frozen
class NotBooted:
    """A layout that couldn't be booted, and why."""

    layout: Layout
    why: str


def witnesses_as_dict(claim: str, booted: Sequence[Booted | NotBooted]) -> dict[str, Any]:
    """The boots of what refutes a claim as plain data, and what wasn't booted."""
    return {
        "schema": "ptproof-witness-boots/1",
        "claim": claim,
        "boots": [as_dict(each) for each in booted if isinstance(each, Booted)],
        "not_booted": [
            {"layout": layout_as_dict(each.layout), "why": each.why}
            for each in booted
            if isinstance(each, NotBooted)
        ],
    }


def xen_version(text: str) -> str:
    """What Xen calls itself."""
    found = re.search(r"Xen version (\S+)", text)
    if found is None:
        return "Xen"
    return f"Xen {found[1]}, a debug build" if "debug=y" in text else f"Xen {found[1]}"


def command(configuration: Configuration) -> str:
    """The command that boots the configuration."""
    kernel, p2m = configuration.kernel, configuration.init_p2m
    parts = [
        f"ptproof boot --kernel {kernel.start:#x} {kernel.end:#x} --virt-base {configuration.virt_base:#x}"
    ]
    if configuration.mode.bits == 32:
        parts.append("--bits 32")
    if p2m is not None:
        parts.append(f"--init-p2m {p2m:#x}")
    if configuration.mod_start_pfn:
        parts.append("--mod-start-pfn")
    if configuration.initrd_len:
        parts.append(f"--initrd-len {configuration.initrd_len}")
    parts.append(f"--nr-pages {configuration.nr_pages}")
    return " ".join(parts)


def _end(comparison: Comparison) -> str:
    """What happened, and whether that was foretold."""
    seen = comparison.seen.value if comparison.seen else "no known end"
    if comparison.seen is not comparison.fate:
        return seen
    why = f" ({comparison.why})" if comparison.why else ""
    return seen if comparison.fate is Fate.RUNS else f"{seen}, as foretold{why}"


def _xen_slots(comparison: Comparison) -> Iterator[str]:
    """Xen's own slots that aren't empty."""
    slots = [slot for slot in comparison.xen_slots if slot.value]
    if slots:
        yield "Set apart as Xen's own:"
    for slot in slots:
        yield f"  frame {slot.frame}, entry {slot.index}: {slot.value:#018x} ({slot.name})"


def _differences(differences: Sequence[Difference]) -> Iterator[str]:
    for each in differences[:SHOWN]:
        yield f"  differs: {each}"
    if len(differences) > SHOWN:
        yield f"  ... and {len(differences) - SHOWN} more"


def _compared(configuration: Configuration, comparison: Comparison) -> dict[str, Any]:
    return {
        "configuration": configuration_as_dict(configuration),
        "command": command(configuration),
        "verdict": comparison.verdict,
        "foretold": comparison.fate.value,
        "why": comparison.why,
        "seen": comparison.seen.value if comparison.seen else None,
        "frames": comparison.frames,
        "p2m_frames": comparison.p2m_frames,
        "entries": comparison.entries,
        "infos": comparison.infos,
        "overwritten": list(comparison.overwritten),
        "differences": [_difference(each) for each in comparison.differences],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "where": difference.where,
        "expected": difference.expected,
        "found": difference.found,
    }
    if isinstance(difference, EntryDifference):
        plain |= {"frame": difference.frame, "level": difference.level, "index": difference.index}
    return plain
