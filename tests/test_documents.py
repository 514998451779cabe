"""What README and docs show is what happens.

Each ``console`` block is run, command by command as its lines that start with ``$`` stand there, and must print what
the block shows, errors included. A command must exit with 0, unless ``$ echo $?`` follows it. A page's blocks are run
in the page's order, in a folder of their own. It has the project's ``tests``, a kernel ``vmlinux``, a small tree of sources ``xen``, and
the files that the page shows, each in a block whose first line is its name: ``# folder/name.py``.

Pages that are made as a whole are compared with what they would be now (``generated_pages``). All that needs every
claim decided is in one test, so that they are decided once: also what must hold of all verdicts (``deciding``).

``make transcripts`` runs this file as a script: that writes into the pages what the commands print, and makes the others.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import generated_pages as generated
import pytest
from answers_of_this_run import environment
from builder_mutants import MUTANTS as BUILDER_FAULTS
from deciding import check_needs, check_verdicts
from ptproof.formal.images.image_writer import image_of
from ptproof.formal.layouts.formula import formula
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.layouts.paging import COMPAT, X86_64, PagingMode
from ptproof.formal.logic.claim import Expected, claims
from ptproof.formal.logic.rule import lemmas_of
from ptproof.proofs.shared import region
from ptproof.proofs.static import raises
from small_tree import written as write_tree

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PROOF = ROOT / "docs/proof.md"
CLAIMS = generated.CLAIMS
EVERY_CLAIM = "ptproof prove --assumptions"
"""The command that decides all claims: what it prints is made of the one run of this process."""
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```(?:python|toml)\n(# (\S+/\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = "echo $?"
KEPT = re.compile(r"^ptproof: .*\(--no-cache .*\)\n", re.MULTILINE)
"""The line which says that something was kept: of this run, in which somebody else asked it."""
STALE = "stale: make transcripts"
KERNEL = Configuration(
    virt_base=0xFFFF_FFFF_8000_0000,
    kernel=Segment(0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_82C2_C000),
    init_p2m=0x80_0000_0000,
    mod_start_pfn=True,
    nr_pages=1,
)
"""What the addresses of ``vmlinux`` are: those of a Linux. Its memory is the boot's affair."""

SHELL = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "COLUMNS": "80",
    "PYTHONUNBUFFERED": "1",  # errors stand where they come
}

DATA = ROOT / "tests/data"
LAYOUTS = len((DATA / "real-xen-layouts.jsonl").read_text(encoding="utf-8").splitlines())
LOGS = len(list((DATA / "boot-logs").glob("*.log")))
RECORDED = len(list((DATA / "xen-dumps").glob("*.json")))
FIGURES = [
    ("README.md", f"- {LAYOUTS} layouts that a real Xen built"),
    ("README.md", f"- {LOGS} boot logs from the field"),
    ("docs/scope.md", f"| {LAYOUTS} layouts that real Xen built"),
    ("docs/scope.md", f"; {LOGS} boot logs from the field"),
    ("docs/scope.md", f"| {LAYOUTS} layouts, tables per level"),
    ("docs/fidelity.md", f". {RECORDED} such recordings are in `tests/data/xen-dumps`"),
    ("docs/fidelity.md", f" {len(BUILDER_FAULTS)} builders with one fault each"),
    ("tests/data/README.md", f"`real-xen-layouts.jsonl`: {LAYOUTS} layouts"),
]
"""What pages say of how much there is, in their words."""


def commands(block: str) -> list[str]:
    """The commands of a block, without their prompts."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def run(block: str, folder: Path) -> str:
    """The block with what its commands print, in a shell that stops at a status which isn't asked for."""
    shown, status = [], 0
    for command in commands(block):
        shown.append(f"$ {command}\n")
        if command == STATUS:
            shown.append(f"{status}\n")
            status = 0
            continue
        assert status == 0, f"status {status} before: {command}"
        if command == EVERY_CLAIM:
            shown.append(generated.printed(*command.split()[1:]))
            continue
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=environment() | SHELL,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        shown.append(KEPT.sub("", done.stdout))
        status = done.returncode
    assert status == 0, f"status {status} at the end of:\n{block}"
    return "".join(shown)


def prepared(folder: Path, page: Path) -> Path:
    """The folder, with what the page's commands read."""
    for found in FILE.finditer(page.read_text(encoding="utf-8")):
        file = folder / found[2]
        file.parent.mkdir(exist_ok=True)
        file.write_text(found[1], encoding="utf-8")
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "vmlinux").write_bytes(image_of(KERNEL))
    write_tree(folder / "xen")
    return folder


def blocks() -> Iterator[tuple[Path, list[str]]]:
    """Each page that shows commands, with its blocks."""
    for page in PAGES:
        found = BLOCK.findall(page.read_text(encoding="utf-8"))
        if found:
            yield page, found


@pytest.mark.parametrize(
    ("page", "shown"), [pytest.param(*each, id=each[0].name) for each in blocks() if each[0] != CLAIMS]
)
def test_commands_print_what_the_page_shows(page: Path, shown: list[str], tmp_path: Path) -> None:
    """Every command of the page, run anew, prints just that."""
    folder = prepared(tmp_path, page)
    for block in shown:
        assert run(block, folder) == block, page.name


def test_all_claims_and_their_pages(tmp_path: Path) -> None:
    """Every verdict is as expected; the claims, the document of what holds, and the findings' witnesses are of now."""
    check_verdicts(generated.whole_run())
    check_needs(generated.whole_run())
    (shown,) = (found for page, found in blocks() if page == CLAIMS)
    folder = prepared(tmp_path, CLAIMS)
    assert any(EVERY_CLAIM in commands(block) for block in shown)
    for block in shown:
        assert run(block, folder) == block, STALE
    assert generated.INVARIANTS.read_text(encoding="utf-8") == generated.invariants_page(), STALE
    assert generated.COMMENTS.read_text(encoding="utf-8") == generated.comments_page(), STALE
    listed = CLAIMS.read_text(encoding="utf-8")
    assert generated.claims_page(listed) == listed, STALE
    findings = generated.FINDINGS.read_text(encoding="utf-8")
    assert generated.findings_page(findings) == findings, STALE


def test_the_reference_of_the_command_line() -> None:
    """docs/commands.md is made of the parser as it is now."""
    assert generated.COMMANDS.read_text(encoding="utf-8") == generated.commands_page(), STALE


def test_what_covers_which_claim() -> None:
    """docs/trust.md has a table of it: obligations, certificates on record, theorems in Rocq."""
    trust = generated.TRUST.read_text(encoding="utf-8")
    assert generated.trust(trust) == trust, STALE


def test_how_many_obligations_there_are_is_said_in_one_place() -> None:
    """Only what is made by the tool has the number: by hand it would be another one on each page."""
    shown = {
        page.name: re.sub(
            r"^<!-- ways -->.*?^<!-- end -->$",
            "",
            BLOCK.sub("", page.read_text(encoding="utf-8")),
            flags=re.MULTILINE | re.DOTALL,
        )
        for page in PAGES
    }
    (count,) = re.findall(r"rest on (\d+) obligations", generated.TRUST.read_text(encoding="utf-8"))
    assert [name for name, text in shown.items() if re.search(r"\b\d,?\d{3}\s+obligations", text)] == [
        "invariants.md"
    ]
    assert f" lemmas and {count} obligations" in " ".join(shown["invariants.md"].split())


def test_every_refuted_claim_is_a_finding_or_said_to_be_none() -> None:
    """docs/findings.md has each refuted claim: with its witness, or in the table of those that are no findings."""
    text = generated.FINDINGS.read_text(encoding="utf-8")
    with_witness = [found[1] for found in generated.WITNESS.finditer(text)]
    none = re.findall(r"^\| `(\S+)` \|", text, re.MULTILINE)
    refuted = [each.id for each in claims() if each.expected is Expected.REFUTED]
    assert sorted(with_witness + none) == sorted(refuted)


def test_every_command_shown_as_a_block_decides_all_claims_only_where_it_is_shared() -> None:
    """No page but docs/claims.md has all claims decided: that would double the time that the tests take."""
    for page, found in blocks():
        for block in found:
            for command in commands(block):
                assert page == CLAIMS or not re.fullmatch(r"ptproof (prove|invariants|show)( -.*)?", command)


def test_every_shown_command_is_run() -> None:
    """No page shows ptproof's output in a block of another kind: it would go stale unseen."""
    for page in PAGES:
        rest = BLOCK.sub("", page.read_text(encoding="utf-8"))
        assert not re.search(r"^\$ ", rest, re.MULTILINE), page.name


@pytest.mark.parametrize(("page", "says"), FIGURES)
def test_figures_are_of_now(page: str, says: str) -> None:
    """How many layouts, logs, recordings and faulty builders there are, each page says as it is."""
    assert says in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_readme_shows_commands() -> None:
    """The README has a transcript, so the comparison above compares something."""
    assert any(page.name == "README.md" and any(map(commands, found)) for page, found in blocks())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_is_broken_at_100_columns(page: Path) -> None:
    """A page can be read in an editor: what is neither a block, nor a table, nor an image has lines of 100 columns."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    long = [
        each for each in prose.splitlines() if len(each) > 100 and not each.startswith(("|", "!", "    "))
    ]
    assert long == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """A link to another file of the project finds it."""
    links = re.findall(r"\]\(([^)#\s]+)[^)\s]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_out_have_the_form_of_one(page: Path) -> None:
    """A link out of the project is https, with a host and nothing odd in it; `make links` asks whether it answers."""
    links = re.findall(r"\]\(([a-z]+:[^)\s]*)\)", page.read_text(encoding="utf-8"))
    assert [
        link for link in links if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/[\w./#~%+-]*)?", link)
    ] == []


def test_the_proof_names_lemmas_that_there_are() -> None:
    """Each name in docs/proof.md with a hyphen in it is that of a lemma or of a claim."""
    lemmas = lemmas_of(
        [raises.static_is_exact(X86_64, 506 << 40), *(part.lemma for each in claims() for part in each.parts)]
    )
    known = {each.name.partition("[")[0] for each in lemmas} | {each.id for each in claims()}
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PROOF.read_text(encoding="utf-8")))
    assert named
    assert named - known == set()


@pytest.mark.parametrize("mode", [X86_64, COMPAT], ids=lambda mode: mode.name)
def test_the_proof_has_the_figures_that_are_proved(mode: PagingMode) -> None:
    """The bounds of the raises in docs/proof.md are those that the lemmas use."""
    text = PROOF.read_text(encoding="utf-8")
    bounds = raises.chain(mode, region.most_tables(mode))
    assert [each for each in bounds if f"{each:,}" not in text] == []


def test_the_picture_of_the_closed_form_has_its_figures() -> None:
    """docs/closed-form.svg says of each block what the printed formula divides by."""
    text = formula()(X86_64, 4 << 20, 512 << 10, "closed", "c", 2)
    divisors = [int(found) for found in re.findall(r"(?:left / |DIV_ROUND_UP\(left, )(\d+)", text)]
    picture = (ROOT / "docs/closed-form.svg").read_text(encoding="utf-8")
    assert len(divisors) == 3
    assert [
        each
        for each in divisors
        if f"= {each if each < 10000 else f'{each:,}'} pages are left" not in picture
    ] == []


def write_transcripts() -> None:
    """Run every block anew, and write what its commands print into its page."""
    for page, found in blocks():
        with tempfile.TemporaryDirectory() as name:
            folder = prepared(Path(name), page)
            fresh = {block: run(block, folder) for block in found}
        text = page.read_text(encoding="utf-8")
        for block, printed in fresh.items():
            text = text.replace(f"```console\n{block}```", f"```console\n{printed}```")
        page.write_text(text, encoding="utf-8")
    generated.write_pages()


if __name__ == "__main__":
    write_transcripts()
