"""Starts a test run: takes our instructions first, shuts the network, and then runs what the project runs.

Python executes this file in place of `-m pytest` or of manage.py, so that nothing of the tree under test has run
before the recorder stands. (A `sitecustomize.py` of the tree has: it is the base's own.)
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import runpy
import signal
import socket
import struct
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - for interpreters of any age
# With -I and -P, Python leaves out the folder of what it runs: then so do we, after our own imports.
_IS_ISOLATED = sys.path[:1] != [_HERE]
if _IS_ISOLATED:
    sys.path.insert(0, _HERE)

import workbench_evidence_record as record  # noqa: E402

SPEC_VARIABLE = "WORKBENCH_EVIDENCE_SPEC"
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_CAPABILITIES_3 = 0x20080522


def main() -> None:
    """Run what stands behind us on the command line as if we were not there."""
    with os.fdopen(int(os.environ.pop(SPEC_VARIABLE)), encoding="utf-8") as pipe:
        spec = json.load(pipe)
    record.begin(spec)
    # Ignored, as all that a shell has in its background inherits it, the end of our time would be a kill.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # "apart": the sandbox around us has shut it.
    network = shut_network() if spec["network"] == "off" else "off" if spec["network"] == "apart" else "on"
    record.writer.write(kind="launch", network=network)
    sys.argv = words = sys.argv[1:]
    is_module = words[0] == "-m"
    name = words[1] if is_module else words[0]
    _plug_in(name)
    sys.path.pop(0)
    if not _IS_ISOLATED:
        sys.path.insert(0, os.getcwd() if is_module else os.path.dirname(os.path.abspath(name)))  # noqa: PTH100, PTH109, PTH120
    if is_module:
        sys.argv = words[1:]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")


def _plug_in(name: str) -> None:
    if name == "pytest":
        with contextlib.suppress(ImportError):  # pytest is missing, as its own start says
            import workbench_evidence_plugin  # noqa: F401
    elif not name.endswith(("manage.py", "django")):
        import workbench_evidence_django

        workbench_evidence_django.stand_in()


def shut_network() -> str:
    """Leave this process and all that it starts with a network of its own, in which there is only loopback.

    Return "off", or why the machine does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    is_free = libc.unshare(_NEW_NET) == 0
    if not is_free:
        if libc.unshare(_NEW_USER | _NEW_NET) != 0:
            return "on: " + os.strerror(ctypes.get_errno())
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open("/proc/self/" + name, "w") as file:  # noqa: PTH123
                file.write(line)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP_AND_RUNNING) + b"\0" * 22)
    if not is_free:
        # The new user namespace made us its master; tests of file permissions would notice.
        libc.capset(struct.pack("II", _CAPABILITIES_3, 0), struct.pack("6I", *[0] * 6))
    return "off"


if __name__ == "__main__":
    main()
