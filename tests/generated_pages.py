"""Pages of docs/ that are made, wholly or in places, of what the tool says: by ``make transcripts``.

``docs/commands.md`` is made of the command line's parser. ``docs/invariants.md`` is what ``ptproof invariants``
prints, ``docs/comments.md`` has its comments. In ``docs/findings.md`` the lines between ``<!-- witness ID -->`` and ``<!-- end -->`` are made of what refutes
the claim; in ``docs/claims.md`` those after ``<!-- claims -->`` are a table of all of them, and in ``docs/trust.md`` those after
``<!-- ways -->`` say which way covers which claim. All that needs the prover comes of one run of all claims, in this process.
"""

import io
import os
import re
from collections.abc import Iterable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from answers_of_this_run import answers
from attrs import evolve
from ptproof.formal.certify.certificate import uncertified
from ptproof.formal.cli.command_line import Argument, Command, commands
from ptproof.formal.cli.commands import GROUPS, name_of
from ptproof.formal.cli.main import command_line, main
from ptproof.formal.edge.exit_status import Status
from ptproof.formal.layouts.notation import number
from ptproof.formal.logic import prover
from ptproof.formal.logic.claim import Claim, Expected, claims
from ptproof.formal.logic.prover import ProofRun, prove
from ptproof.formal.logic.rule import lemmas_of, obligations
from ptproof.formal.logic.theorem import Lemma
from ptproof.formal.logic.verdict import Refuted
from ptproof.formal.reports.invariants import folded

DOCS = Path(__file__).parents[1] / "docs"
COMMANDS, INVARIANTS, COMMENTS, FINDINGS, TRUST, CLAIMS = (
    DOCS / f"{name}.md" for name in ("commands", "invariants", "comments", "findings", "trust", "claims")
)
TABLE = re.compile(r"(?<=^<!-- claims -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)
WAYS = re.compile(r"(?<=^<!-- ways -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)
IN_ROCQ = re.compile(r"^\| `(\w+)` \|.*\| `([\w-]+)`[^|]*\|$", re.MULTILINE)
WITNESS = re.compile(r"(?<=^<!-- witness )(\S+)( -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)
MADE_BY = "<!-- Made by `make transcripts`: changes go to {source}. -->\n"


@cache
def whole_run() -> ProofRun:
    """Every claim decided, once in this process. The answers are kept for what comes after in this run."""
    return prove(claims(), jobs=len(os.sched_getaffinity(0)), cache=answers())


def printed(*argv: str) -> str:
    """What a command prints on standard output, the verdicts in it taken from the whole run; it must succeed."""
    out = io.StringIO()
    with patch.object(prover, "prove", _of_the_whole_run), redirect_stdout(out):
        status = main(argv)
    assert status == Status.AS_EXPECTED, f"status {status}: ptproof {' '.join(argv)}"
    return out.getvalue()


def _of_the_whole_run(chosen: Iterable[Claim], **_limits: Any) -> ProofRun:
    """As `prover.prove`, without asking again."""
    ids = {each.id for each in chosen}
    whole = whole_run()
    decisions = tuple(each for each in whole.decisions if each.claim.id in ids)
    below = set(lemmas_of(lemma for each in decisions for part in each.parts for lemma in part.part.lemmas))
    return evolve(
        whole, decisions=decisions, lemmas=tuple(each for each in whole.lemmas if each.lemma in below)
    )


def invariants_page() -> str:
    """docs/invariants.md."""
    title, _, rest = printed("invariants").partition("\n")
    return f"{title}\n\n{MADE_BY.format(source='proofs/')}{rest}"


def comments_page() -> str:
    """docs/comments.md."""
    return f"""# Comments for Xen's source

{MADE_BY.format(source="proofs/source_comments.py")}
`ptproof invariants --format c-comment` prints these: a comment to paste for each place in Xen's PV
dom0 builder (4.22). The lines above a comment say where it belongs, which claims it rests on, and
what their proofs assume. The run that prints a sentence has decided it. A sentence about a refuted
claim says what does not hold.

```c
{printed("invariants", "--format", "c-comment")}```
"""


def commands_page() -> str:
    """docs/commands.md."""
    found = commands(command_line())
    known = {each.name: each for each in found}
    lines = [
        "# The command line",
        "",
        MADE_BY.format(source="formal/cli/"),
        "`ptproof COMMAND --help` prints the same. `ptproof completion` prints a script for your shell that",
        "completes commands and options. Numbers are decimal or `0x...`, and may end in K, M, G or T.",
        "",
        "| command | what it does |",
        "|---|---|",
        *(
            line
            for title, modules in GROUPS.items()
            for line in (f"| *{title}* | |", *(_row(known[name_of(module)]) for module in modules))
        ),
        "",
        "## Exit statuses",
        "",
        "The worst status of a run counts. `--quiet` changes text, never the status.",
        "",
        "| status | meaning |",
        "|---|---|",
        *(f"| {status.value} | {_plain(status.meaning)} |" for status in Status),
    ]
    for each in found:
        lines += ["", f"## {each.name}", "", "```text", _usage(each), "```", ""]
        lines += folded(_plain(each.description))
        described = [argument for argument in each.arguments if "--help" not in argument.names]
        for group in dict.fromkeys(argument.group for argument in described):
            lines += ["", f"{group[:1].upper()}{group[1:]}:", ""]
            for argument in described:
                lines += folded(_item(argument), "  ") if argument.group == group else []
        lines += ["", "Examples:", "", "```text", *each.examples, "```"]
    return "\n".join(lines) + "\n"


def _row(command: Command) -> str:
    return f"| [`{command.name}`](#{command.name}) | {_plain(command.help)} |"


def _usage(command: Command) -> str:
    positional = [each.usage for each in command.arguments if not each.names]
    return " ".join(["ptproof", command.name, *positional, "[OPTION ...]"])


def _item(argument: Argument) -> str:
    return f"- `{argument.usage}`: {_plain(argument.help)}"


def _plain(text: str) -> str:
    """The text, with what Markdown would take for itself escaped."""
    return "".join(f"\\{each}" if each in "\\`*<|$" else each for each in text)


def findings_page(text: str) -> str:
    """docs/findings.md, its witnesses fresh."""
    return WITNESS.sub(lambda found: f"{found[1]}{found[2]}{_witnesses(found[1])}", text)


def _witnesses(claim: str) -> str:
    """A list of what refutes the claim: the values, and what the frame machine saw there."""
    (decision,) = (each for each in whole_run().decisions if each.claim.id == claim)
    lines = []
    for each in decision.parts:
        if isinstance(each.verdict, Refuted):
            witness = each.verdict.witness
            values = ", ".join(f"{name} = {number(value)}" for name, value in witness.case.items())
            told = f"- {_plain(each.part.name)}: `{values}`. {_sentence(_plain(witness.replay.says))}"
            lines += folded(told, "  ")
    assert lines, f"{claim} is not refuted"
    return "\n".join(lines) + "\n"


def claims_page(text: str) -> str:
    """docs/claims.md, its table of claims fresh."""
    assert TABLE.search(text)
    return TABLE.sub("\n".join(_table()).replace("\\", r"\\") + "\n", text)


def _table() -> list[str]:
    """The claims by family and verdict, each with a link to what holds."""
    decisions = whole_run().decisions
    verdicts = [each.name.lower() for each in sorted({each.severity for each in decisions})]
    lines = ["", f"| family | {' | '.join(verdicts)} |", "|---" * (len(verdicts) + 1) + "|"]
    for family in dict.fromkeys(each.claim.family for each in decisions):
        cells = [
            ", ".join(
                f"[{each.claim.id}](invariants.md#{each.claim.id}-{verdict})"
                for each in decisions
                if each.claim.family == family and each.severity.name.lower() == verdict
            )
            for verdict in verdicts
        ]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    return [*lines, ""]


def trust(text: str) -> str:
    """docs/trust.md, its table of what covers which claim fresh. Needs no solver."""
    assert WAYS.search(text)
    return WAYS.sub("\n".join(_ways()).replace("\\", r"\\") + "\n", text)


def _ways() -> list[str]:
    """How many obligations each claim rests on, how many have a certificate on record, and what Rocq has of it."""
    in_rocq: dict[str, list[str]] = {}
    for theorem, claim in IN_ROCQ.findall((DOCS / "rocq.md").read_text(encoding="utf-8")):
        in_rocq.setdefault(claim, []).append(f"`{theorem}`")
    every: dict[Lemma, None] = {}
    rows = []
    for each in claims():
        by_proof = [part for part in each.parts if part.reached == (part.expected is Expected.REFUTED)]
        below = dict.fromkeys(lemmas_of(lemma for part in by_proof for lemma in part.lemmas))
        every |= below
        examples = len(each.parts) - len(by_proof)
        rocq = ", ".join(in_rocq.pop(each.id, []))
        cells = [f"`{each.id}`", each.expected.value, *_counts(below), str(examples or ""), rocq]
        rows.append(f"| {' | '.join(cells)} |")
    assert not in_rocq, f"docs/rocq.md names claims that there aren't: {in_rocq}"
    obligations_of_all, certified = _counts(every)
    return [
        "",
        f"The proofs rest on {obligations_of_all} obligations of {len(every)} lemmas; {certified} of them have a certificate on record.",
        "",
        "| claim | to be | obligations | certified | by example | in Rocq |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _counts(lemmas: Iterable[Lemma]) -> tuple[str, str]:
    """The obligations of lemmas, and those that have a certificate on record; nothing where there are none."""
    lemmas = list(lemmas)
    count = sum(len(obligations(each)) for each in lemmas)
    lacking = sum(len(uncertified(each)) for each in lemmas)
    return (str(count), str(count - lacking)) if count else ("", "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def write_pages() -> None:
    """Make them anew."""
    COMMANDS.write_text(commands_page(), encoding="utf-8")
    INVARIANTS.write_text(invariants_page(), encoding="utf-8")
    COMMENTS.write_text(comments_page(), encoding="utf-8")
    CLAIMS.write_text(claims_page(CLAIMS.read_text(encoding="utf-8")), encoding="utf-8")
    TRUST.write_text(trust(TRUST.read_text(encoding="utf-8")), encoding="utf-8")
    FINDINGS.write_text(findings_page(FINDINGS.read_text(encoding="utf-8")), encoding="utf-8")
