"""What an image's check found, as text and as data for JSON.

The schema is ``ptproof-check/1``. Memory is in pages of 4 KiB and lengths are in bytes, as hexadecimal text, since many
programs hold numbers as floats.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

from attrs import evolve, frozen

from ..edge.amounts import amount, as_option, exactly
from ..images.image_check import Answer, Breaks, Checked
from ..images.image_questions import Limits
from ..images.layout_options import layout_command
from ..layouts.dom0_mem import RESERVE, Dom0Mem, capped
from ..layouts.layout import Configuration
from ..layouts.layout_json import as_dict as layout_as_dict
from ..layouts.paging import PAGE_SHIFT, PAGE_SIZE
from ..logic.verdict import Error, Proved, Refuted, Unknown, Vacuous, Verdict
from ..machine.arrange import TooLarge, arrange
from ..machine.host_memory import Memories
from ..machine.preflight import least_pages, refusal
from .proof_report import counted

SCHEMA: Final = "ptproof-check/1"


def lines(
    checked: Checked, configuration: Configuration, image: str, met: Sequence[Memories] | None = None
) -> Iterator[str]:
    """A line for each question, the verdict first; below it what breaks it, and what happens then.

    ``met`` says which segments can lie where the host has no RAM, if a host's map was given.
    """
    yield from _boots(checked)
    refused = _Refused.of(checked, configuration)
    if refused is not None:
        yield f"    {refused}"
    told = False
    for each in sorted(checked.answers, key=lambda answer: answer.beyond):
        if each.beyond and not told:
            told = True
            yield f"  only beyond {_within(checked)}, so without effect on the status:"
        claim = f"(claim {each.question.claim})"
        yield f"{_answered(each):<8}{each.question.id:<14}{each.question.says} {claim}"
        for found in each.breaks:
            yield from _breaking(each, found, _Boot.of(checked, each, found, configuration), image)
        why = _why_answered(each, checked.limits)
        if why:
            yield f"    {why}"
    if met is not None:
        yield from (
            f"host    {each}" for each in met or ("with any memory every segment lies in the host's RAM",)
        )
    yield summary(checked)


def summary(checked: Checked) -> str:
    """How many questions came out how, and what was asked for."""
    words = [_answered(each) for each in checked.answers]
    counts = ", ".join(_so_many(words.count(each), each) for each in dict.fromkeys(words))
    limits = checked.limits
    status = f"; the status covers up to {_within(checked)}" if checked.within else ""
    return f"{counts}, for up to {amount(limits.nr_pages << PAGE_SHIFT)} of memory and any initrd that fits{status}"


def _within(checked: Checked) -> str:
    """The limits that decide the status."""
    assert checked.within is not None
    size = as_option(checked.within.initrd_len)
    return f"{as_dom0_mem(checked.within.nr_pages, '')} of memory and {size} of initrd (--max-memory, --max-initrd)"


def _so_many(count: int, word: str) -> str:
    """How many questions came out so: 1 breaks, 2 break."""
    match word:
        case "breaks":
            return f"{count} {'breaks' if count == 1 else 'break'}"
        case "error":
            return counted(count, word)
        case _:
            return f"{count} {word}"


def as_dict(
    checked: Checked, configuration: Configuration, image: str, met: Sequence[Memories] | None = None
) -> dict[str, Any]:
    """The same as plain data."""
    refused = _Refused.of(checked, configuration)
    return {
        "schema": SCHEMA,
        "file": image,
        "status": checked.status,
        "limits": {
            "nr_pages": hex(checked.limits.nr_pages),
            "initrd_len": hex(checked.limits.initrd_len),
        },
        "status_limits": None
        if checked.within is None
        else {"nr_pages": hex(checked.within.nr_pages), "initrd_len": hex(checked.within.initrd_len)},
        "boots": {
            "verdict": _word(checked.boots),
            "why": _why(checked.boots),
            "nr_pages": _least(checked.boots, "nr_pages"),
            "initrd_len": _least(checked.boots, "initrd_len"),
            "least_proved": checked.least,
            "refused": None if refused is None else refused.says,
            "works_with": None if refused is None or refused.works_with is None else hex(refused.works_with),
        },
        "host": None if met is None else [_met_as_dict(each) for each in met],
        "answers": [
            {
                "id": each.question.id,
                "claim": each.question.claim,
                "says": each.question.says,
                "verdict": _answered(each),
                "why": _why_answered(each, checked.limits),
                "harmless": each.question.harmless,
                "beyond": each.beyond,
                "lemmas": list(each.verdict.lemmas) if isinstance(each.verdict, Proved) else [],
                "breaks": [
                    _breaks_as_dict(found, _Boot.of(checked, each, found, configuration), image)
                    for found in each.breaks
                ],
            }
            for each in checked.answers
        ],
    }


def _met_as_dict(met: Memories) -> dict[str, Any]:
    over = met.conflict.over
    return {
        "segment": met.conflict.name,
        "over": [hex(over.start), hex(over.end)],
        "kind": over.kind,
        "least": hex(met.least),
        "most": hex(met.most),
        "says": str(met),
    }


def as_dom0_mem(nr_pages: int, option: str) -> str:
    """Memory, in pages, as Xen's option takes it.

    >>> as_dom0_mem(0x40000, "dom0_mem=")
    'dom0_mem=1G'
    """
    return f"{option}{as_option(nr_pages << PAGE_SHIFT, 'GMK')}"


def _boots(checked: Checked) -> Iterator[str]:
    match checked.boots:
        case Proved(example=example):
            pages = example.values["nr_pages"]
            initrd = _initrd(example.values["initrd_len"])
            told = f"the least memory ({_proved(least=checked.least)})"
            memory = f"{counted(pages, 'page')} ({as_dom0_mem(pages, 'dom0_mem=')})"
            yield f"Xen builds this image with {memory} and {initrd}: {told}."
        case Refuted(witness=witness):
            yield f"Xen never builds this image, whatever its memory: {witness.replay.says}"
        case other:
            yield f"Whether Xen builds this image with any memory is not settled: {_why(other)}"


@frozen
class _Refused:
    """What Xen says of a separate p2m once it has built the region, and with how many pages it wouldn't, if with any."""

    says: str
    works_with: int | None

    @classmethod
    def of(cls, checked: Checked, configuration: Configuration) -> Self | None:
        """Of the boot with the least memory, if Xen refuses that; ``None`` also where the machine has no time for it."""
        if not isinstance(checked.boots, Proved) or not configuration.has_own_p2m:
            return None
        values = checked.boots.example.values
        given = evolve(configuration, nr_pages=values["nr_pages"], initrd_len=values["initrd_len"])
        try:
            says = refusal(given, arrange(given))
        except TooLarge:
            return None
        return None if says is None else cls(says, least_pages(given))

    def __str__(self) -> str:
        if self.works_with is None:
            return f"Xen then refuses this boot with any dom0_mem: {self.says}"
        least = as_dom0_mem(self.works_with, "dom0_mem=")
        return f"With less than {least} Xen builds it, and then refuses the boot: {self.says}"


@frozen
class _Boot:
    """What breaks a question as a boot: with ``host`` pages there for dom0, where that matters."""

    given: Configuration
    dom0_mem: str
    host: int | None = None
    never: bool = False

    @classmethod
    def of(cls, checked: Checked, answer: Answer, found: Breaks, configuration: Configuration) -> Self:
        """The boot. Memory before the cap is no absolute amount.

        Where the cap raises it there is no maximum either, which Xen would stop at; and the host has what it is raised
        to, unless no host does.
        """
        given = evolve(configuration, nr_pages=found.nr_pages, initrd_len=found.initrd_len)
        if not answer.question.before_cap:
            return cls(given, as_dom0_mem(found.nr_pages, "dom0_mem="))
        left = capped(given, Dom0Mem(), None)
        initrd_pages = -(-found.initrd_len // PAGE_SIZE)
        if found.nr_pages < left <= checked.limits.nr_pages:
            host = max(left, initrd_pages)
            return cls(given, as_dom0_mem(host - found.nr_pages, "dom0_mem=-"), host)
        host = max(found.nr_pages, initrd_pages) + RESERVE
        never = left > checked.limits.nr_pages
        return cls(given, as_dom0_mem(found.nr_pages, "dom0_mem=max:"), host, never=never)

    @property
    def memory(self) -> str:
        """The memory in words."""
        option = self.dom0_mem
        if option.startswith("dom0_mem=-"):
            option += f" on a host that has {as_dom0_mem(self.host or 0, '')} for dom0"
        return f"{counted(self.given.nr_pages, 'page')} ({option})"

    def command(self, image: str) -> str | None:
        """The command that lays it out, if it can be: with so many pages, or as the option that is capped gives them."""
        command = layout_command(self.given, image)
        if command is None or self.host is None:
            return command
        option = f"--dom0-mem={self.dom0_mem.removeprefix('dom0_mem=')}"
        return command.replace(
            f"--nr-pages {self.given.nr_pages}", f"{option} --host-mem {as_option(self.host << PAGE_SHIFT)}"
        )


def _breaking(answer: Answer, found: Breaks, boot: _Boot, image: str) -> Iterator[str]:
    """With what it breaks, whether less doesn't, and what happens then."""
    wanted = {
        "memory": "the least memory",
        "initrd": "the shortest initrd and the least memory for it",
        "both": "the least memory and the shortest initrd",
    }[found.what]
    if not found.initrd_len:
        wanted = "the least memory" + (" without an initrd" if found.what == "initrd" else "")
    told = f"{wanted} ({_proved(least=found.least)})"
    harmless = " (harmless)" if answer.question.harmless else ""
    yield f"    breaks{harmless} with {boot.memory} and {_initrd(found.initrd_len)}: {told}"
    yield f"        {found.witness.replay.says}"
    if boot.never:
        yield "        No host has so much: Xen panics."
    command = boot.command(image)
    if command is not None and (found.witness.replay.runs or boot.host is not None):
        yield f"        {command}"
    for _, _, report in found.witness.replay.runs:
        if not report.exact and not answer.question.harmless:
            yield from (f"        {each}" for each in report.sentences())


def _breaks_as_dict(found: Breaks, boot: _Boot, image: str) -> dict[str, Any]:
    runs = found.witness.replay.runs
    return {
        "least": found.what,
        "least_proved": found.least,
        "nr_pages": hex(found.nr_pages),
        "dom0_mem": boot.dom0_mem,
        "host_pages": None if boot.host is None else hex(boot.host),
        "initrd_len": hex(found.initrd_len),
        "says": found.witness.replay.says,
        "command": boot.command(image) if runs or boot.host is not None else None,
        "layout": layout_as_dict(runs[0][1]) if runs else None,
        "saw": runs[0][2].sentences() if runs else [],
    }


def _initrd(initrd_len: int) -> str:
    return f"an initrd of {exactly(initrd_len)}" if initrd_len else "no initrd"


def _proved(*, least: bool) -> str:
    return "proved" if least else "NOT proved"


def _least(verdict: Verdict, name: str) -> str | None:
    return hex(verdict.example.values[name]) if isinstance(verdict, Proved) else None


def _answered(answer: Answer) -> str:
    return "unasked" if answer.verdict is None else _word(answer.verdict)


def _word(verdict: Verdict) -> str:
    return "breaks" if isinstance(verdict, Refuted) else type(verdict).__name__.lower()


def _why(verdict: Verdict) -> str:
    """Why it isn't settled; nothing for what is."""
    return verdict.why if isinstance(verdict, (Unknown, Vacuous, Error)) else ""


def _why_answered(answer: Answer, limits: Limits) -> str:
    """The same of an answer, or why it isn't asked."""
    if answer.verdict is None and answer.question.only is not None:
        return f"not asked: Xen never {answer.question.only(limits).name}"
    if answer.open:
        return f"the shortest initrd that breaks it is not settled: {answer.open}"
    return "" if answer.verdict is None else _why(answer.verdict)
