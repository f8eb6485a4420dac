"""What a launch has to reckon with, for the form that asks for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Engine

from workbench.bugs import queries
from workbench.config import Config
from workbench.fixing import costs
from workbench.fixing.launching import rehearsal_for, uncommitted_notice
from workbench.sessions import environment, sandbox


@dataclass(frozen=True)
class Terms:
    """What a session on one bug would be under.

    `rehearse` is the scenario where it is to be a rehearsal, `notice` names changes that it will not see, `no_sandbox`
    says why there is none and `cure` what to do about it; `spent` is what the bug has cost, and `resumable` whether
    an interrupted session of it can be resumed instead.
    """

    rehearse: str | None
    notice: str = ""
    no_sandbox: str = ""
    cure: str = ""
    spent: costs.Spent = field(default_factory=costs.Spent)
    not_today: str = ""
    resumable: bool = False


def terms(config: Config, engine: Engine, number: int, *, now: datetime) -> Terms:
    """Return the terms of a launch. Raises what would keep any session from being launched."""
    trouble = sandbox.trouble({"PATH": environment.search_path(os.environ, config.repo, config.folder)})
    page = queries.bug_page(engine, number, now=now)
    return Terms(
        rehearse=rehearsal_for(config),
        notice=uncommitted_notice(config) or "",
        no_sandbox=trouble.reason if trouble else "",
        cure=trouble.cure if trouble else "",
        spent=costs.of_bug(page),
        not_today=costs.why_not_today(config, engine, now=now),
        resumable=bool(page.sessions) and page.sessions[0].state == "interrupted",
    )
