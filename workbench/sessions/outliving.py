"""Nothing outlives a runner that is killed: a process beside it waits for its end, and ends what it has left.

By itself a client whose runner is gone would go on with its turn, and pay for it, until some workbench finds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from workbench.ended import still_running
from workbench.sessions.process import Identity, end_leftovers, identity_of_us
from workbench.sessions.sandbox import clear_sockets

GONE_SECONDS = 30.0  # from the end of its last file until the kernel has taken it down
# A shell, since it waits with less than a megabyte. A word says that the runner has ended well; its end alone is none.
_WAIT = 'read -r _ || exec "$@"'


@contextmanager
def ended_with_us(*, mark: str) -> Iterator[None]:
    """While the block lasts, see to it that what this process starts ends with it, even where it is killed.

    `mark` is the variable that names us in what is started, as for `end_leftovers`.
    """
    us = identity_of_us()
    reading, writing = os.pipe()
    program = [sys.executable, "-P", "-m", __name__, str(us.pid), str(us.started), mark]
    with subprocess.Popen(
        ["/bin/sh", "-c", _WAIT, "sh", *program],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends our own session leaves it
        cwd="/",
        env={"PATH": os.defpath, "TMPDIR": tempfile.gettempdir()},  # the client's sockets are there
    ):
        os.close(reading)
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                os.write(writing, b"\n")
            os.close(writing)


def main(pid: int, started: float, mark: str) -> None:
    """End what the runner has left that is going down."""
    with suppress(psutil.NoSuchProcess):
        still_running([psutil.Process(pid)], GONE_SECONDS)
    end_leftovers(Identity(pid, started), mark=mark)
    clear_sockets()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
