"""Questions that an image is asked: statements over dom0's memory and the initrd's length, its addresses being numbers.

They reach this package through the entry-point group ``ptproof.image_claims`` only: an entry is a function from
the image's `Configuration`, whose memory and initrd mean nothing, to `Questions`.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from attrs import evolve, frozen

from ..layouts.layout import Configuration
from ..logic.claim import Part

GROUP = "ptproof.image_claims"


@frozen(kw_only=True)
class Limits:
    """The most memory, in pages, and the longest initrd, in bytes, of which a statement speaks."""

    nr_pages: int
    initrd_len: int


@frozen(eq=False, kw_only=True)
class Question:
    """Something that an image should do whatever dom0's memory and the initrd are.

    ``claim`` is the claim of `claims` that this is a case of; ``part`` gives the statement for memory and initrds up to
    limits, over the words ``nr_pages`` and ``initrd_len``. ``harmless`` says that nothing comes of it where it fails.
    ``only`` gives, like `Questions.boots`, the part of which alone the question speaks: it isn't asked where nothing
    reaches that.
    ``before_cap`` says that memory is that before the cap, and dom0_mem gives no absolute amount.
    """

    id: str
    claim: str
    says: str
    part: Callable[[Limits], Part]
    harmless: bool = False
    only: Callable[[Limits], Part] | None = None
    before_cap: bool = False


@frozen(eq=False, kw_only=True)
class Questions:
    """What an entry point gives for an image: up to which limits to ask, whether Xen builds it at all, and the rest.

    ``boots`` gives, up to limits, a part that something is reached: that Xen goes on to build. Its name says that, after
    "Xen": "builds this image".
    """

    limits: Limits
    boots: Callable[[Limits], Part]
    questions: tuple[Question, ...]


def questions(configuration: Configuration) -> Questions | None:
    """All that the installed entry points ask of an image, within the limits of the first; ``None`` without any."""
    found: list[Questions] = [entry.load()(configuration) for entry in entry_points(group=GROUP)]
    if not found:
        return None
    return evolve(found[0], questions=tuple(each for asked in found for each in asked.questions))
