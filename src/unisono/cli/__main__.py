"""``python -m unisono.cli``."""

import sys

from unisono.cli.main import main

sys.exit(main())
