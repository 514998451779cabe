"""cvc5's answers: what ``solver_process`` imports when it is asked to run cvc5.

Facts: cvc5's API, ``rlimit-per`` being its deterministic measure of work for a query.
"""

from typing import Any

import cvc5


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Settle one question; models are not asked for."""
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit-per", str(question["rlimit"]))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, question["text"], "question")
    said = ""
    try:
        while not (command := parser.nextCommand()).isNull():
            said = str(command.invoke(solver, parser.getSymbolManager())).strip() or said
    except RuntimeError as error:
        said = str(error)
    known = said in ("sat", "unsat")
    spent = dict(solver.getStatistics()).get("resource::resourceUnitsUsed", {}).get("value", 0)
    return {
        "status": said if known else "unknown",
        "model": {},
        "why": "" if known else f"cvc5: {said}",
        "spent": int(spent),
    }
