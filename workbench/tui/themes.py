"""The colours of our own. Those of Textual can be chosen as well, and `ansi-…` takes the terminal's."""

from __future__ import annotations

from textual.theme import Theme

TERMINALS = "ansi-dark"  # one of Textual's own: the colours that the terminal has
DARK = Theme(
    name="workbench",
    primary="#7aa2f7",
    secondary="#bb9af7",
    accent="#7dcfff",
    foreground="#c8cdd8",
    background="#15171c",
    surface="#1b1e25",
    panel="#242832",
    success="#8fbf7f",
    warning="#e0af68",
    error="#f0788c",
)
LIGHT = Theme(
    name="workbench-light",
    primary="#2f5fc4",
    secondary="#7a3fb0",
    accent="#0f6f8f",
    foreground="#24292f",
    background="#fbfbfa",
    surface="#f0f1f3",
    panel="#e3e5e9",
    success="#2f7d32",
    warning="#8a5a00",
    error="#b3261e",
    dark=False,
)
