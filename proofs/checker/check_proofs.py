"""Checks proofs that ``ptproof export DIR`` wrote, by nothing of ptproof: ``python check_proofs.py DIR``; docs/checker.md.

It makes each lemma's obligations again, compares them with the exported ones, and follows proofs that none can be met.
"""

import hashlib
import re
import subprocess
import sys
from collections import Counter, defaultdict, namedtuple
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial, reduce
from multiprocessing import get_context
from operator import neg
from pathlib import Path
from typing import Any

TOKEN = re.compile(r'\s+|;[^\n]*|("(?:[^"\\]|"")*"|\|[^|\\]+\||[()]|[^\s()|";\\]+)')
PLACE = ["usage: check_proofs.py DIR [SOLVER [ARGUMENT ...]]"]  # what is looked at


def demand(condition: object, complaint: str) -> None:
    """Refuse, unless the condition holds."""
    if not condition:
        raise ValueError(complaint)


def read(text: str) -> list[Any]:
    """All S-expressions of a text, as lists of tokens; what solvers may read in two ways is refused."""
    demand(not TOKEN.sub("", text) and text.replace("\n", "").isprintable(), "it isn't printed tokens alone")
    stack: list[list[Any]] = [[]]
    for token in filter(None, TOKEN.findall(text)):
        if token == "(":
            stack.append([])
        else:
            stack[-1 - (token == ")")].append(stack.pop() if token == ")" else token)
    [found] = stack
    return found


class Circuit:
    """Gates with clauses, which can be met whatever the inputs are. Bits are literals as in DIMACS, and 1 is true."""

    def __init__(self) -> None:
        self.variables, self.clauses, self.made = 1, [[1]], dict[Any, Any]()

    def choose(self, a: int, b: int, c: int) -> int:
        """The bit b where a is true, else c."""
        if a < 0:
            return self.choose(-a, c, b)
        b = 1 if b == a else -1 if b == -a else b
        c = -1 if c == a else 1 if c == -a else c
        if a == 1 or b == c:
            return b
        if b < 0:
            return -self.choose(a, -b, -c)
        if (b, c) == (1, -1):
            return a
        if (a, b, c) not in self.made:
            self.made[a, b, c] = new = self.variables = self.variables + 1
            said = [[-a, -b, new], [-a, b, -new], [a, -c, new], [a, c, -new], [-b, -c, new], [b, c, -new]]
            said = said[:4] if b == -c else said
            if 1 in {b, c, -c}:
                said = [[bit for bit in clause if bit != -1] for clause in said if 1 not in clause]
            self.clauses += said
        return int(self.made[a, b, c])

    def both(self, a: int, b: int) -> int:
        """Whether both bits are true."""
        a, b = sorted((a, b), key=abs)
        return self.choose(a, b, -1)

    def differ(self, a: int, b: int) -> int:
        """Whether the bits differ."""
        a, b = sorted((a, b), key=abs)
        return self.choose(a, -b, b)

    def sum(self, a: Iterable[int], b: Iterable[int], carry: int = -1) -> list[int]:
        """The sum of words, and its last carry."""
        total = []
        for one, other in zip(a, b, strict=True):
            differ = self.differ(one, other)
            total.append(self.differ(differ, carry))
            carry = self.choose(differ, carry, one)
        return [*total, carry]

    def product(self, a: list[int], b: list[int]) -> list[int]:
        """The product of words: the sum of the one, moved to each bit of the other."""
        a, b = (b, a) if {*a} <= {1, -1} else (a, b)
        total = [-1] * len(a)
        if b.count(1) > len(b) // 2 + 1:  # it is less work as minus the product with minus b
            return self.sum(total, map(neg, self.product(a, self.sum(total, map(neg, b), 1)[:-1])), 1)[:-1]
        for at, bit in enumerate(b):
            total = self.sum(total, [-1] * at + [self.both(bit, each) for each in a[: len(a) - at]])[:-1]
        return total

    def lowered(self, a: list[int], by: list[int]) -> list[int]:
        """The bits of a word, so many places lower."""
        for at, bit in enumerate(by):
            a = [*map(self.choose, [bit] * len(a), a[2 ** min(at, 32) :] + [-1] * len(a), a)]
        return a

    def bits(self, term: "Term") -> list[int]:
        """The bits of a term, the lowest first; of a truth, the one."""
        for each in subterms([term]):
            if each.operation == "input" and each not in self.made:
                self.made[each] = [*range(self.variables + 1, self.variables + 1 + each.width)]
                self.variables += each.width
            elif each.operation == "constant":
                self.made[each] = [1 if each.value >> at & 1 else -1 for at in range(each.width or 1)]
            elif each not in self.made:
                found = OPERATIONS[each.operation][1](self, *(self.made[inner] for inner in each.arguments))
                self.made[each] = [*found, *[-1] * each.width][: each.width or 1]
        return [*self.made[term]]


# The sorts of an operation's arguments and result (w: a word, b: a truth, e: either), and its meaning.
OPERATIONS: dict[str, tuple[str, Callable[..., Iterable[int]]]] = {
    "bvadd": ("www", lambda c, a, b: c.sum(a, b)),
    "bvsub": ("www", lambda c, a, b: c.sum(a, map(neg, b), 1)),
    "bvmul": ("www", Circuit.product),
    "bvand": ("www", lambda c, a, b: map(c.both, a, b)),
    "bvor": ("www", lambda c, a, b: map(neg, map(c.both, map(neg, a), map(neg, b)))),
    "bvxor": ("www", lambda c, a, b: map(c.differ, a, b)),
    "bvnot": ("ww", lambda _, a: map(neg, a)),
    "bvshl": ("www", lambda c, a, b: c.lowered(a[::-1], b)[::-1]),
    "bvlshr": ("www", Circuit.lowered),
    "bvult": ("wwb", lambda c, a, b: [-c.sum(a, map(neg, b), 1)[-1]]),
    "bvule": ("wwb", lambda c, a, b: [c.sum(b, map(neg, a), 1)[-1]]),
    "and": ("bbb", lambda c, a, b: map(c.both, a, b)),
    "or": ("bbb", lambda c, a, b: map(neg, map(c.both, map(neg, a), map(neg, b)))),
    "not": ("bb", lambda _, a: map(neg, a)),
    "=": ("eeb", lambda c, a, b: [reduce(c.both, map(neg, map(c.differ, a, b)))]),
    "ite": ("bwww", lambda c, a, b, d: map(c.choose, a * len(b), b, d)),
    **dict.fromkeys(["zero_extend", "extract"], ("ww", lambda _, a: a)),
}


class Term:
    """An operation on arguments, an input with its name, or a constant with its number; a truth has no width."""

    def __init__(self, operation: str, width: int, arguments: tuple["Term", ...], value: Any = None) -> None:
        self.operation, self.width, self.arguments, self.value = operation, width, arguments, value


node = cache(Term)  # equal terms are one object
FALSE, TRUE = (node("constant", 0, (), value) for value in (0, 1))


def make(operation: str, *arguments: Term, width: int = 0) -> Term:
    """An operation on terms; what is known at once is what it is known to be. Refuses sorts that don't fit."""
    sorts, widths = OPERATIONS[operation][0], [each.width for each in arguments]
    word = max(widths)
    fitting = [{"b": 0, "e": word}.get(sort, word or 1) for sort in sorts[:-1]]
    demand(widths == fitting, f"{operation} of {widths} bits, not {fitting}")
    term = node(operation, width or (word if sorts[-1] == "w" else 0), arguments)
    constant = [each.operation == "constant" for each in arguments]
    if all(constant):
        value = sum(2**at for at, bit in enumerate(Circuit().bits(term)) if bit > 0)
        return node("constant", term.width, (), value)
    if operation == "ite" and constant[0]:
        return arguments[1] if arguments[0] is TRUE else arguments[2]
    if operation in {"and", "or"} and any(constant):
        known, other = arguments if constant[0] else arguments[::-1]
        return other if (known is TRUE) == (operation == "and") else known
    return TRUE if operation == "=" and arguments[0] is arguments[1] else term


def subterms(terms: Iterable[Term]) -> Iterable[Term]:
    """Every term within these, each once, after its arguments."""
    found: dict[Term, None] = {}
    stack = [*terms][::-1]
    while stack:
        missing = [each for each in stack[-1].arguments if each not in found]
        stack += missing[::-1]
        if not missing:
            found[stack.pop()] = None
    return found


def conjuncts(terms: Iterable[Term], but: Any = ()) -> Iterable[Term]:
    """The conditions that "and" joins in these, however deep, in their order; but for some."""
    for each in terms:
        yield from conjuncts(each.arguments, but) if each.operation == "and" else [each] * (each not in but)


def inputs(terms: Iterable[Term]) -> dict[Term, Term]:
    """The words that terms speak of, each with the word that has its number as a name."""
    words = [each for each in subterms(terms) if each.operation == "input"]
    return {each: node("input", each.width, (), at) for at, each in enumerate(words)}


def put(places: Any, terms: Iterable[Term]) -> list[Term]:
    """The terms with others in some places, all at once; a place within a place goes with it."""
    terms, done = [*terms], dict(places)
    demand(all(old.width == new.width for old, new in done.items()), "a term stands for one of another width")
    for each in subterms(terms):
        if each not in done:
            inner = [done[argument] for argument in each.arguments]
            done[each] = make(each.operation, *inner, width=each.width) if inner else each
    return [done[each] for each in terms]


def parsed(text: Any, scope: Mapping[str, Term]) -> Term:
    """The term that an expression says, with the symbols of a scope."""
    match text:
        case str() if text.strip("|") in scope:
            return scope[text.strip("|")]
        case str() if re.fullmatch("#b[01]+|#x[0-9a-f]+", text):
            bits = 1 if text[1] == "b" else 4
            return node("constant", bits * len(text[2:]), (), int(text[2:], 2**bits))
        case [["_", "zero_extend", more], inner] if 0 < int(more) < 9999:
            return make("zero_extend", term := parsed(inner, scope), width=term.width + int(more))
        case [["_", "extract", top, "0"], inner] if 0 <= int(top) < parsed(inner, scope).width - 1:
            return make("extract", parsed(inner, scope), width=int(top) + 1)
        case [str(operation), *arguments] if operation in OPERATIONS.keys() - {"zero_extend", "extract"}:
            return make(operation, *(parsed(each, scope) for each in arguments))
    raise ValueError(f"not a term: {text!r:.60}")


def scope_of(pairs: Iterable[Any]) -> dict[str, Term]:
    """What symbols stand for, each for one thing: a word of so many bits, or a term that speaks of those before."""
    scope = {"true": TRUE, "false": FALSE}
    for symbol, meaning in pairs:
        name = symbol.strip("|")
        demand(name not in {*scope, *OPERATIONS, "_"} and name[0] != "#", f"{symbol} has a meaning already")
        word = isinstance(meaning, str) and re.fullmatch("[1-9][0-9]{0,3}", meaning)
        scope[name] = node("input", int(meaning), (), name) if word else parsed(meaning, scope)
    return scope


def sections(content: list[Any], heads: str) -> dict[str, list[Any]]:
    """What stands under each of the heads."""
    said: dict[str, list[Any]] = defaultdict(list)
    for head, *rest in content:
        demand(head in heads.split(), f"expected one of ({heads}), found {head!r:.60}")
        said[head].append(rest)
    return said


# The rule of composition, as docs/proof.md tells it.
Loop = namedtuple("Loop", "parameters state free start goes_on step")
Lemma = namedtuple("Lemma", "titles assumptions runs goal uses obligations files")
LOOPS, LEMMAS = dict[str, Loop](), dict[str, Lemma]()


def loop_of(content: list[Any]) -> Loop:
    """A loop; each of its terms speaks of nothing but what it may."""
    said = sections(content, "parameters state free term start goes-on step")
    [words] = zip(said["parameters"], said["state"], said["free"], strict=True)
    scope = scope_of([*(pair for some in words for pair in some), *said["term"]])
    own = [[scope[symbol.strip("|")] for symbol, _ in some] for some in words]
    [made] = zip(said["start"], said["goes-on"], said["step"], strict=True)
    start, [goes_on], step = [[parsed(text, scope) for text in some] for some in made]
    for at, terms in enumerate((start, [goes_on], step), 1):
        demand({*inputs(terms)} <= {each for some in own[:at] for each in some}, "it speaks of a stranger")
    demand(not goes_on.width, "it goes on by a condition")
    put(zip(own[1], start, strict=True), put(zip(own[1], step, strict=True), []))
    return Loop(own[0], own[1], own[2], start, goes_on, step)


def lemma_of(name: str, content: list[Any]) -> Lemma:
    """A lemma with its obligations. What it uses is there already: so there is no circle."""
    ways = "invariant rank base step end" if any(each[0] == "invariant" for each in content) else "proof"
    said = sections(content, f"variables term assumption run stops goal obligations {ways}")
    scope, both = scope_of([*said["variables"][0], *said["term"]]), partial(make, "and")

    def terms(texts: Iterable[Any], *, words: bool = False) -> list[Term]:
        found = [parsed(each, scope) for each in texts]
        demand(all(words == (each.width > 0) for each in found), "a word for a condition, or the other way")
        return found

    assumed, runs = terms(text for _, _, text in said["assumption"]), []
    for title, [first, *before], [second, *after] in said["run"]:
        demand((first, second) == ("arguments", "result"), "expected (run LOOP (arguments …) (result …))")
        runs.append((LOOPS[title], terms([*before, *after], words=True)))
        put(zip([*LOOPS[title].parameters, *LOOPS[title].state], runs[-1][1], strict=True), [])
    [goal], rank = terms(*said["goal"]), terms(*(said["rank"] or [[]]), words=True)
    demand(bool(rank) == bool(said["stops"]), "that a loop stops, and no more, has an induction with a rank")
    parts, uses, obligations = [("proof", assumed, goal, runs)], {name}, []
    if ways != "proof":
        demand(len(runs) == 1, "an induction is over one run")
        [(loop, run)], [invariant] = runs, terms(*said["invariant"])
        arguments, result = run[: len(loop.parameters)], run[len(loop.parameters) :]
        apart = len({*result}) == len(result) and {*inputs(result)} == {*result}
        demand(apart and not {*inputs(arguments)} & {*result}, "the result isn't of words of its own")
        spoken = {*inputs([*run, *assumed, invariant, goal, *rank])}
        demand(not spoken & {*loop.free}, "a free word is spoken of")
        here = dict(zip([*loop.parameters, *loop.state], run, strict=True))
        first, after = [dict(zip(result, put(here, some), strict=True)) for some in (loop.start, loop.step)]
        before = [each for each in assumed if not {*inputs([each])} & {*result}]
        falls = [make("bvult", *put(after, [each]), each) for each in rank]
        [goes_on], onward = put(here, [loop.goes_on]), reduce(both, [*put(after, [invariant]), *falls])
        parts = [("base", before, put(first, [invariant])[0], [])]
        parts += [("step", [*before, invariant, goes_on], onward, [])]
        parts += [("end", [*assumed, invariant, make("not", goes_on)], goal, runs)]
    for part, given, shown, ran in parts:
        [[*steps, [_, *chosen]]], known = said[part], [*given]
        fresh = {each: node("input", each.width, (), at) for at, each in enumerate(terms(chosen, words=True))}
        for how, title, *places in steps:
            demand(how in {"use", "implied"} and title in LEMMAS, f"no lemma {title} is there")
            used = LEMMAS[title]
            own = inputs([*(term for _, run in used.runs for term in run), *used.assumptions, used.goal])
            named, chosen_once = {f"|{each.value}|": each for each in own}, len(dict(places)) == len(places)
            demand({*dict(places)} <= {*named} and chosen_once, f"{title} isn't used at variables of its own")
            at = {named[symbol]: terms([text], words=True)[0] for symbol, text in places}
            demand(all((loop, put(at, run)) in ran for loop, run in used.runs), f"{title} is of another run")
            side, [gives] = reduce(both, put(at, used.assumptions), TRUE), put(at, [used.goal])
            if how == "implied":
                gives = make("or", make("not", side), gives)
            elif (unknown := reduce(both, conjuncts([side], {*conjuncts(known)}), TRUE)) is not TRUE:
                obligations.append(put(fresh, [*known, make("not", unknown)]))
            known.append(gives)
            uses |= used.uses
        obligations.append(put(fresh, [*known, make("not", shown)]))
    titles, [files] = ", ".join(title for title, *_ in said["assumption"]), said["obligations"]
    return Lemma(titles, assumed, runs, goal, uses, obligations, [each.strip('"') for each in files])


def asked(text: str) -> list[Term]:
    """The conditions that an SMT-LIB script asks about."""
    *commands, last = read(text)
    said = sections(commands, "set-info set-logic declare-const define-fun assert")
    words = [(symbol, sort[2]) for symbol, sort in said["declare-const"] if sort[:2] == ["_", "BitVec"]]
    terms = [(symbol, value) for symbol, arguments, _, value in said["define-fun"] if arguments == []]
    scope = scope_of(words + terms)
    whole = last == ["check-sat"] and len(scope) == 2 + len(said["declare-const"]) + len(said["define-fun"])
    demand(whole and said["set-logic"] == [["QF_BV"]], "it isn't one question in QF_BV")
    return [parsed(each, scope) for [each] in said["assert"]]


def follow(clauses: dict[int, frozenset[int]], proof: str) -> None:
    """Follow a proof in LRAT to the empty clause. Each step names the clauses that it follows from, in order."""
    for step, *rest in (line.split() for line in proof.splitlines() if " d " not in line):
        values = [*map(int, rest)]
        literals, hints = frozenset(values[: values.index(0)]), values[values.index(0) + 1 : -1]
        demand(int(step) not in clauses and values[-1] == 0, f"step {step} is taken, or has no end")
        false, left = {*literals}, frozenset([0])
        for hint in hints:
            left = clauses[hint] - false
            for bit in left:
                false.add(-bit)
            if len(left) > 1:
                break
        demand(not left, f"step {step} doesn't follow")
        clauses[int(step)] = literals
    demand(frozenset() in clauses.values(), "the proof ends before the empty clause")


# Conditions, and the file that asks for them; processes share it.
ASKED = list[tuple[tuple[Term, ...], str]]()


def settled(folder: Path, solver: list[str], at: int) -> str:
    """What says that the conditions can't hold together: a proof, which is followed, a solver, or nothing."""
    (conditions, file), circuit = ASKED[at], Circuit()
    clauses = [*(circuit.bits(each) for each in conditions), *circuit.clauses]
    text = str(clauses)[2:-2].replace("], [", " 0\n").replace(",", "")
    text = f"p cnf {circuit.variables} {len(clauses)}\n{text} 0\n"
    name = folder / hashlib.sha256(text.encode()).hexdigest()
    if name.with_suffix(".lrat").exists():
        follow(dict(enumerate(map(frozenset, clauses), 1)), name.with_suffix(".lrat").read_text("ascii"))
        return "certified"
    if solver:
        done = subprocess.run([*solver, file], capture_output=True, text=True, check=False)
        return "by a solver" if done.stdout.split() == ["unsat"] else "open"
    folder.mkdir(exist_ok=True)
    name.with_suffix(".cnf").write_text(text)
    return "open"


def check(root: Path, solver: list[str]) -> int:
    """Check an export, and print the outcome of each theorem. Gives the exit status."""
    (head, *items), asks, theorems = read((root / "proofs.sexp").read_bytes().decode()), {}, []
    demand(head == ["ptproof-proofs", "1"], f"not proofs that this checker reads: {head!r:.60}")
    for kind, name, *content in items:
        PLACE[0] = f"{kind} {name}"
        demand(kind == "claim" or name not in {*LOOPS, *LEMMAS}, "two of one name")
        if kind == "loop":
            LOOPS[name] = loop_of(content)
        elif kind == "claim":
            for title, verdict, [how, *of] in sections(content[1:], "part")["part"]:
                ways = {"example": 1, "search": verdict != "proved", "proof": of and {*of} <= {*LEMMAS}}
                demand(ways.get(how) and verdict in {"proved", "refuted"}, f"it is {verdict} by {how} {of}")
                theorems.append((f"{name} {title} {verdict}", how, of if how == "proof" else []))
        else:
            demand(kind in {"lemma", "conjecture"}, "neither a loop nor a lemma nor a claim")
            lemma = lemma_of(name, content[1:])
            LEMMAS.update({name: lemma} if kind == "lemma" else {})
            for file, conditions in zip(lemma.files, lemma.obligations, strict=True):
                found = asked((root / file).read_bytes().decode())
                asks[file] = put(inputs(conditions), conditions)
                demand(put(inputs(found), found) == asks[file], f"{file} asks something else")
    there = {f"obligations/{each.name}" for each in (root / "obligations").iterdir()}
    demand(theorems and there == {*asks}, f"no theorem, or files not in both: {sorted(there ^ {*asks})}")
    files = {tuple(asks[file]): str(root / file) for lemma in LEMMAS.values() for file in lemma.files}
    came, settle = dict[tuple[Term, ...], str](), partial(settled, root / "certificates", solver)
    ASKED.extend(files.items())
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        outcomes = pool.map(settle, range(len(ASKED)), chunksize=4)
        for key, PLACE[0] in ASKED:
            came[key] = next(outcomes)
    print("obligations certified by a solver open  theorem: assumptions")
    for title, how, of in theorems:
        below = {name for each in of for name in LEMMAS[each].uses}
        counts = Counter(came[tuple(asks[file])] for name in below for file in LEMMAS[name].files)
        figures = [sum(counts.values()), *(counts[each] for each in ("certified", "by a solver", "open"))]
        about = "; ".join(f"by {each}: {LEMMAS[each].titles}" for each in of) or f"by {how}"
        print("{:11} {:9} {:11} {:4}  {}".format(*figures, " ".join(f"{title} {about}".split())))
    return 3 if "open" in came.values() else 0


if __name__ == "__main__":
    try:
        sys.exit(check(Path(sys.argv[1]), sys.argv[2:]))
    except Exception as error:  # whatever isn't understood is refused
        sys.exit(f"refused: {PLACE[0]}: {error if isinstance(error, ValueError | OSError) else repr(error)}")
