"""Layouts as JSON: both directions, and everything that isn't one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ptproof.formal.edge.errors import InputError
from ptproof.formal.layouts.layout import Layout, Segment
from ptproof.formal.layouts.layout_json import SCHEMA, LayoutFile, as_dict, parsed, read_layout
from ptproof.formal.layouts.paging import PAGE_SIZE, PAGING_MODES, X86_64

GOOD: dict[str, Any] = {
    "schema": SCHEMA,
    "mode": "compat",
    "kernel": ["0x100000", "0x112000"],
    "page_tables": ["0x2ec000", "0x2f3000"],
    "total": ["0x0", "0x400000"],
    "entry": "0x100000",
}
words = st.integers(0, (1 << 64) - 1)
segments = st.builds(Segment, words, words)
layouts = st.builds(
    Layout,
    mode=st.sampled_from(list(PAGING_MODES.values())),
    page_tables=st.builds(
        lambda start, pages: Segment(start, (start + pages * PAGE_SIZE) % (1 << 64)), words, words
    ),
    total=segments,
    **dict.fromkeys(
        ["kernel", "initrd", "p2m", "start_info", "xenstore", "console", "boot_stack"], st.none() | segments
    ),
)


def refusal(data: bytes | str) -> str:
    """The error for data that isn't a layout: one line that names the file."""
    with pytest.raises(InputError) as error:
        read_layout(data, "x.json")
    message = str(error.value)
    assert message.startswith("x.json: ")
    assert len(message) < 300
    return message


@settings(max_examples=300, derandomize=True, deadline=None)
@given(layouts, st.none() | words)
def test_round_trip(layout: Layout, entry: int | None) -> None:
    """A layout that is written reads back as it was, with the kernel's entry."""
    assert read_layout(json.dumps(as_dict(layout, entry)), "x") == LayoutFile(layout, entry)


def test_what_is_written() -> None:
    """A file has the schema, every segment, and its addresses as hexadecimal text."""
    layout = Layout(page_tables=Segment(0x2EC000, 0x2F1000), total=Segment((1 << 64) - 4096, 0))
    assert as_dict(layout) == {
        "schema": "ptproof-layout/1",
        "mode": "64",
        "kernel": None,
        "initrd": None,
        "p2m": None,
        "start_info": None,
        "xenstore": None,
        "console": None,
        "page_tables": ["0x2ec000", "0x2f1000"],
        "boot_stack": None,
        "total": ["0xfffffffffffff000", "0x0"],
        "entry": None,
    }


def test_what_may_be_left_out() -> None:
    """A segment or an entry that is null or not there is absent; numbers are read, too."""
    least = {
        "schema": SCHEMA,
        "mode": "64",
        "page_tables": [4096, 8192],
        "total": ["0X0", "0x400000"],
        "p2m": None,
    }
    found = read_layout(json.dumps(least), "x")
    assert found.layout == Layout(mode=X86_64, page_tables=Segment(4096, 8192), total=Segment(0, 1 << 22))
    assert found.entry is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(encoding: str) -> None:
    """Any encoding that JSON has had is read."""
    assert read_layout(json.dumps(GOOD).encode(encoding), "x").entry == 0x100000


ADDRESSES: list[Any] = [
    *(
        "",
        "0",
        "4096",
        "ffff",
        "0x",
        "0x1g",
        "-0x1",
        "0x-1",
        " 0x1",
        "0x1 ",
        "0x1_0",
        "0x1" + "0" * 16,
        "x" * 1000,
    ),
    *(-1, 1 << 64, 1.0, 1e300, True, False, None, [], {}, ["0x0"]),
]


@pytest.mark.parametrize("value", ADDRESSES, ids=repr)
@pytest.mark.parametrize("name", ["kernel", "initrd", "page_tables", "total"])
@pytest.mark.parametrize("end", ["start", "end"])
def test_garbage_for_an_address(name: str, end: str, value: object) -> None:
    """Anything but a 64-bit address is refused, with the field and the end."""
    pair = [value, "0x1000"] if end == "start" else ["0x1000", value]
    message = refusal(json.dumps(GOOD | {name: pair}))
    assert message.startswith(f"x.json: {name}: {end}: expected a 64-bit address such as '0x1000', found ")


@pytest.mark.parametrize(
    "value", [0, "0x1000", True, {}, [], ["0x0"], ["0x0", "0x0", "0x0"], {"start": 0}], ids=repr
)
@pytest.mark.parametrize("name", ["kernel", "boot_stack", "total"])
def test_garbage_for_a_segment(name: str, value: object) -> None:
    """Anything but two addresses is refused, with the field."""
    assert refusal(json.dumps(GOOD | {name: value})).startswith(
        f"x.json: {name}: expected [start, end], found "
    )


@pytest.mark.parametrize("value", [each for each in ADDRESSES if each is not None], ids=repr)
def test_garbage_for_the_entry(value: object) -> None:
    """The entry must be an address."""
    assert refusal(json.dumps(GOOD | {"entry": value})).startswith("x.json: entry: expected a 64-bit address")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": None}, "schema: expected 'ptproof-layout/1', found none"),
        ({"schema": "ptproof-layout/2"}, "schema: expected 'ptproof-layout/1', found 'ptproof-layout/2'"),
        ({"schema": 1}, "schema: expected 'ptproof-layout/1', found 1"),
        ({"mode": None}, "mode: expected a value, found none"),
        ({"mode": "32"}, "mode: expected one of '64', 'compat', '2-level', '5-level', found '32'"),
        ({"mode": 64}, "mode: expected one of '64', 'compat', '2-level', '5-level', found 64"),
        ({"mode": []}, "mode: expected one of '64', 'compat', '2-level', '5-level', found a list of 0"),
        ({"page_tables": None}, "page_tables: expected a value, found none"),
        ({"total": None}, "total: expected a value, found none"),
        ({"page_tables": ["0x1000", "0x1001"]}, "page_tables: expected whole pages, found 0x1 bytes"),
        ({"paeg_tables": 1}, "'paeg_tables': expected one of schema, mode, kernel, "),
        ({"x" * 1000: 1}, "'" + "x" * 37 + "...': expected one of schema, mode, kernel, "),
    ],
    ids=repr,
)
def test_garbage_for_the_rest(change: dict[str, Any], told: str) -> None:
    """A missing, unknown or wrong key is named."""
    assert refusal(json.dumps(GOOD | change)).startswith(f"x.json: {told}")


EXPECTED = "expected a layout as 'ptproof layout --json -' writes it"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", f"{EXPECTED}, found nothing"),
        (b" \n", f"{EXPECTED}, found nothing"),
        (b"no layout", f"line 1, column 1: {EXPECTED}, found what is no JSON"),
        (b"{", f"line 1, column 2: {EXPECTED}, found what is no JSON"),
        (b"\n{'a': 1}", f"line 2, column 2: {EXPECTED}, found what is no JSON"),
        (b"{}{}", f"line 1, column 3: {EXPECTED}, found what is no JSON"),
        (b"null", "expected a JSON object, found none"),
        (b'"x"', "expected a JSON object, found 'x'"),
        (b"NaN", "expected JSON: NaN is not a JSON number"),
        (b'{"entry": -Infinity}', "expected JSON: -Infinity is not a JSON number"),
        (b'{"mode": 1, "mode": 2}', "expected JSON: the key 'mode' appears twice"),
        (b"\xff\xfe\xff", f"{EXPECTED}, found bytes that are no text in UTF-8"),
        (b"\x80", f"{EXPECTED}, found bytes that are no text in UTF-8"),
        (b"1" * 5000, "expected JSON: a number has 5000 digits, more than 1000"),
        (b"[" * 100_000, f"{EXPECTED}, found lists or objects nested too deep"),
        (b'{"a":' * 100_000, f"{EXPECTED}, found lists or objects nested too deep"),
        (b"\0", f"line 1, column 1: {EXPECTED}, found what is no JSON"),
    ],
    ids=range(17),
)
def test_no_json(data: bytes, told: str) -> None:
    """What isn't JSON is refused, with line and column where there is one."""
    assert refusal(data).startswith(f"x.json: {told}")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(sorted(GOOD)), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), values))
def test_anything_is_read_or_refused(changes: dict[str, object]) -> None:
    """Whatever stands in a field there is a layout, or an InputError of one line."""
    message = ""
    try:
        read_layout(json.dumps(GOOD | changes), "x.json")
    except InputError as error:
        message = str(error)
    assert message.startswith("x.json: ") or not message


def test_a_key_that_is_there_twice_among_many() -> None:
    """Looked for one by one in all the others, it would take minutes."""
    pairs = ",".join(f'"{each}":0' for each in range(100_000))
    with pytest.raises(InputError, match="'99999' appears twice"):
        parsed(f'{{{pairs},"99999":1}}', "keys")
