"""Bitwuzla's answers: what ``solver_process`` imports when it is asked to run Bitwuzla.

Facts: Bitwuzla's API, which has no deterministic measure of work: the time limit alone ends a question.
"""

from typing import Any

import bitwuzla


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Settle one question; models are not asked for."""
    parser = bitwuzla.Parser(bitwuzla.TermManager(), bitwuzla.Options())
    try:
        parser.parse(question["text"], True, False)  # noqa: FBT003 - its API: parse alone, and no file
        status = str(parser.bitwuzla().check_sat())
    except bitwuzla.BitwuzlaException as error:
        return {"status": "unknown", "model": {}, "why": f"Bitwuzla: {error}", "spent": 0}
    return {
        "status": status,
        "model": {},
        "why": "Bitwuzla: unknown" if status == "unknown" else "",
        "spent": 0,
    }
