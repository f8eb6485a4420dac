"""One fix, from launch to evidence."""

from workbench.fixing.following import follow, transcript
from workbench.fixing.launching import LaunchOptions, brief, launch, rehearsal_for, resume, uncommitted_notice
from workbench.fixing.running import main
from workbench.fixing.steering import answer, interrupt, say, send_back, sweep, unlock, wait

__all__ = [
    "LaunchOptions",
    "answer",
    "brief",
    "follow",
    "interrupt",
    "launch",
    "main",
    "rehearsal_for",
    "resume",
    "say",
    "send_back",
    "sweep",
    "transcript",
    "uncommitted_notice",
    "unlock",
    "wait",
]
