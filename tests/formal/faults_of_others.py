"""The loops of others with one fault each, by name, as `machine_mutants` has them for the frame machine."""

from typing import Final

GRUB: Final = {
    "no room for a stack": ("STACK: Final = 1 << 20", "STACK: Final = 0"),
    "rounded to 2 MiB": ("LINE: Final = 4 << 20", "LINE: Final = 2 << 20"),
    "the page beside is always at 0": ("page = 0 if v_start else end", "page = 0"),
    "the page beside has tables twice": ("blocks - region[level]", "blocks"),
    "no table for the last block": ("range(at, end + 1)", "range(at, end)"),
    "no root": ("return 1 + count_of(self.region)", "return count_of(self.region)"),
}
NETBSD: Final = {
    "the directories aren't mapped": ("at += kernel.directories * PAGE_SIZE", "pass"),
    "the tables aren't mapped": ("at += count * PAGE_SIZE", "pass"),
    "tables of 4 MiB": ("TABLE: Final = 2 << 20", "TABLE: Final = 4 << 20"),
    "a table is left a page early": (
        "after = page - page % TABLE + TABLE",
        "after = page - page % TABLE + TABLE - 4096",
    ),
    "temporary tables without directories": (
        "own_end = start + (count + directories) * PAGE_SIZE",
        "own_end = start + count * PAGE_SIZE",
    ),
}
MINI_OS: Final = {
    "a table is taken twice": ("self.tables.add(table)", "pass"),
    "two frames a table": ("self.frame += PAGE_SIZE", "self.frame += 2 * PAGE_SIZE"),
    "the root's place is taken for a table's": ("X86_64.levels[-2::-1]", "X86_64.levels[-1::-1]"),
    "Xen's own tables aren't found": ("tables |= {(each.number,", "_ = {(each.number,"),
    "what is entered is never mapped": ("mapping.mapped_to, collected = page, 0", "collected = 0"),
}
ARM64: Final = {
    "no root": ("made: set[tuple[int, int]] = {(mode.levels[-1].number, 0)}", "made = set()"),
    "the last block is missing": ("while at < end:", "while at + (1 << lowest.shift) < end:"),
    "the widest level is left out": ("for level in mode.levels[:-1]}", "for level in mode.levels[:-2]}"),
}
