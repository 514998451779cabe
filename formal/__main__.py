"""``python -m ptproof.formal``."""

import sys

from .cli.main import main

sys.exit(main())
