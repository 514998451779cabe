"""Mutants of the translator of C: where, by which name, and what is there instead."""

from ptproof.formal.c import (
    expressions,
    macros,
    preprocessor,
    state,
    statements,
    types,
    values,
)
from ptproof.formal.c.values import Value
from ptproof.formal.words.word import Word


def integer(bits: int, *, signed: bool) -> values.Integer:
    return values.Integer(bits, signed=signed)


def same_type_for_both(left: Value, right: Value) -> tuple[Word, Word, values.Integer]:
    """The usual conversions, as if signed types won."""
    first, second, both = USUAL(left, right)
    return first, second, integer(both.bits, signed=True)


USUAL = values.usual
CONVERTED = values.converted
DIVIDED = values._long_division
EXTENDED = values._extended
MERGED = state.merged
CHOSEN = values.chosen
TRUTH = values.truth_of
COMPARE_TO_ONE = lambda value: value.term == 1  # noqa: E731

MUTANTS: dict[str, tuple[object, str, object]] = {
    "a cast keeps what fits": (
        expressions,
        "converted",
        lambda value, to: value if value.type.bits == getattr(to, "bits", 0) else CONVERTED(value, to),
    ),
    "a declaration's type is ignored": (statements, "converted", lambda value, _to: value),
    "signs are lost": (values, "_flipped", lambda term, _half: term),
    "sign extension is lost": (
        values,
        "_extended",
        lambda term, bits, **_: EXTENDED(term, bits, signed=False),
    ),
    "zero extension copies the sign": (
        values,
        "_extended",
        lambda term, bits, **_: EXTENDED(term, bits, signed=True),
    ),
    "promotion is left out": (values, "promoted", lambda value: value),
    "unsigned doesn't win": (values, "usual", same_type_for_both),
    "branches of ?: are swapped": (expressions, "chosen", lambda asked, yes, no: CHOSEN(asked, no, yes)),
    "branches of if are swapped": (
        state,
        "merged",
        lambda asked, one, other, where: MERGED(asked, other, one, where),
    ),
    "ways out of a loop are swapped": (
        statements,
        "merged",
        lambda asked, one, other, where: MERGED(asked, other, one, where),
    ),
    "a truth is negated": (expressions, "of_truth", lambda asked: values.of_truth(~asked)),
    "only 1 counts as true": (expressions, "truth_of", COMPARE_TO_ONE),
    "signs and ! are left out": (
        expressions.Evaluator._EVALUATED,
        "unary_expression",
        lambda self, node, state: self.evaluate(node.named_children[0], state),
    ),
    "overflow is ignored": (values, "_check_overflow", lambda *_: None),
    "a remainder for the quotient": (values, "_long_division", lambda first, by: DIVIDED(first, by)[::-1]),
    "a remainder is thought to be small": (values, "_most_left", lambda _term: 1),
    "a shift may be too far": (values, "bounds", lambda _term, _depth=8: (0, 0)),
    "a type is always int": (types, "integer_named", lambda _words: values.INT),
    "a type is always long": (types, "integer_named", lambda _words: values.LONG),
    "break does nothing": (statements.Executor._EXECUTED, "break_statement", lambda *_: None),
    "continue does nothing": (statements.Executor._EXECUTED, "continue_statement", lambda *_: None),
    "leaving does nothing": (statements.Executor._EXECUTED, "return_statement", lambda *_: None),
    "an address is never taken": (statements.Executor, "_exposed", lambda _self: set()),
    "memory isn't stirred": (state.State, "stir", lambda *_: None),
    "nothing is lost": (state.State, "lose", lambda *_: None),
    "nothing is spoilt": (state.State, "spoil", lambda *_: None),
    "order isn't looked at": (expressions.Evaluator, "_check_order", lambda *_: None),
    "calls write nothing": (expressions.Evaluator, "_given_away", lambda *_: None),
    "every name is a function": (types.Types, "function", lambda *_: True),
    "every name is a type": (types.Types, "known", lambda *_: True),
    "blocks have no scope": (
        statements.Executor,
        "_declare",
        lambda _self, _node, declarator: types.declared_name(declarator),
    ),
    "what isn't known is 0": (preprocessor._Reading, "option", lambda self, name: name in self.macros),
    "macros are never in doubt": (
        preprocessor,
        "definition",
        lambda text, where, _doubt=None: macros.definition(text, where),
    ),
    "syntax errors are passed over": (expressions, "bare", lambda node: node),
    "an assertion is left out": (expressions.MEANINGS, "ASSERT", expressions.MEANINGS["printk"]),
}
OPERATORS = [
    (values._ARITHMETIC, "+", "-"),
    (values._ARITHMETIC, "-", "+"),
    (values._ARITHMETIC, "*", "+"),
    (values._BITWISE, "&", "|"),
    (values._BITWISE, "|", "^"),
    (values._BITWISE, "^", "|"),
    (values._COMPARED, "<", "<="),
    (values._COMPARED, "<=", "<"),
    (values._COMPARED, ">", ">="),
    (values._COMPARED, ">=", ">"),
]
