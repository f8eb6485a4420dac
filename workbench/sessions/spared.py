"""What Claude Code asks at the start of each sandbox without needing the answer.

It looks for a proxy helper for Java in npm's global folder and waits for `npm root -g` before its first word, which is
a fifth of the whole way there. Our sandbox has no network that a proxy could lead to.
"""

from __future__ import annotations

import os
from pathlib import Path

SPARED = "spared"  # the folder of what answers instead
_NPM = f"""#!/bin/sh
# In front of the real npm for Claude Code and its hooks; what runs in its sandbox does not see this folder.
[ "$*" = "root -g" ] && exit 1
set -f
IFS=:
for folder in $PATH; do
    case $folder in */{SPARED}) continue ;; esac
    [ -f "$folder/npm" ] && [ -x "$folder/npm" ] && exec "$folder/npm" "$@"
done
echo "npm: not found" >&2
exit 127
"""


def without_npm(program: Path, folder: Path, path: str) -> dict[str, str]:
    """Return the PATH on which a sandboxed client need not wait for npm; `folder` is hidden from its commands.

    Nothing where the program is a script: one that npm installed looks for a part of its sandbox there, too. The
    standalone program has that part inside (as of 2.1). Nor where the folder cannot stand in a PATH: the rest of its
    name would be one that is taken from the worktree.
    """
    if os.pathsep in str(folder) or not folder.is_absolute():
        return {}
    try:
        with program.open("rb") as file:
            if file.read(2) == b"#!":
                return {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        npm = folder / "npm"
        npm.write_text(_NPM, encoding="ascii")
        npm.chmod(0o700)
    except OSError:  # then it waits
        return {}
    return {"PATH": os.pathsep.join((str(folder), path))}
