"""Why an action owed to the outside was not done, and whether trying again can help."""

from __future__ import annotations

from datetime import timedelta

from workbench.errors import OutsideError


class Failure(OutsideError):
    """An action owed to the outside was not done."""

    @property
    def asks_for_rest(self) -> bool:
        """Return whether the outside wants no requests at all for a while."""
        return False


class Temporary(Failure):
    """Trying again later may help. `after` is how long the outside asked us to wait, or None."""

    def __init__(self, message: str, *, cure: str = "", after: timedelta | None = None) -> None:
        super().__init__(message, cure=cure)
        self.after = after

    @property
    def asks_for_rest(self) -> bool:
        """Return whether the outside wants no requests at all for a while."""
        return self.after is not None


class Uncertain(Temporary):
    """A write was sent, and whether it was performed is not known: look before it is sent again.

    `after` is how long it may still be on its way.
    """

    @property
    def asks_for_rest(self) -> bool:
        """Return False: only this row waits."""
        return False


class Permanent(Failure):
    """Trying again cannot help before a person has changed something."""


class Gone(Permanent):
    """What was asked for is not there: deleted, or never there, or not for this token to see."""


class NotSeen(Gone):
    """It is not there to be seen, which GitHub also says for some seconds of what was only just made."""
