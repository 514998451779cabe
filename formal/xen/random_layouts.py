"""Random configurations, most of them near the edges that matter, from a seed.

The edges: a stack that ends about 512 KiB below a multiple of 4 MiB; a region that ends at, or lies across, a
border of 2 MiB, 1 GiB or 512 GiB; a region as large as a power of two; the ends of the address space's halves;
sizes that are no multiple of a page; an initrd, mapped and not; a p2m of its own, far away or next to the
region. A `Kind` is data: a name, how often it is drawn, and the steps that bring a plain configuration to its
edge. What is drawn depends on the seed and the index alone, not on what was drawn before.

The frame machine's `arrange` finds out where a configuration lies, so that it can be moved to an edge.

Facts: DOMAIN.md sections 2 to 5, for where the edges are and for what Xen refuses.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from attrs import evolve, frozen

from ..images.image_writer import SPIN
from ..layouts.layout import ADDRESS_LIMIT, Configuration, Layout, Segment
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE, X86_64, PagingMode
from ..machine.arrange import PADDING, ROUNDING, TooLarge, arrange

LARGEST_MEMORY: Final = 1 << 38
"""The most memory that is drawn for a dom0 when nobody limits it, in bytes: a p2m of 512 MiB."""

LINUX_P2M: Final = 1 << 39
"""Where Linux asks for its p2m."""

_SMALLEST_MEMORY: Final = 1 << 22
_ATTEMPTS: Final = 10_000
_XEN_AREA: Final = Segment(0xFFFF_8000_0000_0000, 0xFFFF_8800_0000_0000)
_LOWER_END: Final = 1 << 47
_COMPAT_END: Final = 0xF580_0000
"""A 32-bit region may end here, and no higher, unless the image asks for more."""

Step = Callable[[Random, Configuration], Configuration]
"""Something done to a configuration on the way to an edge."""


@frozen
class Kind:
    """A kind of configuration: ``weight`` in so many draws is of it, ``steps`` bring it about.

    ``built`` tells that Xen builds it as it should be; if not, Xen refuses it, dies of it, or builds it wrong.
    ``enough`` tells that dom0 has the memory that its region and its initrd take.
    """

    name: str
    weight: int
    steps: tuple[Step, ...]
    built: bool = True
    enough: bool = True
    modes: tuple[int, ...] = (32, 64)
    """The word sizes of the guests that there are such configurations for."""


@frozen
class Drawn:
    """A configuration, and what kind it is of."""

    kind: Kind
    configuration: Configuration


def configurations(
    seed: int,
    count: int,
    *,
    mode: PagingMode = X86_64,
    memory_limit: int = LARGEST_MEMORY,
    kinds: Sequence[Kind] | None = None,
) -> Iterator[Configuration]:
    """``count`` configurations of the ``kinds`` (all of `BUILT` unless said otherwise).

    ``memory_limit`` is the most memory that a dom0 gets, in bytes: its region takes half of that at most.
    """
    for index in range(count):
        yield draw(seed, index, mode=mode, memory_limit=memory_limit, kinds=kinds).configuration


def draw(
    seed: int,
    index: int,
    *,
    mode: PagingMode = X86_64,
    memory_limit: int = LARGEST_MEMORY,
    kinds: Sequence[Kind] | None = None,
) -> Drawn:
    """The ``index``-th configuration of a seed; see `configurations`."""
    random = Random(f"{seed} {index}")  # noqa: S311 - layouts, not secrets
    chosen = [kind for kind in (BUILT if kinds is None else kinds) if mode.bits in kind.modes]
    (kind,) = random.choices(chosen, [kind.weight for kind in chosen])
    for _ in range(_ATTEMPTS):
        configuration = _plain(random, mode, memory_limit)
        for step in kind.steps:
            configuration = step(random, configuration)
        if kind.built:
            configuration = _place_p2m(random, configuration)
        if _is_possible(configuration) and _is_of(kind, configuration, memory_limit):
            return Drawn(kind, configuration)
    raise AssertionError(f"seed {seed}, index {index}: no configuration of kind {kind.name!r} was found")


def _plain(random: Random, mode: PagingMode, memory_limit: int) -> Configuration:
    """A configuration at address 0, with memory, an initrd, a p2m and a kernel of any size.

    Small ones are as frequent as large ones: sizes are drawn by their number of digits.
    """
    nr_pages = _by_digits(random, _SMALLEST_MEMORY >> PAGE_SHIFT, memory_limit >> PAGE_SHIFT)
    room = nr_pages * PAGE_SIZE // 2
    initrd_len = random.choice(
        [0, 0, 1, random.randint(1, 3 * PAGE_SIZE), _by_digits(random, 1, max(2, min(room // 4, 64 << 20)))]
    )
    start = random.choice([0, 1 << 20, random.randrange(1 << 22), 16 << 20])
    size = _by_digits(random, 4, max(5, room - start))
    if random.random() < 0.5:
        start, size = start & -PAGE_SIZE, (size + PAGE_SIZE) & -PAGE_SIZE
    return Configuration(
        mode=mode,
        virt_base=0,
        kernel=Segment(start, start + size),
        nr_pages=nr_pages,
        initrd_len=initrd_len,
        mod_start_pfn=random.random() < 0.3,
        init_p2m=LINUX_P2M if mode.bits == 64 and random.random() < 0.35 else None,
    )


def _by_digits(random: Random, low: int, high: int) -> int:
    """A number from ``low`` to ``high``, with each number of binary digits as likely as another."""
    digits = random.randint(low.bit_length(), high.bit_length())
    return min(max(random.randrange(1 << digits >> 1, 1 << digits), low), high)


def _at(*starts: int) -> Step:
    """A region that starts at one of the addresses."""
    return lambda random, configuration: _moved(configuration, random.choice(starts))


def _anywhere(random: Random, configuration: Configuration) -> Configuration:
    """A region that starts at any page where Xen builds it."""
    if configuration.mode.bits == 32:
        return _moved(configuration, random.randrange(_COMPAT_END) & -PAGE_SIZE)
    low, high = random.choice([(0, 1 << 32), (0, _LOWER_END), (_XEN_AREA.end, ADDRESS_LIMIT)])
    return _moved(configuration, random.randrange(low, high) & -PAGE_SIZE)


def _across(shift: int) -> Step:
    """A region across a border of 2**shift, or with one of its segments' ends just there."""

    def step(random: Random, configuration: Configuration) -> Configuration:
        border = _border(random, configuration.mode, shift)
        offset = random.choice(_landmarks(arrange(configuration)))
        if random.random() < 0.3:
            offset = random.randrange(offset + 1)
        return _moved(configuration, border - (offset & -PAGE_SIZE) + random.randint(-2, 2) * PAGE_SIZE)

    return step


def _up_to(shift: int) -> Step:
    """A region that ends at a border of 2**shift, or 4 MiB past it: a page more or less decides."""

    def step(random: Random, configuration: Configuration) -> Configuration:
        border = _border(random, configuration.mode, shift)
        return _near_padding(random, _moved(configuration, border - arrange(configuration).total.size))

    return step


def _ends_at(end: int) -> Step:
    """A region that ends at this address exactly."""

    def step(random: Random, configuration: Configuration) -> Configuration:
        spare = random.randrange(ROUNDING) & -PAGE_SIZE
        moved = _moved(configuration, end - arrange(configuration).total.size - spare)
        return _moved(moved, moved.virt_base + (end - arrange(moved).v_end) % ADDRESS_LIMIT)

    return step


def _near_padding(random: Random, configuration: Configuration) -> Configuration:
    """A kernel so much larger that the stack ends within some pages of 4 MiB − 512 KiB."""
    stack = arrange(configuration).boot_stack
    if stack is None:
        return configuration
    wanted = -PADDING + random.randint(-6, 6) * PAGE_SIZE
    return _with_kernel(configuration, more=(wanted - stack.end) % ROUNDING)


def _near_power_of_two(random: Random, configuration: Configuration) -> Configuration:
    """An initrd so long that what must be allocated is a power of two, or a page more or less."""
    length = random.randint(1, 3 * PAGE_SIZE)
    configuration = evolve(configuration, initrd_len=length, mod_start_pfn=False)
    pages = (arrange(configuration).total.size - _whole_pages(length)) >> PAGE_SHIFT
    surplus = pages - (1 << max(pages.bit_length() - 1, 0)) + random.randint(-1, 1)
    taken = min(surplus * PAGE_SIZE, configuration.kernel.size & -PAGE_SIZE)
    if taken < 0:
        return configuration
    return _with_kernel(evolve(configuration, initrd_len=length + taken), more=-taken)


def _within_a_page(random: Random, configuration: Configuration) -> Configuration:
    """A region that starts within a page: the mapping is a page short, and the tables misaligned."""
    return _moved(configuration, configuration.virt_base + random.choice([8, 0x10, 0x800, 0xFF8]))


def _across_the_lower_end(random: Random, configuration: Configuration) -> Configuration:
    """A region across 2**47: its upper part has no addresses."""
    return _across_address(_LOWER_END, random, configuration)


def _across_the_last_address(random: Random, configuration: Configuration) -> Configuration:
    """A region that goes past 2**64, with the kernel below."""
    return _across_address(ADDRESS_LIMIT, random, configuration)


def _across_address(address: int, random: Random, configuration: Configuration) -> Configuration:
    layout = arrange(configuration)
    low = (configuration.kernel.end + PAGE_SIZE) & -PAGE_SIZE
    return _moved(configuration, address - (random.randrange(low, max(low + 1, layout.v_end)) & -PAGE_SIZE))


def _in_xens_area(random: Random, configuration: Configuration) -> Configuration:
    """A region in Xen's own area, or with one end in it."""
    size = arrange(configuration).total.size + ROUNDING
    start = random.choice(
        [_XEN_AREA.start, _XEN_AREA.end - PAGE_SIZE, random.randrange(_XEN_AREA.start, _XEN_AREA.end)]
    )
    return _moved(configuration, random.choice([start, _XEN_AREA.end - size // 2]) & -PAGE_SIZE)


def _too_little_memory(random: Random, configuration: Configuration) -> Configuration:
    """Less memory than the allocation takes, by a page or by more."""
    configuration = evolve(configuration, init_p2m=_p2m(configuration))
    needed = allocation_pages(arrange(configuration)) + _initrd_pages(configuration)
    return evolve(configuration, nr_pages=max(1, needed - random.choice([1, 2, random.randrange(1, needed)])))


def _too_little_for_the_p2m(random: Random, configuration: Configuration) -> Configuration:
    """Memory enough for the region, but not for the separate p2m and its tables as well."""
    configuration = evolve(configuration, init_p2m=LINUX_P2M)
    needed = allocation_pages(arrange(configuration)) + _initrd_pages(configuration)
    p2m_pages = _whole_pages(needed * 8) >> PAGE_SHIFT
    return evolve(configuration, nr_pages=needed + random.randint(0, p2m_pages + 2))


def _p2m_on_the_region(random: Random, configuration: Configuration) -> Configuration:
    """A separate p2m that touches the region: at its very end, around its start, or in it."""
    configuration = evolve(configuration, init_p2m=LINUX_P2M)
    layout = arrange(configuration)
    length = configuration.nr_pages * 8
    above_kernel = layout.page_tables.start
    at = random.choice([layout.v_end, above_kernel, layout.v_start - length, layout.v_start - length // 2])
    return evolve(configuration, init_p2m=at % ADDRESS_LIMIT)


def _p2m_to_the_last_page(random: Random, configuration: Configuration) -> Configuration:
    """A separate p2m that ends in the last page of the address space, or at its end, or goes past it."""
    length = configuration.nr_pages * 8
    past = random.choice([0, 8, -8, -random.randrange(8, PAGE_SIZE, 8), random.randrange(length)])
    return evolve(configuration, init_p2m=(past - length) % ADDRESS_LIMIT)


_LINUX: Final = (ADDRESS_LIMIT - (2 << 30), ADDRESS_LIMIT - (2 << 30) + (16 << 20))

BUILT: Final = (
    Kind("at 0", 4, (_at(0),)),
    Kind("at -2 GiB", 4, (_at(*_LINUX),), modes=(64,)),
    Kind("at -2 GiB, 512 KiB of padding", 4, (_at(*_LINUX), _near_padding), modes=(64,)),
    Kind("anywhere", 6, (_anywhere,)),
    Kind("512 KiB of padding", 16, (_anywhere, _near_padding)),
    Kind("across 2 MiB", 6, (_across(21),)),
    Kind("across 1 GiB", 10, (_across(30),)),
    Kind("up to 1 GiB", 12, (_up_to(30),)),
    Kind("across 512 GiB", 10, (_across(39),), modes=(64,)),
    Kind("up to 512 GiB", 12, (_up_to(39),), modes=(64,)),
    Kind("power-of-two allocation", 8, (_anywhere, _near_power_of_two)),
    Kind("up to 2**47", 2, (_ends_at(_LOWER_END),), modes=(64,)),
    Kind("up to 2**64", 3, (_ends_at(ADDRESS_LIMIT),), modes=(64,)),
    Kind("first above Xen", 2, (_at(_XEN_AREA.end),), modes=(64,)),
    Kind("up to Xen's hole", 4, (_ends_at(_COMPAT_END),), modes=(32,)),
)
"""The kinds that Xen builds."""

REFUSED: Final = (
    Kind("starts within a page", 2, (_anywhere, _within_a_page), built=False, modes=(64,)),
    Kind("across 2**47", 2, (_across_the_lower_end,), built=False, modes=(64,)),
    Kind("across 2**64", 2, (_across_the_last_address,), built=False, modes=(64,)),
    Kind("in Xen's area", 2, (_in_xens_area,), built=False, modes=(64,)),
    Kind("too little memory", 2, (_too_little_memory,), built=False, enough=False),
    Kind("too little memory for the p2m", 2, (_too_little_for_the_p2m,), built=False, modes=(64,)),
    Kind("p2m on the region", 2, (_anywhere, _p2m_on_the_region), built=False, modes=(64,)),
    Kind("p2m up to the last page", 2, (_anywhere, _p2m_to_the_last_page), built=False, modes=(64,)),
)
"""The kinds that Xen refuses, before or after it prints them, dies of, or builds wrong."""


def _place_p2m(random: Random, configuration: Configuration) -> Configuration:
    """Another address for a p2m of its own: far away, near the region, across a border, within a page."""
    if configuration.init_p2m is None:
        return configuration
    layout = arrange(configuration)
    length = configuration.nr_pages * 8
    some_pages = random.randint(1, 600) * PAGE_SIZE
    at = random.choice(
        [
            LINUX_P2M,
            LINUX_P2M,
            _border(random, configuration.mode, random.choice([21, 30, 39])) - some_pages,
            _border(random, configuration.mode, 21),
            layout.v_end + random.choice([8, PAGE_SIZE, some_pages, 1 << 30]),
            layout.v_start - length - random.choice([8, PAGE_SIZE, some_pages, 1 << 30]),
        ]
    )
    at += random.choice([0, 0, 8, 0x7F8, 0xFF8])
    return evolve(configuration, init_p2m=at % ADDRESS_LIMIT)


def allocation_pages(layout: Layout) -> int:
    """The pages of the one allocation that a layout's region is built in: a power of two."""
    initrd = layout.initrd.size if layout.initrd is not None and layout.initrd.start else 0
    pages = _whole_pages(layout.total.size - _whole_pages(initrd)) >> PAGE_SHIFT
    return 1 << max(pages - 1, 0).bit_length()


def _is_possible(configuration: Configuration) -> bool:
    """Whether an image can give the configuration at all."""
    kernel, p2m = configuration.kernel, configuration.init_p2m
    return (
        configuration.virt_base <= kernel.start <= kernel.end - len(SPIN)
        and (p2m is None or not kernel.start <= p2m < kernel.end)
        and (configuration.mode.bits == 64 or kernel.end < 1 << 32)
    )


def _is_of(kind: Kind, configuration: Configuration, memory_limit: int) -> bool:
    """Whether Xen builds the configuration as the kind says, and dom0 has the memory that the kind says."""
    try:
        layout = arrange(configuration)
    except TooLarge:
        return False
    allocation = allocation_pages(layout)
    used = allocation + _initrd_pages(configuration)
    enough = used <= configuration.nr_pages
    return (
        2 * allocation * PAGE_SIZE <= memory_limit
        and enough == kind.enough
        and (enough and _is_built(configuration, layout, used)) == kind.built
    )


def _is_built(configuration: Configuration, layout: Layout, used: int) -> bool:
    """Whether Xen builds it, where it lies; ``used`` is the pages of dom0's that its region and initrd take."""
    start, end = layout.v_start, layout.v_end or ADDRESS_LIMIT
    if start % PAGE_SIZE or start >= end:
        return False
    if configuration.mode.bits == 32:
        return end <= _COMPAT_END
    if configuration.init_p2m is None or not _is_canonical(start, end):
        return _is_canonical(start, end)
    p2m_end = configuration.init_p2m + configuration.nr_pages * 8
    pages = _whole_pages(p2m_end) - configuration.init_p2m >> PAGE_SHIFT
    # More than it takes: three tables on either side of a border, an L1 for each 512 pages, and three to spare.
    tables = 9 + (pages >> 9)
    return (
        # Not in the last page of all, nor in a last superpage: there Xen's loop wraps to 0 and goes on.
        _is_canonical(configuration.init_p2m, p2m_end + (2 << 20) - 1)
        and (p2m_end < start or end < configuration.init_p2m)
        and used + pages + tables <= configuration.nr_pages
    )


def _is_canonical(start: int, end: int) -> bool:
    """Whether [start, end) lies in one half of the address space, outside of Xen's own area."""
    return end <= _LOWER_END or (start >= _XEN_AREA.end and end <= ADDRESS_LIMIT)


def _landmarks(layout: Layout) -> list[int]:
    """Where the segments of a region at address 0 start and end."""
    segments = (layout.kernel, layout.p2m, layout.page_tables, layout.boot_stack, layout.total)
    inside = [segment for segment in segments if segment is not None and segment.end <= layout.v_end]
    return [address for segment in inside for address in (segment.start, segment.end)]


def _border(random: Random, mode: PagingMode, shift: int) -> int:
    """A multiple of 2**shift below which and above which Xen builds."""
    if mode.bits == 32:
        return random.randrange(1, (_COMPAT_END >> shift) + 1) << shift
    halves = [(1, _LOWER_END >> shift), ((_XEN_AREA.end >> shift) + 1, ADDRESS_LIMIT >> shift)]
    low, high = random.choice(halves)
    near = random.choice([(low, min(high, low + 4)), (max(low, high - 4), high), (low, high)])
    return random.randrange(*near) << shift


def _moved(configuration: Configuration, virt_base: int) -> Configuration:
    """The same region, from another address on."""
    by = virt_base - configuration.virt_base
    kernel = configuration.kernel
    return evolve(
        configuration,
        virt_base=virt_base % ADDRESS_LIMIT,
        kernel=Segment((kernel.start + by) % ADDRESS_LIMIT, (kernel.end + by) % ADDRESS_LIMIT),
    )


def _with_kernel(configuration: Configuration, more: int) -> Configuration:
    """A kernel that many bytes longer."""
    kernel = configuration.kernel
    return evolve(configuration, kernel=Segment(kernel.start, (kernel.end + more) % ADDRESS_LIMIT))


def _p2m(configuration: Configuration) -> int | None:
    return LINUX_P2M if configuration.mode.bits == 64 else None


def _initrd_pages(configuration: Configuration) -> int:
    return _whole_pages(configuration.initrd_len) >> PAGE_SHIFT


def _whole_pages(size: int) -> int:
    """A size in bytes, rounded up to whole pages."""
    return size + -size % PAGE_SIZE
