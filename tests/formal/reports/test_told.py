"""What a whole run told is kept for a run with nothing changed: told as kept, and believed of nothing else."""

import json
from pathlib import Path

import pytest
import tiny_claims as tiny
from ptproof.formal.logic.claim import Claim, claims
from ptproof.formal.logic.prover import prove
from ptproof.formal.reports import told as module
from ptproof.formal.reports.told import keep, kept, key, told
from ptproof.formal.solvers.answer_cache import Cache
from run_cli import Ran, run

pytestmark = pytest.mark.usefixtures("shared_answers")

Capture = pytest.CaptureFixture[str]
CLAIM = "start-info-page"
"""One that takes little."""
TOLD = "ptproof: all verdicts are kept from an earlier run, and nothing has changed since (--no-cache decides anew)\n"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the commands keep what was told; this isn't CI."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "ptproof"


def chosen() -> tuple[Claim, ...]:
    return tuple(each for each in claims() if each.id == CLAIM)


def entries(place: Path) -> list[Path]:
    """The files of the runs that are kept."""
    return [each for each in place.rglob("*.json") if "summaries" in each.read_text()]


def test_a_second_run_tells_the_same(capsys: Capture, place: Path) -> None:
    """Text, data and JUnit's XML are as before, and each tells that they are kept."""
    both = [
        (
            run(capsys, "prove", CLAIM),
            json.loads(run(capsys, "prove", CLAIM, "--json", "-", *anew).out),
            run(capsys, "prove", CLAIM, "--junit", "-", *anew).out,
        )
        for anew in (["--no-cache"], [])
    ]
    (first, data, junit), (second, kept_data, kept_junit) = both
    assert (first.status, first.out, first.err) == (second.status, second.out, "")
    assert second.err == TOLD
    assert len(entries(place)) == 1
    asked = data["kept"]["asked"]
    assert data["kept"] == {"verdicts": False, "answers": 0, "asked": asked}
    assert kept_data == data | {"kept": {"verdicts": True, "answers": asked, "asked": asked}}
    told_there = '<property name="kept from earlier runs" value="all verdicts" />'
    assert told_there in kept_junit
    assert "kept" not in junit
    assert "".join(kept_junit.split()) == "".join(
        junit.replace("<testcase", f"<properties>{told_there}</properties><testcase", 1).split()
    )


def test_each_form_of_the_text_is_kept(capsys: Capture, place: Path) -> None:
    """Whatever is asked for later was kept by the first run."""
    for more in ([], ["--quiet"], ["--assumptions"], ["--quiet", "--assumptions"]):
        fresh = run(capsys, "prove", CLAIM, "--no-cache", *more)
        run(capsys, "prove", CLAIM)
        assert run(capsys, "prove", CLAIM, *more) == Ran(0, fresh.out, TOLD)
    assert len(entries(place)) == 1


@pytest.mark.usefixtures("place")
def test_other_arguments_are_another_run(capsys: Capture) -> None:
    """Other claims, solvers or limits are decided anew; so they are in CI, and with --no-cache."""
    run(capsys, "prove", CLAIM)
    for more in (["padding"], ["--timeout", "60"], ["--no-cache"]):
        assert TOLD not in run(capsys, "prove", CLAIM, *more).err
    with pytest.MonkeyPatch.context() as within:
        within.setenv("CI", "true")
        assert run(capsys, "prove", CLAIM).err == ""


def test_a_damaged_one_is_decided_anew(capsys: Capture, place: Path) -> None:
    """What is garbled, cut short or of another form is passed over."""
    first = run(capsys, "prove", CLAIM)
    (file,) = entries(place)
    whole = file.read_bytes()
    for damaged in (whole[::-1], whole[:-9], whole.replace(b"proved", b"pr0ved"), b""):
        file.write_bytes(damaged)
        again = run(capsys, "prove", CLAIM)
        assert (again.out, TOLD in again.err) == (first.out, False)
    assert run(capsys, "prove", CLAIM).err == TOLD


@pytest.mark.parametrize(
    "damage", [{"status": "0"}, {"claims": [{}]}, {"more": 1}, {"junit": None}, {"run": []}]
)
def test_what_is_no_run_is_not_believed(tmp_path: Path, damage: dict[str, object]) -> None:
    """An entry whose checksum is right must still have the form of a run."""
    cache, about, found = Cache(tmp_path), {"schema": "ptproof-told/1"}, prove(tiny.GOOD)
    what = told(found, 120, {})
    keep(cache, about, found, what)
    assert kept(cache, about) == what
    entry = cache.kept(about)
    assert isinstance(entry, dict)
    cache.keep(about, entry | damage)
    assert kept(cache, about) is None
    cache.keep(about, [1])
    assert kept(cache, about) is None


@pytest.mark.parametrize("open_one", [tiny.VACUOUS, tiny.DISAGREES, tiny.UNSOUND], ids=lambda each: each.id)
def test_what_is_not_settled_is_not_kept(tmp_path: Path, open_one: Claim) -> None:
    """One claim that is neither proved nor refuted, and nothing of the run is kept."""
    found = prove([tiny.PROVED, open_one])
    keep(Cache(tmp_path), {}, found, told(found, 120, {}))
    assert not list(tmp_path.iterdir())


def test_the_key_is_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A byte in any file of tool, encodings, proofs or machine, or another name for it, and it is another run's."""
    about = key(chosen(), ["z3"], 120)
    assert about is not None
    names = {each.name for each in module._folders("ptproof")}
    assert names == {"formal", "encodings", "proofs"}
    folder = tmp_path / "formal"
    (folder / "machine").mkdir(parents=True)
    file = folder / "machine" / "builder.py"
    seen = set()
    for name, text in (("builder.py", "a"), ("builder.py", "b"), ("walk.py", "b")):
        file = file.rename(folder / "machine" / name) if file.exists() else file
        file.write_text(text)
        seen.add(module._digest([folder]))
    assert len(seen) == 3
    (folder / "machine" / "__pycache__").mkdir()
    (folder / "machine" / "__pycache__" / "builder.pyc").write_text("made of it")
    assert module._digest([folder]) in seen
    monkeypatch.setattr(module, "_digest", lambda _folders: "changed")
    assert key(chosen(), ["z3"], 120) not in (None, about)


def test_anothers_claims_are_decided_anew() -> None:
    """Of a claim that lies elsewhere nobody knows what it depends on."""
    assert key([*chosen(), tiny.PROVED], ["z3"], 120) is None
