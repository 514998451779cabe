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
    budget, model, spent = question["rlimit"], dict[str, int](), 0
    # Where words are to be small, there are many questions about one formula: for the solver of bits, if it can.
    of_bits = [("QF_FD", budget // 10)] if question["least"] else []
    for logic, most in (*of_bits, ("QF_BV", budget)):
        solver, status = _checked(logic, question["text"], most)
        if status == "sat":
            solver.set("rlimit", budget // 10)
            model = _least_model(solver, question)
        spent += _spent(solver)
        if status != "unknown":
            return {"status": status, "model": model, "why": "", "spent": spent}
    return {"status": status, "model": model, "why": str(solver.reason_unknown()), "spent": spent}


def _checked(logic: str, text: str, budget: int) -> tuple[z3.Solver, str]:
    """A solver that was given a question, and what it says within a budget."""
    solver = z3.SolverFor(logic, ctx=z3.Context())
    solver.set("rlimit", budget)
    solver.from_string(text)
    return solver, str(solver.check())


def _least_model(solver: z3.Solver, question: dict[str, Any]) -> dict[str, int]:
    """A model in which each ``least`` word in turn is as small as can be: whether it can be smaller, then by halves.

    What the solver's budget doesn't settle counts as too small.
    """
    model = solver.model()
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
