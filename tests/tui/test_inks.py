"""How inks look, in every theme that can be chosen."""

from __future__ import annotations

import pytest
from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from workbench.tui.inks import styles
from workbench.tui.lines import INKS
from workbench.tui.themes import DARK, LIGHT


@pytest.mark.parametrize("theme", [*BUILTIN_THEMES.values(), DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_theme_has_every_ink(theme: Theme) -> None:
    app = App[None]()
    app.register_theme(theme)
    app.theme = theme.name
    made = styles(app.get_css_variables(), Color.parse("black"))
    assert made.keys() == set(INKS)
    assert all(style.color is not None for ink, style in made.items() if ink)


def test_what_shines_through_is_mixed_with_the_background_of_the_pane() -> None:
    variables = dict.fromkeys(
        ("foreground", "primary", "secondary", "accent", "success", "warning", "error", "background"), "#ffffff"
    )
    made = styles(variables | {"foreground-muted": "#ffffff 50%"}, Color.parse("#000000"))
    assert made["muted"] == Style(color=RichColor.from_rgb(127, 127, 127))
    assert made["key"].bgcolor == RichColor.from_rgb(0, 0, 0)
    assert made[""] == Style.null()
