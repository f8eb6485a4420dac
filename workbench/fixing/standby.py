"""A runner that waits for a launch which has not been decided yet.

A runner imports for as long as a person takes to look at a form. Begun when the form opens, it is ready when they press
the key, and the agent starts that much sooner.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import ExitStack

from workbench.config import Config
from workbench.fixing.runners import Runner, runner
from workbench.git import Repository


class Standby:
    """The runner of a session that there may be. Raises `OutsideError` where it cannot be started.

    Whoever dies with it open takes it along: a runner whose input ends without an order goes away.
    """

    def __init__(self, config: Config, *, is_rehearsal: bool) -> None:
        self.session_id = str(uuid.uuid4())
        self._is_rehearsal = is_rehearsal
        self._folder = config.state_dir / "sessions" / self.session_id
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._held = ExitStack()
        self._is_taken = False
        try:
            repo = Repository.open(config.repo).root
            self._runner = self._held.enter_context(
                runner(config, self.session_id, repo=repo, is_rehearsal=is_rehearsal)
            )
        except BaseException:
            self.close()
            raise

    def suits(self, *, is_rehearsal: bool) -> bool:
        """Return whether a session of that kind can have this runner: the two kinds have other environments."""
        return self._is_rehearsal == is_rehearsal and self._runner.identity.is_alive

    def take(self, stack: ExitStack) -> Runner:
        """Hand the runner over; from here on it ends with `stack`, and its folder is the session's."""
        self._is_taken = True
        stack.push(self._held.pop_all())
        return self._runner

    def close(self) -> None:
        """Let the runner go with what it has left, unless it was handed over."""
        if not self._is_taken:
            self._held.close()
            shutil.rmtree(self._folder, ignore_errors=True)
