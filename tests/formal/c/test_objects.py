"""Objects behind pointers: what is written through one pointer is read through another, and what isn't clear is told."""

import pytest
from c_snippets import tree
from ptproof.formal.c import expressions, objects
from ptproof.formal.c.expressions import Evaluator, Place
from ptproof.formal.c.preprocessor import preprocessed
from ptproof.formal.c.state import State
from ptproof.formal.c.statements import Executor
from ptproof.formal.c.types import parsed, within
from ptproof.formal.c.values import Record, Unknown, Value

HEAD = """
struct inner { unsigned long low; unsigned int high; };
struct outer { unsigned int count; struct inner parts[2]; struct inner *last; void *private; struct inner some[]; };
struct other { unsigned int count; };
extern void unknown(void);
"""


def value(body: str) -> Value | Unknown:
    """What ``x`` is in the end, ``o`` being a pointer to an object."""
    text = f"{HEAD}\nunsigned long f(struct outer *o, unsigned long n)\n{{ unsigned long x = 0; {body} }}\n"
    source = preprocessed(tree({"f.c": text}), "f.c", folders=(), defined={})
    function = next(each for each in within(parsed(text)) if each.type == "function_definition")
    executor = Executor(source, function, [], lambda _: False)
    of = executor.types.record("struct outer")
    assert isinstance(of, Record)
    state = executor.run_all(executor.body.named_children, {"o": executor.name_object("o", of)})
    return state.read("x", executor.type_of["x"], "end")


def number_in(found: Value | Unknown) -> int | None:
    """The number that a value is, if it is one."""
    return int(found.term) if isinstance(found, Value) and found.term.operation == "constant" else None


FOLLOWED = (
    ("o->count = 3; x = o->count;", 3),
    ("struct outer *p = o; p->count = 3; x = o->count;", 3),
    ("struct inner *p = o->parts; p[1].low = 5; x = o->parts[1].low;", 5),
    ("struct inner *p = o->parts + 1; p->low = 5; p--; (p + 1)->low += 2; x = (&o->parts[1])->low;", 7),
    ("struct inner *p = &o->parts[1]; o->parts[0].high = 1; p->high = 2; x = o->parts[0].high;", 1),
    ("unsigned long *p = &o->parts[0].low; *p = 9; x = o->parts->low;", 9),
    ("for ( int i = 0; i < 2; i++ ) o->parts[i].low = i + 4; x = o->parts[0].low * o->parts[1].low;", 20),
    ("o->private = o; struct outer *p = o->private; p->count = 8; x = o->count;", 8),
    ("o->count = 3; if ( n ) o->count = 4; else o->count = 4; x = o->count;", 4),
)


@pytest.mark.parametrize(("body", "expected"), FOLLOWED)
def test_members_are_followed(body: str, expected: int) -> None:
    """Whichever pointer they are reached by."""
    assert number_in(value(body)) == expected


LEAVING = (
    "o->count = 1; o->parts[2].low = 1; x = o->count;",
    "x = o->parts[n].low;",
    "struct inner *p = o->parts + 2; x = p->low;",
    "struct inner *p = o->parts - 1; x = p->low;",
    "x = o->some[0].low;",
    "o->count = 4; struct other *p = (struct other *)o; x = p->count;",
    "o->count = 1; o->parts[n].low = 1; x = o->count;",
    "struct inner *p = &o->parts[1]; p++; x = p->low;",
)


@pytest.mark.parametrize("body", LEAVING)
def test_what_leaves_an_object_is_not_understood(body: str) -> None:
    """An element that isn't there, or of a number that isn't plain, another type: nothing is known then of the object."""
    assert number_in(value(f"o->parts[1].low = 4; {body}")) is None


ANYWHERE = (
    "unknown();",
    "o->last->low = 3;",
    "*(unsigned long *)n = 3;",
    "while ( n ) o->count = n--;",
    "struct inner *p = n ? o->parts : &o->parts[1]; p->low = 1;",
)


@pytest.mark.parametrize("write", ANYWHERE)
def test_a_write_that_may_be_anywhere_is_noticed(write: str) -> None:
    """What was known of the object is no longer."""
    assert (
        number_in(value(f"o->count = 7; o->parts[1].low = 7; {write} x = o->count + o->parts[1].low;"))
        is None
    )


BEHIND = "x = o->last->low; o->parts[0].low = 4; x = x == o->last->low;"


def test_what_lies_behind_other_pointers_is_read_again() -> None:
    """An object that is written may be what they lead to."""
    assert number_in(value(BEHIND)) is None


MUTANTS: dict[str, tuple[object, str, object]] = {
    "bounds aren't looked at": (Evaluator, "_check_bounds", lambda *_: None),
    "pointers don't move": (expressions, "moved", lambda key, _: key),
    "pointers move the other way": (expressions, "moved", lambda key, by: objects.moved(key, -by)),
    "types aren't looked at": (Evaluator, "in_object_at", lambda _, pointer: _untyped(pointer)),
    "what lies behind stays": (State, "disturb", lambda _: None),
    "nothing is stirred": (State, "stir", lambda *_: None),
    "no address leads into an object": (expressions, "in_object", lambda _: False),
}


def _untyped(pointer: Value) -> Place | None:
    there = objects.led_to(pointer)
    return None if there is None else Place(*there)


def noticed() -> bool:
    """Whether one of the tests above would fail."""
    try:
        wrong = [body for body, expected in FOLLOWED if number_in(value(body)) != expected]
        known = [number_in(value(f"o->parts[1].low = 4; {body}")) for body in (*LEAVING, BEHIND)]
        written = "o->count = 7; o->parts[1].low = 7; {} x = o->count + o->parts[1].low;"
        known += [number_in(value(written.format(each))) for each in ANYWHERE]
        return bool(wrong) or any(each is not None for each in known)
    except Exception:  # noqa: BLE001 - a mutant that breaks is noticed, too
        return True


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of how pointers are followed is needed."""
    assert not noticed()
    monkeypatch.setattr(*MUTANTS[name])
    assert noticed()
