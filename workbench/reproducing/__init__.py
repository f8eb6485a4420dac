"""A failing test without an agent: written from what was recorded, and tried on the code as it was."""

from workbench.reproducing.replays import replay
from workbench.reproducing.trying import Attempt, attempt
from workbench.reproducing.writing import CannotWrite, Written

__all__ = ["Attempt", "CannotWrite", "Written", "attempt", "replay"]
