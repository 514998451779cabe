"""``ptproof list``, ``show``, ``prove`` and ``counterexample``: what they print, their statuses, what they refuse."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import tiny_claims as tiny
from ptproof.formal.certify import certificate
from ptproof.formal.edge.progress import on_terminal
from ptproof.formal.layouts.layout_json import read_layout
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.logic import prover
from ptproof.formal.logic.claim import Claim, Expected, claims
from ptproof.formal.logic.prover import ProofRun
from ptproof.formal.reports.proof_report import LOUD, summary
from ptproof.formal.solvers import solver as solver_module
from run_cli import assert_refused, run, run_on_terminal
from test_source_comments import decided as imagined

pytestmark = pytest.mark.usefixtures("shared_answers")

Capture = pytest.CaptureFixture[str]
Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Puts claims in the place of those installed; the working directory is an empty one."""
    monkeypatch.chdir(tmp_path)

    def put(*these: Claim) -> None:
        monkeypatch.setattr(claim_module, "claims", lambda: these)

    put(*tiny.GOOD)
    return put


def proved_as_json(capsys: Capture, *names: str) -> dict[str, Any]:
    """What ``prove --json -`` writes."""
    found: dict[str, Any] = json.loads(run(capsys, "prove", *names, "--json", "-").out)
    return found


@pytest.mark.usefixtures("install")
def test_list(capsys: Capture) -> None:
    """Each claim is a line with its id, its family, the verdict expected and the first line of its statement."""
    ran = run(capsys, "list", "refuted", "PROVED")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [
        "proved   Tiny  proved   For all x, y: proved.",
        "refuted  Tiny  refuted  For all x, y: refuted.",
    ]
    assert len(run(capsys, "list").lines) == len(tiny.GOOD)
    listed = json.loads(run(capsys, "list", "--json", "-").out)
    assert [each["id"] for each in listed["claims"]] == [each.id for each in tiny.GOOD]
    assert listed["claims"][2]["expected"] == "refuted"


def test_list_needs_no_solver(capsys: Capture) -> None:
    """All installed claims are listed, and Z3 isn't imported for it."""
    ran = run(capsys, "list")
    assert [each.split()[0] for each in ran.lines] == [each.id for each in claims()]
    assert "z3" not in sys.modules


@pytest.mark.usefixtures("install")
def test_prove_as_expected(capsys: Capture) -> None:
    """A line a claim with its verdict first, the assumptions, and the counts; status 0 as all is expected."""
    ran = run(capsys, "prove")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines[:5] == [
        "proved   proved     Tiny  1 part, 2 lemmas, uncertified",
        "proved   needless   Tiny  1 part, 1 lemma, uncertified, NOT NEEDED: small",
        "refuted  refuted    Tiny  8 bits: x = 255: it was seen that holds is False",
        "proved   reached    Tiny  1 part",
        "refuted  unreached  Tiny  8 bits: x = 0: it was seen that holds is False",
    ]
    assert "1 assumption in force; --assumptions lists them" in ran.lines
    assert "3 lemmas, 3 obligations, 3 not certified" in ran.lines
    listed = run(capsys, "prove", "--assumptions")
    assert "  small: it is small (proved, needless, reached and 1 more)" in listed.lines
    assert [line for line in ran.lines if line not in listed.lines] == [
        "1 assumption in force; --assumptions lists them"
    ]
    assert "5 claims: proved 3, refuted 2, unknown 0, vacuous 0, error 0" in ran.lines
    assert ran.lines[-1] == "Every verdict is as expected."


def test_a_summary_by_family(capsys: Capture, install: Install) -> None:
    """Where there are several families each has a line with its verdicts, and with what differs in it."""
    install(tiny.PROVED, tiny.REFUTED, tiny.claim("late", *tiny.SURPRISE.parts, family="The late ones"))
    ran = run(capsys, "prove")
    assert "Tiny           1 proved, 1 refuted" in ran.lines
    assert "The late ones  1 refuted; NOT AS EXPECTED: late" in ran.lines


def test_the_summary_of_all_claims_fits_a_screen() -> None:
    """For all installed claims the summary has at most 24 lines, of 80 columns but where claims are named."""
    decisions = tuple(imagined(each) for each in claims())
    lines = list(summary(ProofRun(decisions=decisions, lemmas=(), seconds=0.0)))
    assert len(lines) <= 24
    assert [line for line in lines if len(line) > 80] == []
    assert lines[-1] == "Every verdict is as expected."


@pytest.mark.parametrize(
    ("terminal", "environment", "painted"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
@pytest.mark.usefixtures("install")
def test_colour(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    environment: dict[str, str],
    painted: bool,
) -> None:
    """Verdicts are coloured on a terminal that takes it, unless NO_COLOR is set; else the text is the same."""
    monkeypatch.setenv("COLUMNS", "200")
    plain = run(capsys, "prove", "-v")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    ran = run(capsys, "prove", "-v")
    assert ("\x1b[32mproved\x1b[0m   proved " in ran.out) is painted
    assert ("\x1b[34mrefuted\x1b[0m  refuted " in ran.out) is painted
    assert re.sub("\x1b\\[[0-9;]*m", "", ran.out) == plain.out


def test_progress_tells_what_is_running(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line tells how much is done, what is left and what is running, no wider than it, and goes away."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    show = on_terminal()
    assert show is not None
    capsys.readouterr()
    show(1, 3, ("helper", "least"))
    assert capsys.readouterr().err.rpartition("\r")[2] == "1 of 3 done, 2 left; running: helper,…"
    show(2, 3, ("a" * 100,))
    assert len(capsys.readouterr().err.rpartition("\r")[2]) == 39
    show(3, 3, ())
    assert capsys.readouterr().err == f"\r{' ' * 39}\r"


def test_a_terminal_gets_a_line_a_claim_under_its_family(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    """Cut to the width, the values that refute at their shortest; first of the summary is whether all is as expected."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "51")
    monkeypatch.setenv("NO_COLOR", "1")
    install(*tiny.GOOD, tiny.claim("late", *tiny.SURPRISE.parts, family="The late ones"))
    ran = run(capsys, "prove")
    assert ran.status == 1
    assert ran.lines[:9] == [
        "Tiny",
        "  proved   proved     1 part, 2 lemmas, uncertified",
        "  proved   needless   NOT NEEDED: small, 1 part, 1…",
        "  refuted  refuted    x = 255",
        "  proved   reached    1 part",
        "  refuted  unreached  x = 0",
        "The late ones",
        "  REFUTED  late       x = 0",
        "    8 bits: refuted, expected: proved",
    ]
    end = ran.lines.index("")
    assert ran.lines[end + 1] == "NOT AS EXPECTED: late"
    assert re.fullmatch(r"6 claims: 3 proved, 3 refuted\. It took \d+\.\d s\.", ran.lines[end + 2])
    assert "rlimit" not in ran.out
    whole = run(capsys, "prove", "-v")
    assert "rlimit" in whole.out
    assert "8 bits: x = 255: it was seen that holds is False" in " ".join(whole.out.split())
    assert [line for line in [*ran.lines, *whole.lines] if len(line) > 51] == []


def test_all_claims_fit_a_terminal(tmp_path: Path) -> None:
    """A line each, of 80 columns at most, with the question that it answers; the listing of refuted ones, too."""
    status, lines = run_on_terminal("ptproof list; ptproof list --refuted", tmp_path)
    assert status == 0
    assert [line for line in lines if len(line) > 80] == []
    assert "Count" in lines
    assert "  exact         proved   Is the count precise?" in lines
    assert "…" not in "".join(lines)
    assert sum(line.count("?") for line in lines) == sum(
        1 + (each.expected is Expected.REFUTED) for each in claims()
    )
    assert len([line for line in lines if "  proved   " in line or "  refuted  " in line]) == sum(
        1 + (each.expected is Expected.REFUTED) for each in claims()
    )


def test_a_list_of_what_has_a_text(capsys: Capture) -> None:
    """A text that is no id and no family is looked for in lines and meanings; only refuted ones on request."""
    assert_refused(run(capsys, "list", "no such words", "exact"), "'no such words'")
    assert "start-6-4" in [line.split()[0] for line in run(capsys, "list", "changes no result").lines]
    assert [line.split()[0] for line in run(capsys, "list", "may the search start from 4").lines] == [
        "start-6-4"
    ]
    refuted = run(capsys, "list", "changes no result", "--refuted")
    assert [line.split()[0] for line in refuted.lines] == ["start-higher"]
    none = run(capsys, "list", "exact", "--refuted")
    assert (none.status, none.err) == (5, "ptproof: none of these claims is expected to be refuted\n")


@pytest.mark.usefixtures("install")
def test_the_same_text_each_time(capsys: Capture) -> None:
    """One or many processes, the output is the same byte for byte, as text and as JSON."""
    assert run(capsys, "prove", "--jobs", "1") == run(capsys, "prove", "--jobs", "4")
    assert proved_as_json(capsys) == proved_as_json(capsys)


def test_unexpected_verdicts_are_loud(capsys: Capture, install: Install) -> None:
    """What isn't expected is in capitals with what was found, named again at the end, and has status 1."""
    install(tiny.PROVED, tiny.SURPRISE)
    ran = run(capsys, "prove")
    assert ran.status == 1
    assert "REFUTED  surprise  Tiny  8 bits: x = 0: it was seen that holds is False" in ran.lines
    assert "    8 bits: refuted, expected: proved" in ran.lines
    assert ran.lines[-1] == "NOT AS EXPECTED: surprise"


def test_disagreements_are_the_loudest(capsys: Capture, install: Install) -> None:
    """A machine that disagrees with the model is told between bars, and at the very end; status 70."""
    install(tiny.DISAGREES, tiny.PROVED)
    ran = run(capsys, "prove", "--quiet")
    assert ran.status == 70
    assert ran.lines[0].startswith("ERROR    disagrees  Tiny  ")
    assert ran.lines[1] == LOUD
    assert ran.lines[2].startswith(
        "disagrees, 8 bits: MODEL AND MACHINE DISAGREE: proved by the model, but it"
    )
    assert ran.lines[-2:] == [
        "ERROR, model and machine or two solvers disagree, or the tool failed: disagrees",
        LOUD,
    ]


def test_an_unsound_proof_is_an_error(capsys: Capture, install: Install) -> None:
    """A proof that breaks a rule is told with the rule, and has status 70."""
    install(tiny.UNSOUND)
    ran = run(capsys, "prove")
    assert ran.status == 70
    assert "unsound proof: by-a-stranger: helper has no variable z" in ran.out


def test_vacuous(capsys: Capture, install: Install) -> None:
    """Assumptions that contradict each other have status 4 and their reason."""
    install(tiny.VACUOUS)
    ran = run(capsys, "prove")
    assert ran.status == 4
    assert ran.lines[0].startswith("VACUOUS  vacuous")
    assert "        why: the assumptions of anything contradict each other" in ran.lines


def test_unknown_writes_its_query(
    capsys: Capture, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What stays Unknown says why, what to try and where its query is, which is SMT-LIB; status 3."""
    install(tiny.UNKNOWN)
    monkeypatch.setattr(solver_module, "RLIMIT", 10_000)
    ran = run(capsys, "prove")
    assert ran.status == 3
    assert ran.lines[0].startswith("UNKNOWN  unknown")
    for told in (
        "why: not discharged: prime/proof",
        "what to try: ",
        "open query: .ptproof/unknown/prime_proof",
    ):
        assert any(line.strip().startswith(told) for line in ran.lines)
    text = (tmp_path / ".ptproof/unknown/prime_proof.smt2").read_text()
    assert text.startswith("; prime/proof\n(set-logic QF_BV)\n")
    assert text.endswith("(check-sat)\n")
    (part,) = proved_as_json(capsys)["claims"][0]["parts"]
    assert part["queries"] == [{"name": "prime/proof", "file": ".ptproof/unknown/prime_proof.smt2"}]


@pytest.mark.parametrize("planted", [".ptproof", ".ptproof/unknown", ".ptproof/unknown/prime_proof.smt2"])
def test_no_query_goes_through_a_link(
    capsys: Capture, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    """Whatever somebody put into the current folder: what a link there leads to stays as it is."""
    install(tiny.UNKNOWN)
    monkeypatch.setattr(solver_module, "RLIMIT", 10_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    victim = tmp_path / "victim"
    (tmp_path / planted).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / planted).symlink_to(victim)
    if planted.endswith(".smt2"):
        victim.write_bytes(b"kept")
    else:
        victim.mkdir()
    ran = run(capsys, "prove")
    assert ran.status == 3
    assert "open query: " in ran.out
    assert victim.read_bytes() == b"kept" if victim.is_file() else list(victim.iterdir()) == []


def test_unknown_writes_its_query_elsewhere(
    capsys: Capture, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the working directory takes no files, the query goes to the temporary directory."""
    install(tiny.UNKNOWN)
    (tmp_path / ".ptproof").write_text("in the way")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    monkeypatch.setattr(solver_module, "RLIMIT", 10_000)
    ran = run(capsys, "prove")
    assert ran.status == 3
    assert f"open query: {elsewhere}/.ptproof/unknown/prime_proof.smt2" in ran.out
    assert (elsewhere / ".ptproof/unknown/prime_proof.smt2").exists()


@pytest.mark.parametrize(
    ("claim", "status"),
    [(tiny.PROVED, 0), (tiny.SURPRISE, 1), (tiny.VACUOUS, 4), (tiny.MISCOUNTS, 70)],
    ids=lambda each: each.id if isinstance(each, Claim) else str(each),
)
def test_quiet_keeps_the_status(capsys: Capture, install: Install, claim: Claim, status: int) -> None:
    """Quiet leaves out what is as expected, never a status nor the counts."""
    install(claim)
    loud, quiet = run(capsys, "prove"), run(capsys, "prove", "--quiet")
    assert loud.status == quiet.status == status
    assert set(quiet.lines) < set(loud.lines)
    assert any(line.startswith("1 claim: ") for line in quiet.lines)
    assert any(line.startswith(("proved", "PROVED")) for line in quiet.lines) is False


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize("command", ["list", "show", "prove"])
def test_a_selection_of_nothing(capsys: Capture, command: str) -> None:
    """A name that names nothing has status 5 and what comes near it, and nothing is printed as if it were done."""
    ran = run(capsys, command, "refutd")
    assert (ran.status, ran.out) == (5, "")
    assert ran.err == "ptproof: no claim or family is called 'refutd': did you mean refuted?\n"
    far = run(capsys, command, "%$&")
    assert (far.status, far.err) == (
        5,
        "ptproof: no claim or family is called '%$&': 'ptproof list' shows all\n",
    )
    assert_refused(run(capsys, command, "refuted", "provd"), "'provd': did you mean proved?")


def test_no_claims_at_all(capsys: Capture, install: Install) -> None:
    """Where no claims are installed, that is no success either."""
    install()
    for command in ("list", "prove"):
        ran = run(capsys, command)
        assert (ran.status, ran.out, ran.err.count("\n")) == (5, "", 1)


def test_a_family(capsys: Capture, install: Install) -> None:
    """A family stands for its claims, whatever its capitals and spaces; named twice is decided once."""
    install(tiny.REFUTED, tiny.UNKNOWN)
    for names in (["Too hard"], ["too-hard"], ["TOO_HARD", "unknown"]):
        assert [each.split()[0] for each in run(capsys, "list", *names).lines] == ["unknown"]


@pytest.mark.usefixtures("install")
def test_json(capsys: Capture, tmp_path: Path) -> None:
    """The data have verdicts, assumptions with why they are needed, witnesses in hexadecimal, and no times."""
    file = tmp_path / "run.json"
    ran = run(capsys, "prove", "--json", str(file))
    found = json.loads(file.read_text())
    assert "proved 3, refuted 2" in ran.out
    assert found == proved_as_json(capsys)
    assert (found["schema"], found["status"], found["limits"]["seconds"]) == ("ptproof-run/1", 0, 120)
    assert set(found["versions"]) == {"ptproof", "z3"}
    assert found["counts"] == {
        "proved": 3,
        "refuted": 2,
        "unknown": 0,
        "vacuous": 0,
        "error": 0,
        "unexpected": 0,
    }
    by_id = {each["id"]: each for each in found["claims"]}
    (proved,) = by_id["proved"]["parts"]
    assert (proved["verdict"], proved["as_expected"]) == ("proved", True)
    assert proved["lemmas"] == ["helper", "least-of-two"]
    (small,) = proved["assumptions"]
    assert (small["name"], small["needed"], small["witness"]["values"]["x"]) == ("small", True, "0xff")
    (needless,) = by_id["needless"]["parts"][0]["assumptions"]
    assert (needless["needed"], needless["witness"]) == (False, None)
    (refuted,) = by_id["refuted"]["parts"]
    assert refuted["witness"]["values"] == {"x": "0xff"}
    assert refuted["witness"]["unique"] is True
    assert refuted["witness"]["replay"]["holds"] is False
    replayed = refuted["witness"]["replay"]["runs"][0]["layout"]
    assert read_layout(json.dumps(replayed), "it").layout == tiny.LAYOUT
    lemmas = {each["name"]: each for each in found["lemmas"]}
    assert lemmas["least-of-two"]["uses"] == ["helper"]
    assert lemmas["grows"]["open"] == ["grows/proof"]
    assert "elapsed" not in file.read_text()


@pytest.mark.usefixtures("install")
def test_show(capsys: Capture) -> None:
    """A screen has statement, assumptions and why, the verdict and its reasons, and the sentence; then where the rest is."""
    ran = run(capsys, "show", "proved")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [
        "proved (Tiny) is proved, as expected.",
        "",
        "  For all x, y: proved.",
        "",
        "Assumed:",
        "  small: it is small.",
        "",
        "Why:",
        "  It is proved from 2 lemmas, uncertified. The last step uses: helper holds. For",
        "  example, x = 0, y = 0: it was seen that holds is True.",
        "",
        "Why it is assumed:",
        "  small: Needed: x = 255, y = 0 is a counterexample without it: it was seen that",
        "    holds is False.",
        "",
        "More about it.",
        "",
        "It decides: “Somebody said that proved.” (nowhere)",
        "'ptproof show proved --lemmas' has the 2 lemmas that it rests on.",
    ]
    refuted = run(capsys, "show", "refuted")
    assert (
        "Why: A counterexample: x = 255. It was seen that holds is False. What makes it true: X is"
        in " ".join(refuted.out.split())
    )
    unreached = run(capsys, "show", "unreached")
    assert "That nothing reaches it is the solver's answer at once." in " ".join(unreached.out.split())
    assert "needless (Tiny) is proved" in run(capsys, "show", "tiny").out
    needless = run(capsys, "show", "needless").lines
    assert "  small: it is small. NOT NEEDED: the statement holds without it." in needless
    assert json.loads(run(capsys, "show", "proved", "--json", "-").out)["schema"] == "ptproof-run/1"


@pytest.mark.usefixtures("install")
def test_show_lemmas(capsys: Capture) -> None:
    """With --lemmas each part has what it says and assumes, and the lemmas in their order."""
    ran = run(capsys, "show", "proved", "--lemmas")
    assert ran.status == 0
    assert ran.lines[6:] == [
        "The sentence that it decides:",
        "  “Somebody said that proved.”",
        "  (nowhere)",
        "",
        "8 bits. Proved, as expected.",
        "  It says: least-of-two holds.",
        "  It assumes:",
        "    small: it is small",
        "      Needed: x = 255, y = 0 is a counterexample without it: it was seen that",
        "      holds is False.",
        "  An example: x = 0, y = 0: it was seen that holds is True.",
        "  Proved, uncertified, from 2 lemmas, all proved in this run:",
        "    least-of-two: least-of-two holds",
        "      helper: helper holds",
    ]
    refuted = run(capsys, "show", "refuted", "--lemmas")
    assert "  It fails at: x = 255: it was seen that holds is False." in refuted.lines
    assert "  No other values show it, too." in refuted.lines
    unreached = run(capsys, "show", "unreached", "--lemmas")
    assert "  Nothing reaches it. A case: x = 0: it was seen that holds is False." in unreached.lines


def test_the_first_screen(capsys: Capture) -> None:
    """What matters of a claim of several modes is on a screen of 24 lines; parts that say the same are one line."""
    ran = run(capsys, "show", "exact")
    assert ran.status == 0
    for told in ("  For all S, T with room: ", "Assumed:", "Why:"):
        assert any(line.startswith(told) for line in ran.lines[:24]), told
    why = ran.lines.index("Why:")
    assert "proved from" in ran.lines[why + 1]
    assert ran.lines[ran.lines.index("", why) - 1].endswith("5 frames are set aside, 5 are taken.")
    assert ran.lines.index("", why) <= 24
    assert "  64-bit and 3 more: the search from 2 stops at n ⇒ f(S, V(n)) = n: proved." in ran.lines
    assert any(line.startswith("(S = v_start; T = vpt_start;") for line in ran.lines)


def test_letters_fit_a_terminal(capsys: Capture) -> None:
    """Installed claims' letters have their meaning, and lines of 80 columns but for commands and arrangements."""
    shown = run(capsys, "show", "v-end-closed", "padding", "wrap-caught")
    assert shown.status == 0
    assert [line for line in shown.lines if len(line) > 80] == []
    assert "The check for Xen's own area refuses a region that passes the end of the address" in shown.out
    letter = run(capsys, "counterexample", "wrap-caught")
    assert [
        line for line in letter.lines if len(line) > 80 and "ptproof " not in line and "(XEN)" not in line
    ] == []


def test_show_what_is_not_as_expected(capsys: Capture, install: Install) -> None:
    """A verdict that isn't expected is said to be so, and gives the status."""
    install(tiny.SURPRISE, tiny.VACUOUS)
    ran = run(capsys, "show", "surprise")
    assert ran.status == 1
    assert ran.lines[0] == "surprise (Tiny) is refuted, EXPECTED WAS PROVED."
    vacuous = run(capsys, "show", "vacuous")
    assert vacuous.status == 4
    assert "  why: the assumptions of anything contradict each other" in vacuous.lines


def test_the_counterexample_of_an_installed_claim(capsys: Capture, tmp_path: Path) -> None:
    """All that shows it is there in its order; every layout replays, the image and the command give the layout."""
    file, image = tmp_path / "counterexample.json", tmp_path / "image.elf"
    ran = run(capsys, "counterexample", "unique", "--json", str(file), "--elf", str(image))
    assert (ran.status, ran.err) == (0, "")
    assert [line for line in ran.lines if line and not line.startswith(" ")] == [
        "unique is refuted, in 2 of its parts.",
        "The sentence that it decides:",
        "What was claimed of it:",
        "The configuration that refutes it: 64-bit:",
        "To lay it out, and to build it again:",
        "The arrangement as Xen would print it, the builder's layout:",
        "The arrangement as Xen would print it, the same with 7 frames:",
        "What the frame machine saw:",
        "The precondition that would have saved it:",
        "(S = v_start; T = vpt_start; V = v_end, V(n) with n table frames;",
        "n = nr_pt_pages; f(S, V) = the tables that [S, V) needs; room = S, T and V in",
        "this order, less than 2^64 - 2^40 bytes apart)",
        "Refuted, too, and shown with --all: 32-bit PAE guest on 64-bit Xen.",
    ]
    every = run(capsys, "counterexample", "unique", "--all")
    configurations = [line for line in every.lines if line.startswith("The configuration")]
    assert configurations == [
        f"The configuration that refutes it: {mode}:" for mode in ("64-bit", "32-bit PAE guest on 64-bit Xen")
    ]
    assert "--all" not in every.out
    replayed = run(capsys, "replay", str(file))
    assert replayed.status == 0
    titles = [line for line in replayed.lines if line.endswith(("layout:", "frames:"))]
    assert titles == [
        "64-bit, the builder's layout:",
        "64-bit, the same with 7 frames:",
        "32-bit PAE guest on 64-bit Xen, the builder's layout:",
        "32-bit PAE guest on 64-bit Xen, the same with 9 frames:",
    ]
    commands = [line.split() for line in ran.lines if line.startswith("  ptproof layout ")]
    arrangements = [run(capsys, *each[1:]).lines for each in commands]
    first = [line.removeprefix("  (XEN) ") for line in ran.lines if "(XEN)" in line][:7]
    assert len(arrangements) == 2
    assert arrangements[0] == first
    assert arrangements[1][:-1] == first
    written = json.loads(file.read_text())
    assert written["parts"][0]["runs"][0]["layout"]["page_tables"] == ["0x379000", "0x37e000"]
    assert written["parts"][0]["runs"][1]["layout"]["page_tables"] == ["0x379000", "0x380000"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parts": 5}, "parts: expected a list of objects"),
        ({"parts": []}, "parts: expected a layout in at least one, found none"),
        ({"parts": [{"name": "a", "runs": [7]}]}, "parts[0]: runs: expected a list of objects"),
        ({"parts": [{"runs": [{"title": "b"}]}]}, "parts[0]: name: expected a text"),
        ({"parts": [{"name": "a", "runs": [{"title": None}]}]}, "parts[0].runs[0]: title: expected a text"),
        (
            {"parts": [{"name": "a", "runs": [{"title": "b"}]}]},
            "parts[0].runs[0].layout: expected a JSON object",
        ),
    ],
)
def test_a_broken_counterexample_is_refused(
    capsys: Capture, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    """What says that it is a counterexample and isn't one is refused in a line that names the field."""
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"schema": "ptproof-counterexample/1"} | change))
    assert_refused(run(capsys, "replay", str(file)), f"ptproof: {file}: {told}")


@pytest.mark.usefixtures("install")
def test_the_counterexample_of_a_tiny_claim(capsys: Capture) -> None:
    """Where nothing else gives the layout, the command that writes and replays it is shown."""
    ran = run(capsys, "counterexample", "refuted")
    assert ran.status == 0
    assert "  ptproof counterexample refuted --json FILE && ptproof replay FILE" in ran.lines
    assert "ptproof layout" not in ran.out
    assert ran.lines[0] == "refuted is refuted."
    assert ran.lines[-2:] == ["The precondition that would have saved it:", "  X is less than 255."]


@pytest.mark.parametrize(
    ("claim", "status", "told"),
    [
        (tiny.PROVED, 1, "ptproof: proved is proved: there is no counterexample"),
        (tiny.VACUOUS, 4, "VACUOUS  vacuous"),
        (tiny.DISAGREES, 70, "MODEL AND MACHINE DISAGREE"),
    ],
    ids=["proved", "vacuous", "disagrees"],
)
def test_no_counterexample(capsys: Capture, install: Install, claim: Claim, status: int, told: str) -> None:
    """Where there is none that is told on standard error, with a status that isn't 0."""
    install(claim)
    ran = run(capsys, "counterexample", claim.id)
    assert (ran.status, ran.out) == (status, "")
    assert told in ran.err


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("prove", "--timeout", "0"), "argument --timeout: expected 1 to 1M, found '0'"),
        (("prove", "--timeout", "soon"), "argument --timeout: "),
        (("prove", "--jobs", "0"), "argument --jobs: "),
        (("prove", "--jobs=--"), "argument --jobs: "),
        (("prove", "proved", "--json", "no/such/folder/x"), "no/such/folder/x: can't be written: "),
        (("show",), "ID|FAMILY"),
        (("counterexample",), "ID"),
        (("counterexample", "tiny"), "expected the id of one claim, found the family 'tiny': proved, "),
        (("counterexample", "refuted", "--elf", "x"), "the kernel, the p2m and the start info"),
    ],
)
def test_wrong_usage(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """Wrong usage is one line that says what is wrong, with status 2."""
    assert_refused(run(capsys, *argv), told)


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("counterexample", "refuted", "--elf"), "argument --elf: "),
        (("certify", "--manifest"), "argument --manifest: "),
        (("certify", "--out"), "argument --out: "),
        (("export",), "argument DIR: "),
    ],
    ids=str,
)
def test_what_is_not_for_standard_output(capsys: Capture, argv: tuple[str, ...], told: str) -> None:
    """A dash is refused there; no file and no folder of that name is made."""
    told += "expected a name, found '-': this isn't for standard output"
    assert_refused(run(capsys, *argv, "-"), told)
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    "argv",
    [
        ("prove", "--json"),
        ("prove", "--junit"),
        ("report", "-o"),
        ("report", "--json"),
        ("counterexample", "refuted", "--json"),
        ("counterexample", "refuted", "--elf"),
        ("invariants", "--json"),
        ("certify", "--manifest"),
        ("certify", "--json"),
        ("boot", "--counterexample", "refuted", "--json"),
    ],
    ids=" ".join,
)
def test_files_are_tried_before_the_work(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    """A file that can't be written is refused before anything is decided."""

    def late(*_: object, **__: object) -> NoReturn:
        raise AssertionError("decided before")

    monkeypatch.setattr(prover, "prove", late)
    monkeypatch.setattr(certificate, "certify", late)
    Path("folder").mkdir()
    assert_refused(run(capsys, *argv, "folder"), "ptproof: folder: can't be written: Is a directory")
    assert_refused(run(capsys, *argv, "no/file"), "ptproof: no/file: can't be written: No such file")


@pytest.mark.usefixtures("install")
def test_the_counterexample_of_nothing(capsys: Capture) -> None:
    """A name that names no claim has status 5."""
    ran = run(capsys, "counterexample", "refutd")
    assert (ran.status, ran.out) == (5, "")
    assert "did you mean refuted?" in ran.err
