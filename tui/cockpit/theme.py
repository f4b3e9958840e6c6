"""The Textual theme: the palette's colours in the places where Textual looks for its own."""

from __future__ import annotations

from textual.theme import Theme

from tui.cockpit.palette import THEME_VARIABLES, css

THEME = Theme(
    name="canarytop",
    primary=css("baseline"),
    secondary=css("info"),
    warning=css("canary"),
    error=css("breach"),
    success=css("baseline"),
    accent=css("canary"),
    foreground=css("bright"),
    background="#101214",
    surface="#171a1e",
    panel="#20262d",
    dark=True,
    variables={
        **THEME_VARIABLES,
        "cursor": "#26435a",
        "alarm": "#7a1f00",
        "held": "#4a3a5c",
        "caution": "#5c4300",
    },
)
