"""docs/keys.md, made from the table of actions."""

from __future__ import annotations

from workbench.tui.actions import ACTIONS, MOVES, PLACES, Action, all_keys

_OWN_KEYS = """
## Keys of your own

In the repository's pyproject.toml, or without `tool.workbench` in workbench.toml:

```toml
[tool.workbench.keys]
mute = "ctrl+k"                  # wherever there is the action mute
"bug.note" = ["W", "ctrl+n"]     # on the page of a bug alone
move.bottom = ["G", "end", "L"]
```

An action is named as in `workbench/tui/actions.py`; its places are list, bug, compare, dashboard, session, sessions,
evidence and signoff, and move for the keys of every pane. A key is a character, or the name of one (enter, tab, space,
f5, pageup …), with ctrl+, alt+ or shift+ before it. Footer, `?`, palette and every sentence that names a key show what
is in use. The numbers cannot be given away, and whatever has `esc` keeps it. An action that is not
there, what is no key, and a key that would do two things in one place end the start (exit code 3).
""".rstrip().split("\n")


def markdown() -> str:
    """Return the whole table for docs/keys.md."""
    out = [
        "# Keys",
        "",
        "Made from the table of actions in `workbench/tui/actions.py`; `?` shows those of where you are.",
    ]
    places: list[tuple[str, list[Action]]] = [
        (name, [action for action in ACTIONS if place in action.places]) for place, name in PLACES.items()
    ]
    for name, actions in [*places, ("Moving", list(MOVES))]:
        if actions and name != "Help":
            out += ["", f"## {name}", "", "| key | what it does |", "|---|---|"]
            out += [f"| `{action.key if action.shown else all_keys(action)}` | {action.label} |" for action in actions]
    return "\n".join([*out, *_OWN_KEYS]) + "\n"
