"""The state banner: two lines, coloured by the severity of the worst state."""

from __future__ import annotations

import re

from rich.cells import cell_len
from textual import events
from textual.content import Content

from tui.cockpit.text.banner import Banner, banner
from tui.cockpit.text.format import clip, fit
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines


class BannerBar(Lines):
    """``said`` is what it says now, None before the first snapshot."""

    said: Banner | None = None

    def show(self, view: View) -> None:
        """Say what holds now."""
        self._say(banner(view))

    def _say(self, said: Banner) -> None:
        self.said = said
        for severity in ("calm", "note", "warn", "alarm"):
            self.set_class(said.severity == severity, f"-{severity}")
        width = self.size.width
        right = next((text for text in said.right if cell_len(text) < width // 3), "")
        room = max(width - cell_len(right) - 2, 0)
        parts = list(said.parts)
        while len(parts) > 1 and cell_len("   ".join(parts)) >= room:
            parts.pop()
        first = fit(" " + "   ".join(parts), room) + f" {right} "
        key = f"   {said.key} " if said.key else ""
        left = max(width - 3 - cell_len(key), 0)
        texts = (said.figure, *said.shorter)
        figure = clip(next((text for text in texts if cell_len(text) <= left), texts[-1]), left)
        second = Content(fit(f"   {figure}{key}", width))
        named = re.search(r"press (\S+)", said.key)
        if named is not None:
            start = second.plain.rfind(said.key) + named.start(1)
            second = second.stylize("bold reverse", start, start + len(named[1]))
        self.set_lines((Content(first).stylize("bold"), second))

    def on_resize(self, event: events.Resize) -> None:
        """The right end moves."""
        if self.said is not None:
            self._say(self.said)
