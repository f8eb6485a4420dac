"""The test command of a request that names none: what the base itself says, which no agent has written."""

from __future__ import annotations

from dataclasses import replace

from workbench.evidence.report import EvidenceRequest
from workbench.git import Repository
from workbench.suite import is_understood
from workbench.suite_found import found


def with_command(request: EvidenceRequest, repository: Repository, base: str) -> tuple[EvidenceRequest, str]:
    """Return a request with a test command, and what to tell of it where a run comes to nothing.

    Raises a `WorkbenchError` where git cannot read the base.
    """
    if request.command:
        return request, ""

    def read(path: str) -> str:
        return repository.read(base, path).decode("utf-8", "replace")

    this = found(repository.all_files(base), read, is_understood)
    where = f"taken from {this.where}" if this.where else "tried"
    how = f" tests.command is not set, and `{this.command}` was {where}; set it in [tool.workbench] of pyproject.toml."
    return replace(request, command=this.command), how
