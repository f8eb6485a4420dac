"""Take the pictures of the docs from the snapshots that the tests hold the screens to: `make docs`."""

from __future__ import annotations

import shutil
from pathlib import Path

DOCS = Path(__file__).parent
SNAPSHOTS = DOCS.parent / "tests" / "tui" / "__snapshots__" / "test_snapshots"
PICTURES = {
    "bugs": "test_screen[list dark]",
    "bug": "test_screen[bug dark]",
    "session": "test_screen[session dark]",
    "evidence": "test_screen[evidence dark]",
    "sign-off": "test_screen[sign_off dark]",
}


def main() -> None:
    """Copy each picture to docs/images."""
    (DOCS / "images").mkdir(exist_ok=True)
    for name, snapshot in PICTURES.items():
        shutil.copyfile(SNAPSHOTS / f"{snapshot}.svg", DOCS / "images" / f"{name}.svg")


if __name__ == "__main__":
    main()
