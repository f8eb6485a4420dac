"""The runner as a process: `python -m workbench.fixing SESSION`."""

import signal
import sys

from workbench.fixing.running import main

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever launched us may hang up
sys.exit(main(sys.argv[1:]))
