"""A configuration laid out twice: by the frame machine, and by formulas that it knows nothing of.

The formulas reach this package through the entry-point group ``ptproof.layouts`` only: an entry is a
function from a `Configuration` to a `Layout`. Where the two disagree one of them is wrong about Xen, and that
is the loudest thing that the tool can say.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from attrs import evolve, frozen

from ..edge.errors import InputError
from ..layouts.arrangement import arrangement
from ..layouts.count_rule import count_rules
from ..layouts.layout import Configuration, Layout, Segment
from ..layouts.xen_version import XenVersion
from .arrange import TooLarge, arrange
from .replay import with_frames

GROUP = "ptproof.layouts"


class Disagreement(Exception):
    """The frame machine and the formulas lay one configuration out differently."""

    def __init__(self, configuration: Configuration, machine: Layout, formulas: Layout) -> None:
        super().__init__(
            f"frame machine and formulas disagree on {configuration}: the machine has n = {machine.nr_pt_pages}, "
            f"the formulas have n = {formulas.nr_pt_pages}"
        )
        self.machine = machine
        self.formulas = formulas

    def arrangements(self) -> str:
        """Both layouts, as Xen would print them."""
        return f"By the machine:\n{arrangement(self.machine)}By the formulas:\n{arrangement(self.formulas)}"


@frozen
class Arranged:
    """A layout, and whether the frame machine came to it, too; a region may be too large for that."""

    layout: Layout
    executed: bool


def arranged(configuration: Configuration) -> Arranged:
    """Lay the configuration out by the machine and by the installed formulas.

    Raises:
        Disagreement: the two differ.
        TooLarge: the region is too large for the machine, and no formulas are installed.
        InputError: the formulas don't apply to such a configuration.
    """
    layouts = [layout(configuration) for layout in formulas()]
    try:
        executed = arrange(configuration)
    except TooLarge:
        if not layouts:
            raise
        return Arranged(layouts[0], executed=False)
    for layout in layouts:
        if layout != executed:
            raise Disagreement(configuration, executed, layout)
    return Arranged(executed, executed=True)


def arranged_by(version: XenVersion, configuration: Configuration) -> Arranged:
    """Lay the configuration out as an older Xen did: by the machine, and its count by the installed rule, too.

    Raises:
        Disagreement: the two differ.
        TooLarge: the region is too large for the machine.
        InputError: no such rule is installed, or its search never ends here.
    """
    rules = [rule for rule in count_rules() if rule.name == version.rule]
    if not rules:
        raise InputError(f"argument --version: no counting rule {version.rule!r} is installed")
    taken = version.configured(configuration)
    todays = arranged(taken).layout
    count = rules[0].nr_pt_pages(taken.virt_base, todays.vpt_start)
    if count is None:
        raise InputError(
            f"argument --version: the search of {version.name} for nr_pt_pages never ends for a region that starts at "
            f"{taken.virt_base:#x}"
        )
    end = rules[0].v_end(todays.vpt_start, count)
    counted = evolve(with_frames(todays, count), total=Segment(taken.virt_base, end))
    executed = arrange(configuration, version)
    if executed != counted:
        raise Disagreement(taken, executed, counted)
    return Arranged(executed, executed=True)


def formulas() -> tuple[Callable[[Configuration], Layout], ...]:
    """Every installed way to lay out by formula."""
    return tuple(entry.load() for entry in entry_points(group=GROUP))
