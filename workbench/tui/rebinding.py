"""One's own keys in the place of those that a widget or a screen was made with."""

from __future__ import annotations

from textual.binding import Binding
from textual.widget import Widget

from workbench.tui.actions import Keys


def rebind(widget: Widget, scope: str, keys: Keys) -> None:
    """Give the actions of a widget or screen one's own keys. Textual's key maps drop all that shared the old key."""
    own = {id_: given for id_, given in keys.items() if id_.startswith(f"{scope}.")}
    bound = widget._bindings.key_to_bindings  # noqa: SLF001  (Textual has no other way to them)
    made: dict[str, Binding] = {}
    for key, found in list(bound.items()):
        made |= {each.id: each for each in found if each.id in own}
        bound[key] = [each for each in found if each.id not in own]
    for id_, binding in made.items():
        for key in own[id_].split(","):
            bound.setdefault(key, []).insert(0, binding.with_key(key))
