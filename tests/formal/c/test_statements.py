"""C over words: what is understood is what gcc makes of it, and what isn't is told, never guessed."""

import ctypes

import pytest
from c_snippets import built, differing, read
from ptproof.formal.c.values import Unknown, Value
from ptproof.formal.words.word import compiled, word
from translator_mutants import MUTANTS, OPERATORS

UNDERSTOOD = (
    "x = a + b; y = a - b;",
    "x = a * 3; y = a / 8 + b % 16;",
    "x = (t ? 6 : 4) + 1; y = 3 < (t ? 1 : 5) ? a : b;",
    "for ( unsigned int n = 0; n < (t ? 1 : 3); n++ ) { if ( a == n ) break; x += a; } y = x;",
    "unsigned int n = t ? 2 : 3; while ( n-- ) x = x * 3 + b; y = n;",
    "x = a / 3; y = b % 1022;",
    "x = a % 133955071 / 261631; y = (a % 261631 + 1021) / 1022 << 55;",
    "x = u / 7; y = c % 10;",
    "x = i; y = u;",
    "x = s; y = c;",
    "x = -1; y = -1U;",
    "x = i + 1L; y = u + 1UL;",
    "x = u + 1; y = u - 2;",
    "x = u * u; y = (unsigned int) a * u;",
    "x = i < u; y = i < 1;",
    "x = l < a; y = l < 0;",
    "x = s < c; y = s < u;",
    "x = -1 < 1U; y = -1 < 1UL;",
    "x = i >> 3; y = u >> 3;",
    "x = l >> 63; y = s >> 2;",
    "x = a << 12; y = 1UL << 39;",
    "x = ~0; y = ~0U;",
    "x = ~c; y = !s;",
    "x = (unsigned char) a; y = (short) a;",
    "x = (int) a; y = (mfn_t) a + 1;",
    "x = (_Bool) (a & 256); y = (unsigned char) (a & 256);",
    "x = t + 1; y = !t;",
    "x = a && b; y = a || i;",
    "x = a ?: 3; y = (b -= 1) ?: i;",
    "x = a ? 1 : -1; y = a ? i : u;",
    "x = t ? s : c; y = t ? -1 : 1U;",
    "x = a == b; y = i == u;",
    "x = (a <= b) + 2 * (a > b) + 4 * (a >= b); y = (i <= 7) + 2 * (i >= 7) + 4 * (l != 7);",
    "x = a | b; y = (a | 5) ^ b;",
    "x = sizeof(int) + sizeof(mfn_t) + sizeof(tag_t); y = sizeof a + sizeof(c);",
    "x = sizeof(unsigned long *) - 9; y = sizeof(int) * -1;",
    "x = 0xffffffff + 1; y = 4294967295 + 1;",
    "x = 0x7fffffff; y = 0x80000000 >> 1;",
    "x = 017 + 010 * 0; y = 1 ? 0 : 1;",
    "c = a; x = c; s = a; y = s;",
    "c += 250; x = c; s -= 1000; y = s;",
    "c++; x = c; y = c++ + 1; y += c;",
    "t = a; x = t; t = 2; y = t;",
    "x = a; x += b; x -= 3; x <<= 2; x >>= 1; y = x; y |= 1; y &= ~2UL; y ^= a;",
    "x = a--; y = --b; x += a;",
    "if ( a < b ) x = 1; else if ( a == b ) x = 2; else { x = 3; y = 4; }",
    "if ( a ) { if ( b ) x = 1; } else x = 2; y = x;",
    "a && (x = 5); b || (y = 6);",
    "a && b && (x = 1, y = 2);",
    "y = a ? (x = 1) : (x = 2, 7);",
    "x = (y = a, y + 1);",
    "x = y = a + 1;",
    "{ unsigned long x; x = 7; y = x; } x += 1;",
    "{ unsigned char x = a; { int x = 3; y = x; } y += x; }",
    "unsigned int n; for ( n = 0; n < 5; n++ ) x += a; y = n;",
    "unsigned int n = 3; while ( n-- ) { if ( n == 1 ) continue; x += n; } y = n;",
    "unsigned int n = 0; do { x += b; if ( x == a ) break; n++; } while ( n < 4 ); y = n;",
    "for ( unsigned int n = 0; n < 4; n++ ) { if ( a < n ) break; if ( b == n ) continue; x = x * 3 + n; } y = x;",
    "for ( unsigned int n = 0; n < 2; n++ ) for ( unsigned int m = 0; m < 3; m++ ) { if ( m == a ) break; x++; } y = 1;",
    "w.part.first = a; w.number = i; x = w.part.first; y = w.number;",
    "w.part.narrow = a; x = w.part.narrow; if ( b ) w.part.narrow = 1; y = w.part.narrow;",
    "(&w)->part.first = a; x = (&w.part)->first; *(&y) = b;",
    "*&x = 7; y = *(&x);",
    "x = ({ unsigned long n_ = a; n_ + 1; }); y = ({ x++; x; });",
    "x = ({ const typeof(a) x_ = (a); const typeof(b) y_ = (b); (void)(&x_ == &y_); x_ < y_ ? x_ : y_; });",
    "x = ({ typeof(c + 1) n_ = -1; n_; }); y = ({ __typeof__(c) n_ = -1; n_; });",
    "#define NR(_l,_h,_s) \\\n (((((_h) + ((1UL<<(_s))-1)) & ~((1UL<<(_s))-1)) - \\\n ((_l) & ~((1UL<<(_s))-1))) >> (_s))\nx = NR(a, b, 21); y = NR(a,\n b,\n 39);",
    "#define TWO 1 + 1\nx = TWO * 3; y = -TWO;\n#undef TWO",
    "#define GO(e) ((e) + 1)\nx = GO(a);\n#undef GO\n#define GO(e) ((e) + 2)\ny = GO(a);\n#undef GO",
    "#define SAME x\nSAME = 4; y = SAME + 1;\n#undef SAME",
    "#define JOIN(p, q) p ## q\nJOIN(x,) = JOIN(1, UL) << 40; y = JOIN(0x, ff);\n#undef JOIN",
    "#define y x\ny = 3;\n#undef y\ny = 4;",
    "x = 1; /* y = 2; */ y = 3; // x = 4; \\\n x = 5;\n",
    "#if 3 - 2 - 1 == 0 && !defined(NEVER) && (1 ? 1 : 0)\nx = 1;\n#else\nx = 2;\n#endif\ny = 1;",
    "#ifdef NEVER\nx = 1;\n#elif 0x10 > 15L\nx = 2;\n#endif\ny = x;",
    "x = __builtin_expect(!!(a), 0); y = __builtin_expect(i, 1);",
    "x = f_narrow(a); y = f_narrow(b) - f_narrow(c);",
    "x = f_signed(u); y = f_truth(a) + 2 * !f_truth(b);",
    "x = (a) - (b); y = (a) & ~(b); x += -(b);",
    "; ; x = 1; {} y = 2;",
    "x = (unsigned long) -1 >> 1; y = (unsigned) i;",
)

NOT_UNDERSTOOD = (
    'asm volatile ("" : "=r" (x));',
    'asm ("" : "+m" (*p)); p = &x;',
    'x = a; asm volatile ("nop" : : "r" (&x) : "memory");',
    "p = &x; *p = a;",
    "p = &x; p[3] = a;",
    "p = &x; f_given(a);",
    "f_given((unsigned long) &x);",
    "x = f_given(a);",
    "x = w.part.both.whole; w.part.both.half = 1; x = w.part.both.whole;",
    "x = *p;",
    "x = p[2];",
    "x = x++ + x;",
    "x = (x = 1) + (x = 2);",
    "x = a++ + a;",
    "x = f_given(a) && (x = 4, 1);",
    "if ( f_given(a) ) x = 1;",
    "f_given(a) && (x = 4);",
    "x = f_given(a) ? 1 : 2;",
    "switch ( a ) { case 1: x = 1; }",
    "switch ( a ) { case 1: { case 2: x = 1; } }",
    "goto on; x = 1; on: x += 1;",
    "again: x++; if ( x < a ) goto again;",
    "while ( a ) { x = 1; break; inner: x = 2; }",
    "if ( 0 ) { inner: x = 2; }",
    "while ( a-- ) x++;",
    "for ( ; ; ) { x++; if ( x > a ) break; }",
    "x = i + 1;",
    "x = i * i;",
    "x = i - 1;",
    "i++; x = i;",
    "x = -i;",
    "x = i << 1;",
    "x = 1 << 31;",
    "x = a << b;",
    "x = a >> 64;",
    "x = a / b;",
    "x = a / 0;",
    "x = a % 0;",
    "x = i / 3;",
    "x = i / 2;",
    "x = 5.0;",
    "x = 18446744073709551616;",
    "x = (mystery) a;",
    "x = (struct part) { 1 }.first;",
    "x = sizeof(mystery);",
    "x = mystery;",
    "mystery(x = 3);",
    "x = mystery ?: 3;",
    "a * x;",
    "x = 1; @ y = 2;",
    "x = 1; y = (2; ",
    "x = 1 +; ",
    "if ( a x = 1;",
    "for ( x = 0; x < 3 x++ ) ;",
    "unsigned int n[3]; n[1] = 4; x = n[a];",
    "x = 1; f_given(*&x = 3);",
    "x = __builtin_popcountl(a);",
    "static unsigned long n = 3; x = n;",
    "#ifdef CONFIG_THING\nx = 1;\n#endif",
    "#if CONFIG_THING > 3\nx = 1;\n#else\nx = 2;\n#endif",
    "#if defined(CONFIG_THING) && THING\nx = 1;\n#endif\n#ifdef CONFIG_THING\n#define WHICH x\n#else\n#define WHICH y\n#endif\nWHICH = 7;",
    "#ifdef CONFIG_THING\n#define BIG 4\n#endif\nx = BIG;",
    "x = 1;\n#if 1 +\ny = 2;\n#endif",
    "ASSERT(x++ < 4);",
    "x = _Generic(a, unsigned long: 1, default: 2);",
    "x = 'a';",
    "printk = a; x = printk(3);",
    "({ x = 1; switch (a) { default: x = 2; } });",
    "unsigned long n; x = n;",
    "volatile unsigned long n = a; x = n;",
    "unsigned long n = n; x = n;",
    "a = 1; unsigned long *q = &b, *r = &a; *q = 2; x = a;",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """What is understood, compiled."""
    return built(UNDERSTOOD, tmp_path_factory.mktemp("snippets"))


def test_what_is_understood_is_what_gcc_makes_of_it(library: ctypes.CDLL) -> None:
    """On edges and at random, the terms and the compiled code give the same."""
    assert list(differing(UNDERSTOOD, library)) == []


@pytest.mark.parametrize("body", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_told(body: str) -> None:
    """Never a value, and always a place and a reason."""
    found = read(body)
    told = [each for each in (found.x, found.y) if isinstance(each, Unknown)]
    assert told, body
    assert all(each.where.startswith("f.c:") and each.why for each in told)


def leaving_is_told() -> bool:
    """Whether what holds after a way out holds of the other ways, and the way out is told with its condition."""
    found = read('if ( a == 3 ) { x = 1; return; } x += 4; if ( b < 2 ) panic(""); BUG_ON(c == 9); y = 1;')
    a, b, c = word("a"), word("b"), word("c", 8)
    ways = [condition for _, condition in found.leaves]
    assert isinstance(found.x, Value)
    reading = compiled([found.x.term, *ways], [a, b, c])
    return all(
        reading(*given) == result
        for given, result in {
            (3, 0, 9): (4, True, False, False),
            (4, 1, 9): (4, False, True, False),
            (4, 2, 9): (4, False, False, True),
            (4, 2, 8): (4, False, False, False),
        }.items()
    )


def test_ways_out_are_told() -> None:
    """``return``, ``panic()`` and ``BUG_ON()`` leave, and are told with the condition of each."""
    assert leaving_is_told()


def noticed(library: ctypes.CDLL) -> bool:
    """Whether one of the tests above would fail."""
    try:
        if not leaving_is_told() or next(differing(UNDERSTOOD, library, 60), None) is not None:
            return True
        return any(
            isinstance(found.x, Value) and isinstance(found.y, Value) for found in map(read, NOT_UNDERSTOOD)
        )
    except Exception:  # noqa: BLE001 - a mutant that breaks is noticed, too
        return True


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_translator_is_noticed(
    name: str, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of the translation is needed: without it one of the readings differs, or a trap isn't told."""
    place, attribute, mutant = MUTANTS[name]
    if isinstance(place, dict):
        monkeypatch.setitem(place, attribute, mutant)
    else:
        monkeypatch.setattr(place, attribute, mutant)
    assert noticed(library)


@pytest.mark.parametrize(("table", "operator", "other"), OPERATORS, ids=[each[1] for each in OPERATORS])
def test_a_wrong_operator_is_noticed(
    table: dict[str, object], operator: str, other: str, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is every operator that is another one."""
    monkeypatch.setitem(table, operator, table[other])
    assert noticed(library)
