"""Z3's answers: what ``solver_process`` imports when it is asked to run Z3.

Facts: Z3's API, ``rlimit`` being its deterministic measure of work.
"""

from typing import Any

import z3


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Settle one question."""
    try:
        return _settled(question)
    except z3.Z3Exception as error:
        return {"status": "unknown", "model": {}, "why": f"Z3: {error}", "spent": 0}


def _settled(question: dict[str, Any]) -> dict[str, Any]:
    context = z3.Context()
    # Many questions about one formula, as where words are made small, are for the solver of bits from the beginning.
    solver = z3.SolverFor("QF_FD" if question["least"] else "QF_BV", ctx=context)
    budget = question["rlimit"]
    solver.set("rlimit", budget)
    solver.from_string(question["text"])
    status = str(solver.check())
    model: dict[str, int] = {}
    if status == "sat":
        model = _least_model(solver, question)
    why = str(solver.reason_unknown()) if status == "unknown" else ""
    return {"status": status, "model": model, "why": why, "spent": _spent(solver)}


def _least_model(solver: z3.Solver, question: dict[str, Any]) -> dict[str, int]:
    """A model in which each ``least`` word in turn is as small as can be: whether it can be smaller, then by halves.

    What a tenth of the budget doesn't settle counts as too small.
    """
    model = solver.model()
    solver.set("rlimit", question["rlimit"] // 10)
    for name, width in question["least"]:
        word = z3.BitVec(name, width, ctx=solver.ctx)
        low, value = 0, _value(model, word)
        at_most = value - 1
        while low < value:
            if solver.check(z3.ULE(word, at_most)) == z3.sat:
                model = solver.model()
                value = _value(model, word)
            else:
                low = at_most + 1
            at_most = (low + value) // 2
        solver.add(word == value)
    inputs = [(name, z3.BitVec(name, width, ctx=solver.ctx)) for name, width in question["inputs"]]
    return {name: _value(model, word) for name, word in inputs}


def _value(model: z3.ModelRef, word: z3.BitVecRef) -> int:
    value: int = model.eval(word, model_completion=True).as_long()
    return value


def _spent(solver: z3.Solver) -> int:
    statistics = solver.statistics()
    return int(statistics.get_key_value("rlimit count")) if "rlimit count" in statistics.keys() else 0  # noqa: SIM118 - not a mapping
