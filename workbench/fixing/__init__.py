"""One fix, from launch to evidence."""

from workbench.fixing.attaching import attach, claim, collect, let_go
from workbench.fixing.costs import Spent
from workbench.fixing.following import follow, transcript
from workbench.fixing.launching import LaunchOptions, brief, launch, rehearsal_for, resume, tend, uncommitted_notice
from workbench.fixing.running import main
from workbench.fixing.steering import answer, interrupt, say, send_back, sweep, unlock, wait
from workbench.fixing.terms import Terms, terms

__all__ = [
    "LaunchOptions",
    "Spent",
    "Terms",
    "answer",
    "attach",
    "brief",
    "claim",
    "collect",
    "follow",
    "interrupt",
    "launch",
    "let_go",
    "main",
    "rehearsal_for",
    "resume",
    "say",
    "send_back",
    "sweep",
    "tend",
    "terms",
    "transcript",
    "uncommitted_notice",
    "unlock",
    "wait",
]
