"""``python -m ptproof.formal``."""

import sys

if not sys.flags.safe_path and sys.path:
    del sys.path[0]  # the folder one stands in: nothing is imported from there

from .cli.main import main

sys.exit(main())
