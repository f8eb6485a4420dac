"""A runner that waits for a launch which has not been decided yet.

A runner imports for as long as a person takes to look at a form. Begun when the form opens, it is ready when they press
the key, and the agent starts that much sooner.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack

from workbench.config import Config
from workbench.fixing.runners import Runner, runner
from workbench.git import Repository
from workbench.sessions.folder import of_session, remove_unused


class Standby:
    """The runner of a session that there may be. Raises `OutsideError` where it cannot be started.

    Whoever dies with it open takes it along: a runner whose input ends without an order goes away, with its folder.
    """

    def __init__(self, config: Config, *, is_rehearsal: bool) -> None:
        self.session_id = str(uuid.uuid4())
        self._is_rehearsal = is_rehearsal
        self._held = ExitStack()
        self._is_free = True
        self._folder = of_session(config.state_dir, self.session_id)
        repo = Repository.open(config.repo).root
        try:
            begun = runner(config, self.session_id, repo=repo, is_rehearsal=is_rehearsal)
            self.runner = self._held.enter_context(begun)
        except BaseException:
            self.close()
            raise

    def suits(self, *, is_rehearsal: bool) -> bool:
        """Return whether a session of that kind can still have this runner: the two kinds have other environments."""
        return self._is_free and self._is_rehearsal == is_rehearsal and self.runner.identity.is_alive

    def take(self, stack: ExitStack) -> Runner:
        """Hand the runner over; from here on it ends with `stack`."""
        self._is_free = False
        stack.push(self._held.pop_all())
        return self.runner

    def close(self) -> None:
        """Let the runner go, unless it was handed over."""
        self._held.close()
        if self._is_free:
            remove_unused(self._folder)  # a runner that was killed cannot
