"""What every command writes as JSON is what its schema says, and no schema lets anything else pass."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import small_tree
import tiny_claims as tiny
import tiny_questions
from jsonschema import Draft202012Validator
from ptproof.formal.cli.command_line import commands
from ptproof.formal.cli.main import command_line, main
from ptproof.formal.images import image_questions
from ptproof.formal.images.image_writer import SPIN, image_of
from ptproof.formal.layouts.layout import Configuration, Segment
from ptproof.formal.logic import claim as claim_module
from ptproof.formal.solvers import solver
from ptproof.formal.xen import as_it_is, booting, random_boots, real_xen
from test_boot_command import Boots, twice

pytestmark = pytest.mark.usefixtures("shared_answers")

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/json.md"
SCHEMAS = {
    file.name.removesuffix("-1.json"): json.loads(file.read_text(encoding="utf-8"))
    for file in files("ptproof.formal").joinpath("schemas").iterdir()
}
SMALL = ("--kernel", "0x100000", "0x300000", "--nr-pages", "16384")
MISALIGNED = ("--virt-base", "0x800", "--kernel", "0x100000", "0x300000", "--nr-pages", "16384")
PAST_THE_END = ("--virt-base", "0xffffffffffc00000", "--kernel", "0xffffffffffd00000", "0xfffffffffff00000")
LOGS = ROOT / "tests/data/boot-logs"

EXAMPLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "list": ((),),
    "show": (("tiny",),),
    "prove": ((), ("all-that-goes-wrong",)),
    "counterexample": (("refuted",),),
    "report": ((),),
    "invariants": ((),),
    "export": (("obligations", "tiny"),),
    "certify": (("tiny", "--jobs", "1"),),
    "layout": (SMALL, (*SMALL, "--entry", "0x100000", "--initrd-len", "5000")),
    "replay": (
        ("small.json",),
        ("small.json", "--nr-pt-pages", "6"),
        ("small.json", "--nr-pt-pages", "4"),
        ("misaligned.json",),
        ("past.json",),
        ("counterexample.json",),
    ),
    "formula": ((), ("--mode", "compat", "--style", "search", "--lang", "python")),
    "picture": (
        (*SMALL, "--host-map", "host.log"),
        SMALL,
        ("--layout", "far.json", "--nr-pt-pages", "6"),
    ),
    "explain": (("Decoding failed",), ("Not enough RAM",)),
    "check-log": (
        ("panic.log",),
        *((str(each),) for each in sorted(LOGS.glob("*.log"))),
        (str(LOGS.parent / "domu-layouts.jsonl"),),
    ),
    "tree": (("small",), ("changed",), ("odd",)),
    "image": (("kernel.elf",), ("kernel.gz",)),
    "check": (("kernel.elf", "--host-map", "host.log"), ("kernel.elf",)),
    "boot": (
        SMALL,
        ("--random", "3"),
        ("--counterexample", "twice"),
        ("panic.log", "--dom0-mem", "1G"),
        ("kernel.elf", "--dom0-mem", "1G"),
    ),
    "completion": (("bash",),),
}
"""What is run of each command. A new command has to be put here, with all that its output may have in it."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Any]]]:
    """What a command writes for each of its examples; they are run once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        prepare(monkeypatch, tmp_path_factory.mktemp("examples"))
        yield cache(outputs)


def outputs(command: str) -> list[Any]:
    """What the command writes for each of its examples."""
    return [json.loads(printed(command, *argv, "--json", "-")) for argv in EXAMPLES[command]]


def printed(*argv: str) -> str:
    """What a command prints on standard output, whatever becomes of it."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        main(argv)
    return out.getvalue()


def prepare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The files that the examples read, small claims of every verdict, and recorded boots."""
    boots = Boots()
    monkeypatch.setattr(booting, "boot", boots.boot)
    monkeypatch.setattr(as_it_is, "boot_as_it_is", boots.boot_as_it_is)
    monkeypatch.setattr(random_boots, "boot", boots.boot)
    monkeypatch.setattr(real_xen, "programs", boots.programs)
    monkeypatch.setattr(solver, "RLIMIT", 100_000)
    monkeypatch.setattr(image_questions, "questions", lambda _: tiny_questions.ALL)
    monkeypatch.chdir(folder)
    wrong = (tiny.SURPRISE, tiny.VACUOUS, tiny.UNKNOWN, tiny.DISAGREES, tiny.MISCOUNTS, tiny.UNSOUND)
    monkeypatch.setattr(claim_module, "claims", lambda: (*tiny.GOOD, *map(_wrong, wrong), twice()))
    for name, options in (
        ("small", SMALL),
        ("misaligned", MISALIGNED),
        ("past", (*PAST_THE_END, "--nr-pages", "4096")),
        ("far", (*SMALL, "--init-p2m", "0x8000000000")),
    ):
        printed("layout", *options, "--json", f"{name}.json")
    printed("counterexample", "refuted", "--json", "counterexample.json")
    kernel = Configuration(virt_base=0, kernel=Segment(0x100000, 0x300000), nr_pages=1)
    Path("kernel.elf").write_bytes(image_of(kernel))
    small_tree.written(Path("small"))
    small_tree.written(Path("changed"), small_tree.changed("nr_pt_pages = 2;", "nr_pt_pages = 7;"))
    small_tree.written(Path("odd"), small_tree.changed("vpt_end = ", 'asm("" : "=r" (v_end)); vpt_end = '))
    Path("kernel.elf").write_bytes(image_of(kernel, SPIN))
    Path("kernel.gz").write_bytes(gzip.compress(image_of(kernel)) + b"\xff\xff\0\0")
    Path("panic.log").write_text("(XEN) Decoding failed\n(XEN) Panic on CPU 0:\n(XEN) What nobody knows\n")
    Path("host.log").write_text(
        "(XEN) EFI RAM map:\n(XEN)  [0000000000000000, 00000000001fffff] (usable)\n"
        "(XEN)  [0000000000200000, 0000000000200fff] (ACPI NVS)\n(XEN)  [0000000000201000, 0000ffffffffffff] (usable)\n"
    )


def _wrong(claim: claim_module.Claim) -> claim_module.Claim:
    return tiny.claim(claim.id, *claim.parts, family="All that goes wrong")


Path_ = tuple[str | int, ...]
OPTIONAL = {"example", "witness", "why", "hint", "queries", "frame", "level", "index"}
"""Keys that some objects have and others haven't."""
FREE = {("values",), ("taken",), ("reached",), ("answers",)}
"""Objects whose keys are names of inputs, of levels or of solvers: any."""


def closed(schema: Any) -> Any:
    """The schema with no key allowed but those that it names: so that every key is one that it explains."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) for key, each in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        found["additionalProperties"] = False
    return found


def mutations(value: Any) -> Iterator[tuple[str, Any]]:
    """Each way to leave out one key, to add one, or to put another kind of value in; of a list, in its first item."""
    for path in paths(value):
        at = value
        for step in path:
            at = at[step]
        yield f"{path}: of another kind", put(value, path, [[]] if isinstance(at, dict | str) else {"a": {}})
        if isinstance(at, dict):
            yield f"{path}: a key more", put(value, path, at | {"another key": {}})
            free = path[-1:] in FREE and not isinstance(at.get("schema"), str)
            for key in () if free else set(at) - OPTIONAL:
                mutated = {name: each for name, each in at.items() if name != key}
                yield f"{path}: without {key}", put(value, path, mutated)


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The place of each value in a value."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, (*path, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*path, 0))


def put(value: Any, path: Path_, new: Any) -> Any:
    """The value with another in its place."""
    if not path:
        return new
    found = deepcopy(value)
    at = found
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return found


def test_every_command_has_an_example() -> None:
    """A command whose output isn't held against a schema here would have none, or a stale one."""
    there = {each.name for each in commands(command_line())}
    assert there - set(EXAMPLES) == set(), (
        "put an example of each into EXAMPLES, and its schema into formal/schemas"
    )
    assert set(EXAMPLES) - there == set()


@pytest.mark.parametrize("command", EXAMPLES)
def test_outputs_are_what_their_schema_says(written: Callable[[str], list[Any]], command: str) -> None:
    """Every output names its schema, meets it, and has no key that the schema doesn't explain."""
    assert written(command)
    for output in written(command):
        schema = SCHEMAS[output["schema"].removesuffix("/1")]
        Draft202012Validator(closed(schema)).validate(output)


@pytest.mark.parametrize("command", EXAMPLES)
def test_no_schema_lets_another_output_pass(written: Callable[[str], list[Any]], command: str) -> None:
    """An output with a key less, a key more, or a value of another kind doesn't meet its schema."""
    for output in written(command)[:3]:
        schema = SCHEMAS[output["schema"].removesuffix("/1")]
        validator = Draft202012Validator(closed(schema))
        passed = [what for what, mutated in mutations(output) if validator.is_valid(mutated)]
        assert passed == []


def test_schemas_are_schemas_and_named_by_what_they_are() -> None:
    """Each is a valid schema, says which output it is of, and asks for that name in it."""
    assert SCHEMAS
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == schema["properties"]["schema"]["const"] == f"{name}/1"
        assert schema["description"]
        assert "schema" in schema["required"]


def test_every_schema_has_an_example(written: Callable[[str], list[Any]]) -> None:
    """No schema is left over from a command that is gone."""
    seen = {each["schema"].removesuffix("/1") for command in EXAMPLES for each in written(command)}
    assert set(SCHEMAS) - seen == set()


def test_the_page_tells_of_every_schema() -> None:
    """docs/json.md names every schema and every command, and nothing that there is not."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `ptproof")]
    assert {schema.strip().strip("`") for _, schema in rows} == {f"{name}/1" for name in SCHEMAS}
    told = {each.strip("` ").split()[1] for row, _ in rows for each in row.split(",")}
    assert told == set(EXAMPLES)
