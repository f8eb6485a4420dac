"""What people do to bugs from a screen or a command, beside fixing them and signing them off."""

from workbench.bugs.acts.closing import close, close_false_alarm, reopen
from workbench.bugs.acts.deleting import delete
from workbench.bugs.acts.filing import change_state, new_bug
from workbench.bugs.acts.linking import link, unlink
from workbench.bugs.acts.merging import merge, unmerge
from workbench.bugs.acts.muting import FOR_GOOD, MuteTerms, mute, unmute, wake_due
from workbench.bugs.acts.record import Done
from workbench.bugs.acts.sorting import assign, label, note
from workbench.bugs.acts.splitting import split
from workbench.bugs.acts.undoing import last_act, undo

__all__ = [
    "FOR_GOOD",
    "Done",
    "MuteTerms",
    "assign",
    "change_state",
    "close",
    "close_false_alarm",
    "delete",
    "label",
    "last_act",
    "link",
    "merge",
    "mute",
    "new_bug",
    "note",
    "reopen",
    "split",
    "undo",
    "unlink",
    "unmerge",
    "unmute",
    "wake_due",
]
