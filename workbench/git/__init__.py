"""Everything that the workbench reads from or writes to a repository.

What writes takes one lock per repository. Nothing is forced: what would lose somebody's work raises `Refused` and says
what would be lost.
"""

from workbench.git.landing import Merged
from workbench.git.reading import Change
from workbench.git.repository import Repository
from workbench.git.worktrees import Worktree

__all__ = ["Change", "Merged", "Repository", "Worktree"]
