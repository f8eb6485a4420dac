"""Keep a server running for as long as whoever started it lives.

Run as a program: `python keeper.py COMMAND…`. Standard input is the read end of a pipe that the starter holds open and
never writes to. When the starter closes it, or dies in any way at all, the server is ended. Standard library only,
so that it starts at once.
"""

from __future__ import annotations

import select
import subprocess
import sys

LOOK_SECONDS = 0.5
GRACE_SECONDS = 8


def keep(command: list[str], starter: int) -> int:
    """Run `command` until it ends or the pipe `starter` is closed; return its exit code."""
    # The listening socket was handed to us to be handed on, so inheritable descriptors stay open.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    while server.poll() is None:
        if select.select([starter], [], [], LOOK_SECONDS)[0]:
            break
    server.terminate()
    try:
        return server.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:], sys.stdin.fileno()))
