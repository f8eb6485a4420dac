"""The runner as a process: `python -m workbench.fixing SESSION`."""

import sys

from workbench.fixing.running import main

sys.exit(main(sys.argv[1:]))
