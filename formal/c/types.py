"""Types as a tree declares them: of variables, members of structs, and what a ``typedef`` stands for.

A type that isn't found, or is declared in more than one way, or under a condition that isn't known, is ``None``: whoever
needs it says so. ``uint64_t`` and its like are what the tree makes of them, or else what their names say.

Facts: ISO C11, 6.7; the System V ABI for x86-64 for the widths.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Final

import tree_sitter
import tree_sitter_c
from attrs import define, field

from .preprocessor import Source
from .values import BOOL, INT, LONG, ULONG, UNSIGNED, Array, CType, Integer, Pointer, Record

Node = tree_sitter.Node
_PARSER: Final = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))
_NAMED: Final = re.compile(r"(?:__)?(?:(u|s)(?:int)?|(uint)|(int))(8|16|32|64)(?:_t)?")
_WORDS: Final = {
    ("int",): INT,
    ("unsigned",): UNSIGNED,
    ("long",): LONG,
    ("long", "unsigned"): ULONG,
    ("long", "long"): LONG,
    ("long", "long", "unsigned"): ULONG,
    ("short",): Integer(16, signed=True),
    ("short", "unsigned"): Integer(16, signed=False),
    ("char",): Integer(8, signed=True),
    ("char", "signed"): Integer(8, signed=True),
    ("char", "unsigned"): Integer(8, signed=False),
}
_OTHERS: Final = {
    "bool": BOOL,
    "_Bool": BOOL,
    "size_t": ULONG,
    "uintptr_t": ULONG,
    "ssize_t": LONG,
    "intptr_t": LONG,
}
_SECTION: Final = re.compile(r'__attribute__\s*\(\s*\(\s*(?:__)?section(?:__)?\s*\(\s*"[^"]*"\s*\)\s*\)\s*\)')
_TYPEDEF: Final = re.compile(r"\btypedef\b[^;{}]*(?:\{[^{}]*\}\s*)?\b([A-Za-z_]\w*)\s*;")
_RECORD: Final = re.compile(r"\b(struct|union)\s+(\w+)\s*\{")
_WORD: Final = re.compile(r"\w+")
_BRACE: Final = re.compile(r"[{}]")
_STATEMENTS: Final = ("else", "do", "return", "goto", "case")
"""Words that begin no declaration, but what may look like one."""
_CHANGED: Final = ("mode", "vector_size", "volatile", "_Atomic")
"""Attributes and qualifiers that make another type of a type, or something that others change."""


def parsed(text: str) -> Node:
    """The syntax tree of some text."""
    return _PARSER.parse(text.encode("latin-1", "replace")).root_node


def text_of(node: Node) -> str:
    """A node's text on one line."""
    return " ".join((node.text or b"").decode("latin-1").split())


def part(node: Node, name: str) -> Node | None:
    """A node's child of that name."""
    return node.child_by_field_name(name)


def within(node: Node) -> Iterator[Node]:
    """The node and all that is in it, in order."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        stack.extend(reversed(each.named_children))


def is_address(node: Node) -> bool:
    """Whether it takes the address of something, which is no address itself; its text may be long, and isn't asked."""
    if node.type != "pointer_expression":
        return False
    given = part(node, "argument")
    return _has_operator(node, b"&") and given is not None and not _has_operator(given, b"&")


def _has_operator(node: Node, operator: bytes) -> bool:
    found = part(node, "operator")
    return node.type == "pointer_expression" and found is not None and found.text == operator


def outermost(node: Node, wanted: Callable[[Node], bool]) -> Iterator[Node]:
    """Of what is in the node, and itself, those that are wanted, in order; not what is within another such."""
    stack = [node]
    while stack:
        each = stack.pop()
        if wanted(each):
            yield each
        else:
            stack.extend(reversed(each.named_children))


def declared_name(declarator: Node | None) -> str | None:
    """The name that a declarator declares."""
    while declarator is not None and declarator.type not in (
        "identifier",
        "field_identifier",
        "type_identifier",
    ):
        declarator = part(declarator, "declarator")
    return None if declarator is None else text_of(declarator)


def integer_named(words: str) -> Integer | None:
    """An integer type by the language's own words for it, or by a name that says what it is."""
    counted = Counter(words.split())
    if sum(counted.values()) > 1:
        if counted["int"] and set(counted) - {"int"}:
            del counted["int"]
        if counted["signed"] and not counted["char"]:
            del counted["signed"]
    found = _WORDS.get(tuple(sorted(counted.elements())) or ("int",)) or _OTHERS.get(words)
    named = _NAMED.fullmatch(words)
    if found is None and named is not None:
        return Integer(int(named[4]), signed=named[1] == "s" or named[3] is not None)
    return found


@define(eq=False, slots=False)
class Types:
    """The types that a source and its headers declare; ``typedefs`` and ``records`` are those that were looked for."""

    source: Source
    typedefs: dict[str, CType | None] = field(factory=dict)
    records: dict[str, CType | None] = field(factory=dict)
    _globals: dict[str, CType | None] = field(factory=dict)

    def declared(self, declaration: Node, declarator: Node | None) -> CType | None:
        """The type that a declaration gives to one of its declarators (or to none, as in a cast)."""
        of = part(declaration, "type")
        if of is None or any(
            any(each in text_of(node) for each in _CHANGED)
            for node in declaration.children
            if node.type in ("attribute_specifier", "type_qualifier")
        ):
            return None
        return self._through(self.named(of), declarator)

    def _through(self, base: CType | None, declarator: Node | None) -> CType | None:
        if declarator is None or declarator.type in ("identifier", "field_identifier", "type_identifier"):
            return base
        inner = part(declarator, "declarator")
        if declarator.type == "init_declarator":
            return self._through(base, inner)
        if declarator.type in ("pointer_declarator", "abstract_pointer_declarator"):
            return self._through(Pointer(base), inner)
        if declarator.type in ("array_declarator", "abstract_array_declarator"):
            size = part(declarator, "size")
            length = text_of(size) if size is not None else ""
            macro = self.source.macros.get(length)
            if macro is not None and macro.parameters is None and macro.doubt is None:
                length = macro.body.strip()
            return self._through(Array(base, int(length) if length.isdecimal() else None), inner)
        return None

    def named(  # noqa: PLR0911 - one for each sort
        self, of: Node
    ) -> CType | None:
        """The type that the words of a type say."""
        if of.has_error:
            return None
        text = text_of(of)
        if of.type in ("primitive_type", "sized_type_specifier"):
            return (
                self._typedef(text) or integer_named(text)
                if of.type == "primitive_type"
                else integer_named(text)
            )
        if of.type == "type_identifier":
            return self._typedef(text) or integer_named(text)
        if of.type in ("struct_specifier", "union_specifier"):
            if part(of, "body") is not None:
                return self._record_of(of, text.split("{")[0].strip() or "a struct without a name")
            return self._record(text)
        if of.type == "enum_specifier":
            return _of_enum(of)
        return None

    def named_by(self, name: str) -> CType | None:
        """The type of that name."""
        return self._typedef(name) or integer_named(name)

    def known(self, name: str) -> bool:
        """Whether a name is that of a type."""
        return self.named_by(name) is not None

    def record(self, title: str) -> CType | None:
        """A struct by its name."""
        return self._record(title)

    def variable(self, name: str) -> CType | None:
        """The type of a variable outside of functions."""
        if name not in self._globals:
            self._globals[name] = self._declared_by(lambda text: _set_or_declared(text, name), name)
        return self._globals[name]

    def function(self, name: str) -> bool:
        """Whether a name is declared as a function, so that it can't be a macro that the tree lacks."""
        declared = re.compile(
            rf"(?!\breturn\b)(?:\b\w+|\*)\s*\b{re.escape(name)}\s*\([^;{{}}]*\)[^;{{}}()]*[;{{]"
        )
        return any(
            name in text and any(not match[0].startswith("return") for match in declared.finditer(text))
            for _, text in self._texts()
        )

    def _typedef(self, name: str) -> CType | None:
        if name not in self.typedefs:
            self.typedefs[name] = None  # a circle
            macro = self.source.macros.get(name)
            if macro is not None:
                clear = macro.parameters is None and macro.doubt is None
                self.typedefs[name] = integer_named(macro.body) if clear else None
                return self.typedefs[name]
            self.typedefs[name] = self._declared_by(lambda text: _typedefs_in(text).get(name, []), name)
        return self.typedefs[name]

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield from self.source.headers.items()
        yield self.source.path, self.text

    @cached_property
    def text(self) -> str:
        """The source's own text, without where variables are put, which says nothing of their types."""
        return _SECTION.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), self.source.text)

    def _declared_by(self, declaring: Callable[[str], list[str]], name: str) -> CType | None:
        """The type that every declaration found in the texts gives to a name; ``None`` where two differ, or one isn't clear."""
        found: list[CType | None] = []
        for path, text in self._texts():
            if name not in _words_in(text) and path not in self.source.doubtful:
                continue
            doubtful = "\n".join(self.source.doubtful.get(path, {}).values())
            if name in doubtful and declaring(doubtful):
                return None
            for declaration in declaring(text):
                said = declaration.lstrip(";}").rstrip("=")
                if said.split()[0] not in _STATEMENTS:
                    found += self._declarations(said, name)
        kinds = {str(each) if isinstance(each, Record) else each for each in found}
        return found[0] if len(kinds) == 1 else None

    def _declarations(self, text: str, name: str) -> Iterator[CType | None]:
        text = _plain(text if text.rstrip().endswith(";") else f"{text};")
        for node in within(parsed(text)):
            if node.type in ("declaration", "type_definition"):
                for each in node.children_by_field_name("declarator"):
                    if declared_name(each) == name:
                        yield None if node.has_error else self.declared(node, each)

    def _record(self, title: str) -> CType | None:
        if title not in self.records:
            self.records[title] = None
            name = title.rpartition(" ")[2]
            bodies = [
                (path, *_balanced(text, start))
                for path, text in self._texts()
                if name in _words_in(text)
                for start in _records_in(text).get(title, [])
            ]
            if len({" ".join(body.split()) for _, body, _ in bodies}) == 1:
                path, body, (first, last) = bodies[0]
                doubtful = self.source.doubtful.get(path, {})
                words = {
                    word
                    for line, text in doubtful.items()
                    if first <= line <= last
                    for word in re.findall(r"[A-Za-z_]\w*", text)
                }
                for node in within(parsed(_plain(body) + ";")):
                    if node.type in ("struct_specifier", "union_specifier"):
                        found = self._record_of(node, title)
                        for each in words & found.members.keys():
                            found.members[each] = None
                        self.records[title] = found
                        break
        return self.records[title]

    def _record_of(self, node: Node, title: str) -> Record:
        members: dict[str, CType | None] = {}
        body = part(node, "body")
        for each in body.named_children if body is not None else ():
            if each.type != "field_declaration":
                continue
            narrow = any(child.type == "bitfield_clause" for child in each.named_children)
            declarators = each.children_by_field_name("declarator")
            if not declarators:  # members of a struct without a name are members of this one
                inner = self.declared(each, None)
                if isinstance(inner, Record):
                    members |= inner.members if not inner.union else dict.fromkeys(inner.members)
            for declarator in declarators:
                name = declared_name(declarator)
                if name is not None:
                    clear = not (narrow or each.has_error or name in members)
                    members[name] = self.declared(each, declarator) if clear else None
        return Record(title, node.type == "union_specifier", members)


def _of_enum(of: Node) -> Integer | None:
    """The type that gcc gives an enum whose numbers are plain: none of them is negative, nor longer than 31 bits."""
    body = part(of, "body")
    given = [part(each, "value") for each in within(body)] if body is not None else []
    numbers = [text_of(each) for each in given if each is not None]
    plain = all(each.isdecimal() and int(each) < 1 << 31 for each in numbers)
    return UNSIGNED if body is not None and plain else None


_LATEST: Final[deque[Types]] = deque(maxlen=1)


@lru_cache(4)
def types_of(source: Source) -> Types:
    """The types of a source, looked for once; what its headers declare is known, where they are those of the one before."""
    found = Types(source)
    for before in _LATEST:
        if _declare_alike(found, before):
            found = Types(source, before.typedefs, before.records)
    _LATEST.append(found)
    return found


def _declare_alike(one: Types, other: Types) -> bool:
    """Whether two sources have the same headers, read alike, and neither declares a type itself."""
    ours, theirs = one.source, other.source
    return (
        ours.path == theirs.path
        and ours.headers == theirs.headers
        and ours.macros == theirs.macros
        and ours.doubtful == theirs.doubtful
        and not any(_typedefs_in(each.text) or _records_in(each.text) for each in (one, other))
    )


@lru_cache(4096)
def _words_in(text: str) -> frozenset[str]:
    """The words in a text."""
    return frozenset(_WORD.findall(text))


@lru_cache(4096)
def _typedefs_in(text: str) -> Mapping[str, list[str]]:
    """The declarations of types in a text, by the name that each makes."""
    found: dict[str, list[str]] = {}
    for each in _TYPEDEF.finditer(text):
        found.setdefault(each[1], []).append(each[0])
    return found


@lru_cache(4096)
def _records_in(text: str) -> Mapping[str, list[int]]:
    """Where in a text structs and unions are defined, by kind and name."""
    found: dict[str, list[int]] = {}
    for each in _RECORD.finditer(text):
        found.setdefault(f"{each[1]} {each[2]}", []).append(each.start())
    return found


def _set_or_declared(text: str, name: str) -> list[str]:
    """The beginnings of statements, from the start of a line or the statement before, up to where a name is set or declared."""
    found: list[str] = []
    for each in re.finditer(rf"\b{re.escape(name)}\s*(?:\[[^\]]*\]\s*)?[;=]", text):
        before = max(text.rfind(sign, 0, each.start()) for sign in ";{}()=")
        start = (
            before if before >= 0 and text[before] in ";}" else text.find("\n", before + 1, each.start()) + 1
        )
        if start or before < 0:
            found.append(text[start : each.end()])
    return found


def where(source: Source, node: Node) -> str:
    """The node's file and line."""
    return f"{source.path}:{node.start_point[0] + 1}"


def _plain(text: str) -> str:
    """A declaration without Xen's marks for where a variable is put, which say nothing of its type."""
    return re.sub(r"\b__(?:read_mostly|ro_after_init|initdata|init|cacheline_aligned)\b", " ", text)


def _balanced(text: str, start: int) -> tuple[str, tuple[int, int]]:
    """The text from a place up to the brace that closes its first one, and the lines that it is on."""
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            line = text.count("\n", 0, start) + 1
            return text[start : brace.end()], (line, line + text.count("\n", start, brace.end()))
    return text[start:], (0, 1 << 30)
