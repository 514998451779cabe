"""``python -m ptproof.formal``."""

import sys

from .cli import main

sys.exit(main())
