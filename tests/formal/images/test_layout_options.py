"""The command that lays a configuration out, read again by the command line."""

import argparse
import random
import shlex
from typing import Any

import pytest
from attrs import evolve
from ptproof.formal.cli.about_layouts import layout as layout_module
from ptproof.formal.cli.about_layouts.layout import from_addresses, pages_asked
from ptproof.formal.images.layout_options import layout_command
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, TWO_LEVEL, X86_64


def read_again(command: str) -> Configuration:
    """What the command's options say."""
    parser = argparse.ArgumentParser()
    layout_module.add_options(parser)
    program, name, *options = shlex.split(command)
    assert (program, name) == ("ptproof", "layout")
    arguments = parser.parse_args(options)
    return evolve(from_addresses(arguments)[0], nr_pages=pages_asked(arguments))


@pytest.mark.parametrize("seed", range(50))
def test_the_command_says_the_configuration(seed: int) -> None:
    """Read by the command line, the options of a random configuration give that configuration."""
    source = random.Random(seed)
    base = source.choice([0, 0xFFFFFFFF80000000])
    start = base + source.randrange(1 << 26)
    given = Configuration(
        mode=source.choice([X86_64, COMPAT]),
        virt_base=base,
        kernel=Segment(start, start + source.randrange(1 << 26)),
        nr_pages=source.randrange(1, 1 << 30),
        initrd_len=source.choice([0, source.randrange(1 << 30)]),
        mod_start_pfn=source.random() < 0.5,
        init_p2m=source.choice([None, 0, 0x8000000000]),
        shim=source.random() < 0.5,
    )
    command = layout_command(given)
    assert command is not None
    assert read_again(command) == given


@pytest.mark.parametrize(
    "change",
    [{"mode": TWO_LEVEL}, {"start_info_size": 1160}, {"nr_pages": 0}, {"kernel": Segment(8, 4)}],
    ids=lambda each: next(iter(each)),
)
def test_what_no_options_say(change: dict[str, Any]) -> None:
    """There is no command where the options can't say all of the configuration."""
    given = Configuration(kernel=Segment(0x1000, 0x2000), nr_pages=1)
    assert layout_command(given) is not None
    assert layout_command(evolve(given, **change)) is None
