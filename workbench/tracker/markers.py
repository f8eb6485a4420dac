"""The hidden line that ties an issue or a comment on GitHub to what it was written for.

It is what makes writing idempotent: whoever is not sure whether an issue was opened looks for its marker.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from urllib.parse import quote, unquote

# Alone on its line: the source line of a frame, which stands verbatim in a code block, is always indented, so that
# nobody who writes a failing line of code can lay a marker into our own issue.
_MARKER = re.compile(r"(?m)^(<!-- bug-workbench (?:issue|comment) [A-Za-z0-9%:._~-]+ -->)[ \r]*$")

_FAULT = re.compile(r"<!-- bug-workbench issue ([A-Za-z0-9%._~-]*):([A-Za-z0-9%._~-]+) -->")


def issue_marker(project: str, key: str) -> str:
    """Return the marker of the issue for one fingerprint of one project.

    It is the same from every database, so that one fault has one issue however often its bug is created anew.
    """
    return f"<!-- bug-workbench issue {_word(project)}:{_word(key)} -->"


def comment_marker(key: str, created_at: datetime) -> str:
    """Return the marker of the comment for one owed action. The time tells apart databases that count alike."""
    digest = hashlib.sha256(f"{key}|{created_at.isoformat()}".encode()).hexdigest()
    return f"<!-- bug-workbench comment {digest[:24]} -->"


def standing_marker(project: str, key: str) -> str:
    """Return the marker of the one comment that tells how a bug stands, the same from every database."""
    digest = hashlib.sha256(f"standing|{project}|{key}".encode()).hexdigest()
    return f"<!-- bug-workbench comment {digest[:24]} -->"


def markers_in(text: str) -> set[str]:
    """Return all markers that stand in a body read from GitHub."""
    return set(_MARKER.findall(text))


def faults_in(text: str) -> set[tuple[str, str]]:
    """Return the faults that the markers of issues in a text stand for, each as project and fingerprint."""
    return {(unquote(project), unquote(key)) for project, key in _FAULT.findall("\n".join(markers_in(text)))}


def _word(text: str) -> str:
    # "--" may not stand inside an HTML comment, and quote() leaves hyphens alone.
    return quote(text, safe="").replace("--", "-%2D")
