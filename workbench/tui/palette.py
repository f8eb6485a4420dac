"""The command palette: every action of where we are, under the same name as in the footer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from workbench.tui import actions
from workbench.tui.place import PlaceScreen


class ActionCommands(Provider):
    """Actions as commands; those that can't be done now say why."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        place = self.screen
        if not isinstance(place, PlaceScreen):
            return
        here = place.here()
        for action in actions.at(place.PLACE, place.workbench.keys):
            if action.id == "palette" or action.id in actions.NUMBERED:
                continue
            name = f"{action.group.lower()}: {action.label}"
            help_text = f"{action.key}  {action.why_not(here)}".rstrip()
            yield name, help_text, lambda action_id=action.id: place.action_do(action_id)  # type: ignore[misc]

    async def discover(self) -> Hits:
        """Offer everything before anything is typed."""
        for name, help_text, command in self._commands():
            yield DiscoveryHit(Content(name), command, help=help_text)

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for name, help_text, command in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), command, help=help_text)
