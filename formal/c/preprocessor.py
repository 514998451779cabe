"""C's preprocessor for one file of a tree: what is compiled of it, with macros expanded and line numbers kept.

A condition that hangs on what isn't known (an option of the configuration, say) isn't guessed: in the file itself what
it decides becomes a word that nobody understands (`UNKNOWN`), and a macro that a header defines under it is in doubt,
and becomes such a word where it is used. So it matters only where it is used, and is reported there.

Facts: ISO C11, 6.10; where Xen keeps its headers (``xen/include``, ``xen/arch/x86/include``, and ``asm-x86`` for
``asm`` up to 4.16) and what its build has generated (``xen/include/generated/autoconf.h``).
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from .conditions import NotACondition, value_of
from .macros import Macro, Token, TooMuch, definition, expand
from .tokens import Line, guard, is_name, lines, tokens
from .tree_files import Tree

UNKNOWN: Final = "__ptproof_unknown_"
"""A word that stands for what isn't known; a number follows, of `Source.reasons`."""
DEEPEST: Final = 64
"""How deep files may include each other."""
_CONFIG: Final = re.compile(r"CONFIG_\w+")
_ENABLED: Final = "IS_ENABLED"


@frozen(eq=False)
class Source:
    """A file as it is compiled: its ``text``, and for each header (by path) the lines that count.

    ``unexpanded`` has the file's own lines that count, its macros as they are defined and used.

    ``reasons`` has why each word of `UNKNOWN` isn't known; ``doubtful`` the words, by header and line, that stand under
    a condition that isn't. ``missing`` are headers that the tree lacks, with where they are asked for.
    """

    path: str
    text: str
    headers: Mapping[str, str]
    macros: Mapping[str, Macro]
    reasons: Sequence[str]
    doubtful: Mapping[str, Mapping[int, str]]
    missing: Sequence[tuple[str, str]]
    unexpanded: str = ""


@define
class _Condition:
    """An open ``#if``: whether its present branch counts, whether one before did, and why that isn't known."""

    live: bool
    taken: bool
    doubt: str | None = None


@define(eq=False)
class _Reading:
    tree: Tree
    folders: Sequence[str]
    kept: frozenset[str]
    configured: bool
    off: frozenset[str]
    doubted: frozenset[str] = frozenset()
    macros: dict[str, Macro] = field(factory=dict)
    reasons: list[str] = field(factory=list)
    missing: dict[tuple[str, str], None] = field(factory=dict)
    headers: dict[str, str] = field(factory=dict)
    doubtful: dict[str, dict[int, str]] = field(factory=dict)
    within: list[str] = field(factory=list)
    again: bool = False

    def onward(self, tree: Tree) -> "_Reading":
        """The same so far, to be gone on with: this one stays as it is."""
        return evolve(
            self,
            tree=tree,
            macros=dict(self.macros),
            reasons=list(self.reasons),
            missing=dict(self.missing),
            headers=dict(self.headers),
            doubtful={path: dict(each) for path, each in self.doubtful.items()},
            within=[],
        )

    def reason(self, why: str) -> str:
        """The word that stands for something that isn't known."""
        if why not in self.reasons:
            self.reasons.append(why)
        return f"{UNKNOWN}{self.reasons.index(why)}"

    def look(self, name: str) -> Macro | None:
        """The macro to expand a name by."""
        if name in self.kept:
            return None
        if name in self.doubted:
            return Macro(name, None, None, self.reason(f"{name}: the file has one of its own"), "")
        macro = self.macros.get(name)
        if macro is not None and macro.doubt is not None:
            return Macro(name, None, None, self.reason(f"macro {name}: {macro.doubt}"), macro.where)
        return macro

    def option(self, name: str) -> bool | None:
        """Whether a macro is defined; ``None`` where that isn't known, as of options that no configuration gives."""
        macro = self.macros.get(name)
        if macro is not None:
            return None if macro.doubt is not None else True
        if self.configured or name in self.off:
            return False
        return None if _CONFIG.fullmatch(name) else False

    def truth(self, text: str) -> bool | None:
        """Whether a condition holds. Raises NotACondition."""
        found = tokens(text)
        asked: list[Token] = []
        while found:
            each = found.pop(0)
            if each in ("defined", _ENABLED):
                name = _operand(found)
                asked.append(
                    Token(self._answer(self.option(name) if each == "defined" else self.enabled(name)))
                )
            else:
                asked.append(Token(each))
        try:
            put = [each.text for each in expand(asked, self.look, self.doubt)]
        except TooMuch as error:
            raise NotACondition(str(error)) from error
        unknown = frozenset(
            each
            for each in put
            if is_name(each)
            and (each.startswith(UNKNOWN) or (each not in self.macros and self.option(each) is None))
        )
        value = value_of(put, unknown)
        return None if value is None else bool(value)

    def enabled(self, name: str) -> bool | None:
        """What ``IS_ENABLED`` says of an option."""
        known = self.option(name)
        return self.macros[name].body.strip() == "1" if known else known

    def doubt(self, name: str) -> str | None:
        """The word for whether an option is set, where that isn't known."""
        return self.reason(f"whether {name} is set") if self.option(name) is None else None

    def _answer(self, known: bool | None) -> str:  # noqa: FBT001 - three answers
        return self.reason("an option") if known is None else str(int(known))

    def find(self, name: str, beside: str | None) -> str | None:
        """Where a header lies in the tree."""
        for folder in ([posixpath.dirname(beside)] if beside is not None else []) + list(self.folders):
            places = [posixpath.join(folder, name)]
            if name.startswith("asm/"):
                places.append(posixpath.join(folder, f"asm-x86/{name[4:]}"))
            for place in places:
                path = posixpath.normpath(place)
                if self.tree.read(path) is not None:
                    return path
        return None

    def header(self, path: str, doubt: str | None, depth: int) -> None:
        """Read a header: its directives count at once, its text is kept for its types.

        One that is in doubt so far and now is read for sure has the same macros either way, except those that were
        defined otherwise in between: these are in doubt then (``again``).
        """
        text = self.tree.read(path)
        own = guard(text or "")
        guarding = self.macros.get(own) if own is not None else None
        if own is not None and path in self.within:
            return
        if guarding is not None and guarding.doubt is None and path in self.headers:
            return  # nothing of it counts once more
        before = self.again
        if guarding is not None and guarding.doubt is not None:
            if doubt is not None:
                return
            del self.macros[guarding.name]
            self.again = True
        self.within.append(path)
        kept = self.read(path, lines(text or ""), doubt, depth, None)
        self.within.pop()
        self.again = before
        if path not in self.headers or len(kept.strip()) > len(self.headers[path].strip()):
            self.headers[path] = kept

    def read(
        self, path: str, given: Iterable[Line], doubt: str | None, depth: int, out: "list[Token] | None"
    ) -> str:
        """Go through lines of a file. With ``out``, their expanded tokens go there; what counts of them comes back, a line for each."""
        open_: list[_Condition] = []
        kept: list[str] = []
        run: list[Token] = []
        told: str | None = None
        for line in given:
            where = f"{path}:{line.number}"
            live = not open_ or all(each.live for each in open_)
            why = next((each.doubt for each in open_ if each.doubt is not None), doubt) if open_ else doubt
            found = line.directive
            counted = ""
            if found is not None:
                self._flush(run, out)
                name, _, rest = _split(found)
                if name in _CONDITIONAL:
                    self._condition(open_, name, rest, where)
                elif live:
                    self._directive(name, rest, where, path, why, depth)
                    if out is not None and name in ("define", "undef") and why is None:
                        counted = "#" + " ".join(found.split("\n"))
            elif live and line.text.strip():
                if why is None:
                    counted, told = line.text, None
                    if out is not None:
                        run += [Token(each, line.number) for each in tokens(line.text)]
                else:
                    self.doubtful.setdefault(path, {})[line.number] = line.text
                    if out is not None and told != why:
                        self._flush(run, out)
                        out += [Token(self.reason(why), line.number), Token(";", line.number)]
                        told = why
            kept.append(counted + "\n" * line.height)
        self._flush(run, out)
        return "".join(kept)

    def _flush(self, run: list[Token], out: "list[Token] | None") -> None:
        if out is None or not run:
            return
        try:
            out += expand(run, self.look, self.doubt)
        except TooMuch as error:
            out += [Token(self.reason(str(error)), run[0].line), Token(";", run[0].line)]
        run.clear()

    def _condition(self, open_: list[_Condition], name: str, rest: str, where: str) -> None:
        if name in ("if", "ifdef", "ifndef"):
            open_.append(
                self._opened(name, rest, where)
                if all(each.live for each in open_)
                else _Condition(live=False, taken=True)
            )
        elif not open_:
            return
        elif name == "endif":
            open_.pop()
        elif all(each.live for each in open_[:-1]):
            here = open_[-1]
            if here.doubt is not None:
                here.live = True  # any of its branches may be the one
            elif here.taken:
                here.live = False
            else:
                open_[-1] = self._opened("if", rest if name == "elif" else "1", where)

    def _opened(self, name: str, rest: str, where: str) -> _Condition:
        try:
            if name == "if":
                holds = self.truth(rest)
            else:
                known = self.option(rest.split(maxsplit=1)[0]) if rest.split() else False
                holds = known if name == "ifdef" or known is None else not known
        except NotACondition as error:
            return _Condition(
                live=True,
                taken=False,
                doubt=f"{where}: a condition isn't understood ({error}): {_short(rest)}",
            )
        if holds is None:
            return _Condition(
                live=True, taken=False, doubt=f"{where}: whether this holds isn't known: {_short(rest)}"
            )
        return _Condition(live=holds, taken=holds)

    def _directive(self, name: str, rest: str, where: str, path: str, why: str | None, depth: int) -> None:
        if name == "define":
            macro = definition(rest, where, why)
            if macro is not None:
                self.macros[macro.name] = self._settled(macro)
        elif name == "undef" and rest.split():
            gone = rest.split(maxsplit=1)[0]
            if why is None:
                self.macros.pop(gone, None)
            elif gone in self.macros:
                self.macros[gone] = evolve(self.macros[gone], doubt=why)
        elif name in ("include", "include_next"):
            self._include(rest, where, path, why, depth)

    def _settled(self, macro: Macro) -> Macro:
        """A macro that is given the meaning that it has already is in no doubt."""
        old = self.macros.get(macro.name)
        same = (
            old is not None
            and old.doubt is None
            and (old.parameters, tokens(old.body)) == (macro.parameters, tokens(macro.body))
        )
        if same and old is not None:
            return old
        if self.again and old is not None and old.doubt is None:
            return evolve(macro, doubt=f"{macro.where}: whether it is this or {old.where} isn't known")
        return macro

    def _include(self, rest: str, where: str, path: str, why: str | None, depth: int) -> None:
        if not rest.startswith(("<", '"')):
            try:
                rest = "".join(
                    each.text
                    for each in expand([Token(each) for each in tokens(rest)], self.look, self.doubt)
                )
            except TooMuch:
                return
        found = re.match(r'<([^>]+)>|"([^"]+)"', rest)
        if found is None:
            self.missing[where, _short(rest)] = None
            return
        place = self.find(found[1] or found[2], path if found[2] else None)
        if place is None:
            self.missing[where, found[1] or found[2]] = None
        elif depth >= DEEPEST:
            self.missing[where, f"{place}, since files include each other more than {DEEPEST} deep"] = None
        else:
            self.header(place, why, depth + 1)


_CONDITIONAL: Final = ("if", "ifdef", "ifndef", "elif", "else", "endif")


def preprocessed(
    tree: Tree,
    path: str,
    *,
    folders: Sequence[str],
    first: Sequence[str] = (),
    defined: Mapping[str, str | None],
    kept: frozenset[str] = frozenset(),
    doubted: frozenset[str] = frozenset(),
    configured: bool = False,
) -> Source:
    """The file as it is compiled, the headers ``first`` before it, with the macros ``defined`` from the start; ``None`` is an option that is off.

    ``folders`` are where ``<…>`` is looked for; a name that is ``kept`` isn't expanded, and one that is ``doubted`` isn't
    known, whatever macro it is; a tree that is ``configured`` defines
    every option that is on.
    """
    text = tree.read(path)
    assert text is not None, path
    found = lines(text)
    beginning = found[: _beginning(found)]
    key = (
        path,
        beginning,
        tuple(folders),
        tuple(first),
        tuple(defined.items()),
        frozenset(kept),
        frozenset(doubted),
        configured,
    )
    known = _begun.get(key)
    if known is None or any(tree.read(name) != known.read[name] for name in known.read):
        known = _begin(tree, path, beginning, folders, first, defined, (kept, doubted), configured=configured)
        if len(_begun) >= _MOST_BEGUN:
            _begun.pop(next(iter(_begun)), None)
        _begun[key] = known
    reading = known.reading.onward(tree)
    out: list[Token] = []
    unexpanded = known.unexpanded + reading.read(path, found[len(beginning) :], None, 0, out)
    return Source(
        path,
        _written(out),
        reading.headers,
        reading.macros,
        reading.reasons,
        reading.doubtful,
        tuple((name, where) for where, name in reading.missing),
        unexpanded,
    )


@frozen(eq=False)
class _Begun:
    """What came of the headers that a file begins with, all ``read`` of the tree for it, and what counts of the file's lines so far.

    Changes of a file mostly leave these alone.
    """

    reading: _Reading
    read: Mapping[str, str | None]
    unexpanded: str


_begun: Final[dict[object, _Begun]] = {}
_MOST_BEGUN: Final = 8


def _beginning(found: Sequence[Line]) -> int:
    """How many lines of a file come before its own text: directives, and no condition is open then."""
    depth = after = 0
    for place, line in enumerate(found):
        if line.directive is None:
            if line.text.strip():
                break
            continue
        name = _split(line.directive)[0]
        depth = max(0, depth + (name in ("if", "ifdef", "ifndef")) - (name == "endif"))
        if depth == 0:
            after = place + 1
    return after


def _begin(
    tree: Tree,
    path: str,
    beginning: Sequence[Line],
    folders: Sequence[str],
    first: Sequence[str],
    defined: Mapping[str, str | None],
    names: tuple[frozenset[str], frozenset[str]],
    *,
    configured: bool,
) -> _Begun:
    """Read the headers ``first``, and what a file begins with; ``names`` are those that are kept, and those in doubt."""
    read: dict[str, str | None] = {}

    def noted(name: str) -> str | None:
        read[name] = tree.read(name)
        return read[name]

    off = frozenset(name for name, body in defined.items() if body is None)
    reading = _Reading(Tree(tree.title, noted), folders, names[0], configured, off, names[1])
    for name, body in defined.items():
        if body is not None:
            reading.macros[name] = Macro(name, None, None, body, "given")
    for each in first:
        if noted(each) is not None:
            reading.header(each, None, 0)
    unexpanded = reading.read(path, beginning, None, 0, [])
    return _Begun(reading.onward(Tree(tree.title, read.get)), read, unexpanded)


def _written(out: Sequence[Token]) -> str:
    """The tokens as text, each on its line."""
    parts: list[str] = []
    line = 1
    for token in out:
        if token.line > line:
            parts.append("\n" * (token.line - line))
            line = token.line
        parts.append(token.text + " ")
    return "".join(parts)


def _split(directive: str) -> tuple[str, str, str]:
    found = re.match(r"(\w+)(\s*)(.*)", directive, re.DOTALL)
    return (found[1], found[2], found[3].strip()) if found else ("", "", "")


def _operand(rest: list[str]) -> str:
    """The name that ``defined`` asks for."""
    if rest[:1] == ["("] and rest[2:3] == [")"]:
        name = rest[1]
        del rest[:3]
        return name
    if not rest:
        raise NotACondition("it ends too early")
    return rest.pop(0)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
