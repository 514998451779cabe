"""Answers that solvers gave in this run: nothing that was asked in it is asked again.

A run is one of pytest with all its workers, one of ``make transcripts``, or all steps of ``.ci/run``, which names the folder. It is
new each time, so that no answer of another run is believed.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from ptproof.formal.solvers.answer_cache import Cache

OF_THIS_RUN = "ANSWERS_OF_THIS_RUN"
"""The variable that names the folder, for every process of the run."""


def folder() -> Path:
    """The folder of this run: a cache's home. Made, and removed at the end, by the process that asks first."""
    if OF_THIS_RUN not in os.environ:
        made = tempfile.mkdtemp()
        os.environ[OF_THIS_RUN] = made
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(os.environ[OF_THIS_RUN])


def answers() -> Cache:
    """The same answers that a command finds which is given `environment`."""
    return Cache(folder() / "ptproof")


def environment() -> dict[str, str]:
    """The environment in which a command believes the answers of this run, in CI, too."""
    return {name: value for name, value in os.environ.items() if name != "CI"} | {
        "XDG_CACHE_HOME": str(folder())
    }
