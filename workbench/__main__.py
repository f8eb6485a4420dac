"""`workbench` and `python -m workbench`."""

from __future__ import annotations

import sys

from workbench.cli.edge import run


def main() -> None:
    """Run the command line and exit with one of the codes of `workbench.errors.Exit`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
