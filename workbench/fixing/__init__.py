"""One fix, from launch to evidence."""

from workbench.fixing.attaching import attach, claim, collect, let_go
from workbench.fixing.briefing import brief
from workbench.fixing.changed import changed_files
from workbench.fixing.costs import Spent
from workbench.fixing.ending import end
from workbench.fixing.following import follow, transcript
from workbench.fixing.launching import LaunchOptions, launch, rehearsal_for, uncommitted_notice
from workbench.fixing.resuming import resume
from workbench.fixing.standby import Standby
from workbench.fixing.steering import answer, interrupt, say, send_back, sweep, unlock, wait
from workbench.fixing.taking_over import TakenOver, folder_of, stop, take_over
from workbench.fixing.tending import tend
from workbench.fixing.terms import Terms, terms

__all__ = [
    "LaunchOptions",
    "Spent",
    "Standby",
    "TakenOver",
    "Terms",
    "answer",
    "attach",
    "brief",
    "changed_files",
    "claim",
    "collect",
    "end",
    "folder_of",
    "follow",
    "interrupt",
    "launch",
    "let_go",
    "rehearsal_for",
    "resume",
    "say",
    "send_back",
    "stop",
    "sweep",
    "take_over",
    "tend",
    "terms",
    "transcript",
    "uncommitted_notice",
    "unlock",
    "wait",
]
