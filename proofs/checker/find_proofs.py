"""Has a SAT solver refute the clauses that ``check_proofs.py`` wrote: ``python find_proofs.py DIR/certificates``.

For each HASH.cnf it writes HASH.lrat. Nothing here is trusted: the checker follows each proof. Any SAT solver that
writes LRAT could be used instead; this is the one that ``ptproof certify`` uses.
"""

import os
import sys
from multiprocessing import Pool
from pathlib import Path

from ptproof.formal.certify.sat_oracle import NotRefuted, refutation


def find(file: Path) -> str:
    """Write a proof beside the clauses, all of it or nothing. Gives what is to be said."""
    _, *lines = file.read_text().splitlines()
    try:
        proof = refutation([tuple(map(int, line.split()[:-1])) for line in lines])
    except NotRefuted as error:
        return f"{file}: {error}"
    part = file.with_suffix(".part")
    part.write_text(proof)
    part.rename(file.with_suffix(".lrat"))
    return ""


if __name__ == "__main__":
    every = sorted(Path(sys.argv[1]).glob("*.cnf"))
    lacking = [each for each in every if not each.with_suffix(".lrat").exists()]
    with Pool(len(os.sched_getaffinity(0))) as pool:
        complaints = list(filter(None, pool.imap_unordered(find, lacking)))
    print("\n".join([*complaints, f"{len(lacking) - len(complaints)} proofs written to {sys.argv[1]}"]))
    sys.exit(3 if complaints else 0)
