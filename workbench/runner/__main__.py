"""The runner as a process: `python -m workbench.runner SESSION`."""

import signal
import sys

from workbench.sessions.lean import load_agent

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever launched us may hang up
load_agent()

from workbench.runner.beginning import main  # noqa: E402 - it imports the agent's door, which has to be lean by now

sys.exit(main(sys.argv[1:], sys.stdin.buffer))
