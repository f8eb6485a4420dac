"""The runner as a process: `python -m workbench.fixing SESSION`."""

import signal
import sys

from workbench.fixing.running import main
from workbench.sessions.lean import load_agent

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever launched us may hang up
load_agent()  # while whoever launched us is still at it: the order comes later
sys.exit(main(sys.argv[1:]))
