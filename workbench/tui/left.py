"""How a person left the list, read before anything is drawn: in these colours, with this tab in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.config import Config
    from workbench.tui.remembered import Remembered

FOLDER = "lists"  # of the state directory


def left(config: Config) -> Remembered | None:
    """Return what was remembered; None where nothing ever was, and what reads it is not even loaded."""
    if not (config.state_dir / FOLDER).is_dir():
        return None
    from workbench.tui.remembered import Memory

    return Memory.of(config).read()
