"""What a screen asks of the app that shows it."""

from __future__ import annotations

from typing import Any, Protocol, cast

from textual.screen import Screen

from tui.cockpit.commands import Commands
from tui.cockpit.text.line import Tone
from tui.cockpit.ui_state import View


class Host(Protocol):
    """The app as its screens see it."""

    @property
    def view(self) -> View:
        """What is shown at this moment."""

    @property
    def commands(self) -> Commands:
        """What the engine can be asked for."""

    def choose(self, **choices: Any) -> None:
        """Change choices of ``UiState``, and show it."""

    def choose_sample(self, **choices: Any) -> None:
        """Change choices of ``SampleChoices``, and show it."""

    def say(self, text: str, tone: Tone = "dim") -> None:
        """A line in the event log, and in the banner for a few seconds."""

    def notice(self, text: str, **choices: Any) -> None:
        """A line in the banner for a few seconds, and perhaps other choices with it."""

    def seek(self, at_s: float) -> None:
        """Move a recording to a second of its run."""

    def leave_run(self, ends_in_s: float | None) -> None:
        """Leave while the run goes on; it ends in so many seconds, None leaves that as it is."""

    def end_run(self) -> None:
        """Leave, and end the run."""

    async def open(self, screen: Screen[None]) -> None:
        """A full screen in place of another such screen, so that back always leads to the cockpit."""


def host_of(screen: Screen[Any]) -> Host:
    """The app that shows a screen."""
    return cast("Host", screen.app)
