"""Bug files as they are owed: in the checkout, and where that is wanted, as commits on a branch of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.bugs import files
from workbench.bugs.rows import BugFacts
from workbench.errors import WorkbenchError
from workbench.git import Repository
from workbench.tracker.failures import Failure, Permanent, Temporary


@dataclass(frozen=True)
class BugFiles:
    """The bug files of `directory`, which are also committed to `branch` of the repository at `repo`; "": to none."""

    directory: Path
    repo: Path
    branch: str = ""

    def write(self, page: BugFacts) -> str:
        """Bring the file of a bug up to date, and say in words what was done. Raises `Failure`."""
        try:
            path = files.write(page, self.directory)
            commit = self._commit(page, path) if self.branch else None
        except OSError as error:
            raise Temporary(
                f"The bug file could not be written: {error.strerror or type(error).__name__}.",
                cure=f"Make {self.directory} a folder that can be written to.",
            ) from error
        except files.OtherBugsFile as other:
            raise Permanent(
                f"{other} is the file of another bug.",
                cure="Use the database that the files came from, or move them to another folder (bugs.directory).",
            ) from other
        except Failure:
            raise
        except WorkbenchError as error:
            raise Temporary(f"The bug file could not be committed: {error}", cure=error.cure) from error
        return f"wrote {path.name}" if commit is None else f"wrote {path.name}, and {commit[:7]} on {self.branch}"

    def _commit(self, page: BugFacts, path: Path) -> str | None:
        """Commit the file as it is on the branch, brought up to date: what people wrote there stays there.

        The message has nothing in it that was captured: a host acts on what commits say.
        """
        repository = Repository.open(self.repo)
        root, folder = repository.root.resolve(), self.directory.resolve()
        if not folder.is_relative_to(root):
            raise Permanent(
                f"{path.name} was written, but {folder} is outside of the repository.",
                cure="Name a folder below it (bugs.directory), or no branch (bugs.branch).",
            )

        place = (folder / path.name).relative_to(root).as_posix()

        def change(old: bytes | None) -> bytes:
            return path.read_bytes() if old is None else files.brought_up(page, old, name=f"{self.branch}:{place}")

        row = page.row
        message = f"{row.label}: {row.state}, seen {row.count} time{'' if row.count == 1 else 's'}"
        return repository.commit_to(self.branch, place, change, message=message)
