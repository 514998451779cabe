"""Small changes to the encodings, by name, that a claim or a comparison must notice; and how to try one.

A mutant is tried on a copy of the package with one piece of one file changed, in a process of its own. A claim
notices it when it gets another verdict than the one it carries, which is known as soon as a lemma isn't proved that it rests
on; ``layouts`` when the formulas and the frame machine, or real Xen, come to differ.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

from attrs import frozen
from mutants_beyond_the_count import MUTANTS as OTHERS

ROOT: Final = Path(__file__).parents[1]
SECONDS: Final = 600  # by the clock, on a machine that may have other work
LAYOUTS: Final = "layouts"
FORM: Final = "the closed form"
TOOL_FAILED: Final = "the tool failed"


@frozen
class Mutant:
    """``old`` stands once in ``file`` and is replaced by ``new``; ``caught_by`` is a claim's id, `LAYOUTS` or `FORM`."""

    name: str
    file: str
    old: str
    new: str
    caught_by: str


MUTANTS: Final = (
    Mutant("rounds-up-to-the-next", "encodings/spans.py", "((1 << shift) - 1)", "(1 << shift)", "span-modular"),
    Mutant("rounds-down-twice-as-far", "encodings/spans.py", "address & -(1 << shift)", "address & -(2 << shift)", "span-modular"),
    Mutant("end-rounded-down", "encodings/spans.py", "(round_up(high, shift)", "(round_down(high, shift)", "span-modular"),
    Mutant("start-rounded-up", "encodings/spans.py", "- round_down(low, shift))", "- round_up(low, shift))", "span-modular"),
    Mutant("start-not-rounded", "encodings/spans.py", "- round_down(low, shift))", "- low)", "span-modular"),
    Mutant("blocks-twice-as-large", "encodings/spans.py", ">> shift", ">> (shift + 1)", "span-modular"),
    Mutant("no-boot-stack", "encodings/dom0_layout.py", "nr_pt_pages * page + page", "nr_pt_pages * page", LAYOUTS),
    Mutant("two-pages-of-stack", "encodings/dom0_layout.py", "nr_pt_pages * page + page", "nr_pt_pages * page + 2 * page", LAYOUTS),
    Mutant("rounded-to-2-mib", "encodings/dom0_layout.py", "ROUNDING_SHIFT = 22", "ROUNDING_SHIFT = 21", "comment-superpage"),
    Mutant("rounded-to-8-mib", "encodings/dom0_layout.py", "ROUNDING_SHIFT = 22", "ROUNDING_SHIFT = 23", LAYOUTS),
    Mutant("padding-of-256-kib", "encodings/dom0_layout.py", "PADDING = 512 << 10", "PADDING = 256 << 10", LAYOUTS),
    Mutant("no-padding", "encodings/dom0_layout.py", "choose(rounded - end < padding, rounded + (mask + 1), rounded)", "rounded", "padding"),
    Mutant("512-kib-not-enough", "encodings/dom0_layout.py", "rounded - end < padding", "rounded - end <= padding", "v-end-closed"),
    Mutant("end-not-rounded-up", "encodings/dom0_layout.py", "(end + mask) & ~mask", "end & ~mask", "padding"),
    Mutant("4-mib-less-one", "encodings/dom0_layout.py", "rounded + (mask + 1)", "rounded + mask", "v-end-closed"),
    Mutant("closed-form-without-padding", "encodings/dom0_layout.py", "stack_end(vpt_start, nr_pt_pages) + PADDING", "stack_end(vpt_start, nr_pt_pages)", "v-end-closed"),
    Mutant("starts-from-5", "encodings/dom0_count.py", "FIRST_TRIED = 2", "FIRST_TRIED = 5", "min-64"),
    Mutant("one-l2-for-compat", "encodings/dom0_count.py", "number(level.fixed)", "number(1)", "min-compat-3"),
    Mutant("level-of-its-entries", "encodings/dom0_count.py", "spanned(v_start, end, level.shift)", "spanned(v_start, end, level.entry_shift)", LAYOUTS),
    Mutant("monitor-table-counted", "encodings/dom0_count.py", "reversed(mode.counted_levels)", "reversed(mode.levels)", LAYOUTS),
    Mutant("l1-not-counted", "encodings/dom0_count.py", "in reversed(mode.counted_levels)", "in reversed(mode.counted_levels[1:])", "two-too-small"),
    Mutant("root-not-counted", "encodings/dom0_count.py", "in reversed(mode.counted_levels)", "in reversed(mode.counted_levels[:-1])", LAYOUTS),
    Mutant("region-of-one-frame-more", "encodings/dom0_count.py", "v_end(vpt_start, nr_pt_pages))", "v_end(vpt_start, nr_pt_pages + 1))", LAYOUTS),
    Mutant("goes-on-when-enough", "encodings/dom0_count.py", "goes_on=tried < needed,", "goes_on=tried <= needed,", "min-2level"),
    Mutant("steps-by-two", "encodings/dom0_count.py", "step=(tried + 1,),\n        leap", "step=(tried + 2,),\n        leap", "min-64"),
    Mutant("block-without-its-table", "encodings/closed_form.py", "(lines - found[-1].lines)) - 1))", "(lines - found[-1].lines))))", FORM),
    Mutant("gain-one-too-small", "encodings/closed_form.py", "(lines - found[-1].lines)) - 1))", "(lines - found[-1].lines)) - 2))", FORM),
    Mutant("floor-for-ceiling", "encodings/closed_form.py", "choose(left > 0, number(1), number(0))", "choose(left > worth, number(1), number(0))", FORM),
    Mutant("no-carry-into-the-next-block", "encodings/closed_form.py", "choose(left > 0, number(1), number(0))", "choose((left > 0) & (more & 0xff != 0xff), number(1), number(0))", FORM),
    Mutant("two-lines-to-start-with", "encodings/closed_form.py", "needed > 1 << lines.pages, needed - (1 << lines.pages)", "needed > 2 << lines.pages, needed - (2 << lines.pages)", FORM),
    Mutant("closed-form-starts-at-zero", "encodings/closed_form.py", "- (before >> level.shift)", "- (v_start >> level.shift)", FORM),
    Mutant("last-line-not-left-out", "encodings/closed_form_any_rounding.py", "(step - 1) & ~line_mask", "step & ~line_mask", FORM),
    Mutant("just-enough-is-not-enough", "encodings/closed_form_any_rounding.py", "takes = left > gain(", "takes = left >= gain(", FORM),
    Mutant("what-is-left-wraps", "encodings/closed_form_any_rounding.py", "choose(left > worth, left - worth, number(0))", "left - worth", FORM),
    Mutant("two-roundings-of-padding", "encodings/closed_form_any_rounding.py", "choose(padding <= mask, padding, mask + 1)", "padding", FORM),
    Mutant("narrow-base", "encodings/closed_form_any_rounding.py", "~(mask | ((1 << widest) - 1))", "~((1 << widest) - 1)", FORM),
    Mutant("one-application-less", "encodings/static_count.py", "range(raises + 1)", "range(raises)", "raises-compat-1"),
    Mutant("initrd-not-on-a-page", "encodings/dom0_arrangement.py", "above = _page_up(initrd.end)", "above = initrd.end", "starts-page-aligned"),
    Mutant("kernel-not-rounded-up", "encodings/dom0_arrangement.py", "above = _page_up(kernel.end)", "above = kernel.end", "starts-page-aligned"),
    Mutant("tables-right-behind-start-info", "encodings/dom0_arrangement.py", "vpt_start = _page_up(start_info.end)", "vpt_start = start_info.end", "starts-page-aligned"),
    Mutant("64-bit-p2m-for-compat", "encodings/dom0_arrangement.py", "nr_pages * mode.p2m_entry", "nr_pages * 8", LAYOUTS),
    Mutant("compat-heeds-init-p2m", "encodings/dom0_arrangement.py", "if init_p2m is None or mode.bits == 32:", "if init_p2m is None:", LAYOUTS),
    Mutant("console-page-forgotten", "encodings/dom0_arrangement.py", "vpt_start = console.end", "vpt_start = xenstore.end", LAYOUTS),
    Mutant("vga-part-forgotten", "encodings/dom0_arrangement.py", "start_info.end + vga_console_info_size", "start_info.end", LAYOUTS),
    Mutant("changed-padding-forgotten", "encodings/dom0_arrangement.py", "nr_pt_pages) + padding, shift)", "nr_pt_pages), shift)", LAYOUTS),
    Mutant("changed-start-forgotten", "encodings/dom0_arrangement.py", "tried)[0], first)", "tried)[0])", LAYOUTS),
    Mutant("costliest-found-too-cheap", "proofs/static/rounding_cost.py", "return Cost(max(0, frames)", "return Cost(max(0, frames - 1)", "rounding-cost"),
    Mutant("no-table-begins-in-between", "proofs/static/rounding_cost.py", "- round_up(low, shift)) >> shift", "- round_up(low, shift)) >> 63", "rounding-cost"),
    Mutant("signed-comparisons", "formal/words/smtlib.py", 'return f"({term.operation} {arguments})"', 'return f"({term.operation.replace(\'bvu\', \'bvs\')} {arguments})"', "terminates"),
    Mutant("shifts-in-the-sign", "formal/words/smtlib.py", 'return f"({term.operation} {arguments})"', 'return f"({term.operation.replace(\'lshr\', \'ashr\')} {arguments})"', "terminates"),
    Mutant("entry-may-lie-anywhere", "encodings/libelf.py", "& (virt_base <= virt_kstart)", "", "segments-disjoint"),
    *(Mutant(*each) for each in OTHERS),
)  # fmt: skip


COMPARISON: Final = """
import json, sys
from ptproof.encodings.dom0_arrangement import laid_out
from ptproof.formal.machine.arrange import arrange
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.layouts.what_if import WhatIf
given = [
    Configuration(
        mode=mode, virt_base=base, kernel=Segment(base + 0x100000, base + 0x100000 + size), nr_pages=0x10000,
        initrd_len=initrd, init_p2m=p2m, shim=shim, what_if=asked,
    )
    for asked in (None, WhatIf(rounding=2 << 20, padding=64 << 10, first_tried=5), WhatIf(rounding=4096, padding=0))
    for mode in (X86_64, COMPAT) for base in (0, 0x3fe00000, 0x1ff000)
    for size in (*range(0x12345, 0x800000, 0x145000), *range(0x1f0345, 0x280345, 0x1000))
    for initrd, p2m, shim in ((0, None, False), (5001, None, True), (0, 0x80000000, False))
]
sys.exit(any(laid_out(each) != arrange(each) for each in given))
"""


FORM_COMPARISON: Final = """
import sys
from ptproof.encodings import closed_form_any_rounding as any_rounding
from ptproof.encodings.closed_form import nr_pt_pages
from ptproof.encodings.concrete import least_count
from ptproof.encodings.dom0_count import tables, tables_for
from ptproof.encodings.dom0_layout import rounded_end, stack_end
from ptproof.formal.layouts.paging import COMPAT, X86_64
from ptproof.formal.words.word import compiled, number, word
s, t, n = map(word, "stn")
for mode in (X86_64, COMPAT):
    form = compiled([nr_pt_pages(mode, 22, s, t, number(512 << 10))], (s, t))
    needed = compiled([tables_for(mode, s, t, n)], (s, t, n))
    for start in (0, 0x3fe00000, 0x7ffff000, (1 << 39) - (1 << 22), (1 << 64) - (1 << 31)):
        for end in (1 << 22, 1 << 30, 7 << 30, 1 << 39, 1 << 41):
            for pages in range(0, 2600, 7):
                at = start, (start + end - pages * 4096) % (1 << 64)
                if pages * 4096 < end and form(*at)[0] != least_count(lambda frames: needed(*at, frames)[0]):
                    sys.exit(1)
m, p = map(word, "mp")
for mode in (X86_64, COMPAT):
    form = compiled([any_rounding.nr_pt_pages(mode, m, p, s, t)], (m, p, s, t))
    needed = compiled([tables(mode, s, rounded_end(stack_end(t, n), m, p))], (m, p, s, t, n))
    for shift, padding in ((12, 0), (13, 9000), (21, 3 << 20), (30, 0), (40, 1 << 20)):
        for start, border in ((0, 1 << 21), (0, 1 << 30), (0x3fe00000, 1 << 39), ((1 << 39) - (1 << 22), 1 << 39), (3 << 39, 1 << 21)):
            for pages in range(0, 2600, 7):
                at = (1 << shift) - 1, padding, start, start + max(0, border - pages * 4096)
                if form(*at)[0] != least_count(lambda frames: needed(*at, frames)[0]):
                    sys.exit(1)
"""


DECIDED: Final = """
import sys
from contextlib import suppress
from ptproof.formal.cli.main import main
from ptproof.formal.logic.claim import Expected, claims
from ptproof.formal.logic.prover import settle
from ptproof.formal.logic.rule import lemmas_of
from ptproof.formal.solvers.answer_cache import users_cache
from ptproof.formal.solvers.solver import Solver
solver = Solver(cache=users_cache())
try:
    with suppress(Exception):
        parts = [part for claim in claims() if claim.id in sys.argv[1:] for part in claim.parts]
        proved = [part.lemma for part in parts if part.expected is Expected.PROVED and not part.reached]
        for lemma in lemmas_of(proved):
            if not settle(solver, lemma).discharged:
                sys.exit(f"{lemma.name} isn't proved any more")
finally:
    solver.close()
sys.exit(main(["prove", *sys.argv[1:], "--quiet"]))
"""
"""What decides claims in a copy: it is over with the first lemma that isn't proved, since then a part isn't, either."""


def copied(folder: Path, mutant: Mutant | None) -> Path:
    """The package in ``folder``, with the mutant's change; its search path. Raises ValueError.

    What has the changed file is copied, and the rest linked. What is compiled is copied, too, except for the changed file, and
    what is just being written, which has a longer name.
    """
    (folder / "ptproof").mkdir()
    for name in ("formal", "encodings", "proofs"):
        if mutant is None or not mutant.file.startswith(f"{name}/"):
            (folder / "ptproof" / name).symlink_to(ROOT / name)
            continue
        shutil.copytree(ROOT / name, folder / "ptproof" / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        changed = folder / "ptproof" / mutant.file
        text = changed.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            raise ValueError(
                f"{mutant.name}: {mutant.old!r} stands {text.count(mutant.old)} times in {mutant.file}"
            )
        changed.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        Path(cache_from_source(changed)).unlink(missing_ok=True)
    return folder


def noticed(folder: Path, caught_by: str, *others: str) -> str:
    """What the claim, with other ones, or the comparison says against the copy in ``folder``; empty when it finds it sound."""
    program = {LAYOUTS: COMPARISON, FORM: FORM_COMPARISON}.get(caught_by, DECIDED)
    ended = subprocess.run(
        [sys.executable, "-c", program, caught_by, *others],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if ended.returncode == 0 or TOOL_FAILED in ended.stderr:  # nothing is known of what broke the tool
        return ""
    if caught_by in (LAYOUTS, FORM):
        return (
            "the formulas' layouts are not the machine's, or the form not the search"
            if ended.returncode == 1
            else ended.stderr
        )
    return f"status {ended.returncode}: {ended.stderr.strip()}"
