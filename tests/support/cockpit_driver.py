"""The cockpit driven by real keys, on a fake engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from tests.support.cockpit_fakes import FakeControls
from tests.support.replay_fakes import FakePlayer
from tui.cockpit.app import CanarytopApp
from tui.cockpit.plots.process import Renderer
from tui.cockpit.plots.spec import PlotSpec
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.widgets.banner import BannerBar
from tui.cockpit.widgets.event_log import EventLog
from tui.cockpit.widgets.footer import KeyFooter
from tui.cockpit.widgets.plot import Plot
from tui.cockpit.widgets.tables import VersionTable
from tui.engine.messages import ScreenSettings

CHARACTERS = {
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "slash": "/",
    "colon": ":",
    "space": " ",
    "question_mark": "?",
    "exclamation_mark": "!",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "full_stop": ".",
    "comma": ",",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}


class BlankRenderer:
    """Draws nothing, at once: for tests that look at everything but the plots."""

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]:
        future: Future[list[str]] = Future()
        future.set_result([" " * width] * height)
        return future

    def close(self) -> None:
        """Nothing to close."""


class Cockpit:
    """A running app with its fake engine: real keys in, what is on the screen out."""

    def __init__(self, app: CanarytopApp, pilot: Pilot[None], controls: FakeControls) -> None:
        self.app = app
        self.pilot = pilot
        self.controls = controls

    async def press(self, *keys: str) -> None:
        """Real key events, each fully handled before the next."""
        for key in keys:
            character = CHARACTERS.get(key, key if len(key) == 1 else None)
            self.app.post_message(events.Key(key, character))
            await self.settle()

    async def press_at_once(self, typed: str) -> None:
        """Real key events that have all arrived before the first is handled, as over a slow line."""
        names = {character: key for key, character in CHARACTERS.items()} | {"\n": "enter"}
        for character in typed:
            self.app.post_message(
                events.Key(names.get(character, character), character if character.isprintable() else None)
            )
        await self.settle()

    async def settle(self) -> None:
        """Until every message that is under way has been handled: each may cause others, a few times over."""
        for _ in range(5):
            await self.pilot.pause(0)

    def plots(self) -> list[Plot]:
        """The plots of the main screen that are in view."""
        assert isinstance(self.app.screen, CockpitScreen)
        return self.app.screen.plots_in_view()

    @property
    def player(self) -> FakePlayer:
        """The player of a replay."""
        assert isinstance(self.controls, FakePlayer)
        return self.controls

    @property
    def banner(self) -> str:
        return "\n".join(self.app.screen_stack[-1].query_one(BannerBar).plain_lines)

    @property
    def table(self) -> tuple[str, ...]:
        return self.app._cockpit.query_one(VersionTable).plain_lines

    @property
    def log(self) -> str:
        return "\n".join(self.app._cockpit.query_one(EventLog).plain_lines)

    @property
    def footer(self) -> str:
        return self.app.screen_stack[-1].query_one(KeyFooter).plain_lines[0]


class Exits:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.quits = self.hung_up = 0

    def quit(self) -> None:
        self.quits += 1

    def hang_up(self) -> None:
        self.hung_up += 1


@asynccontextmanager
async def cockpit(
    controls: FakeControls | None = None,
    size: tuple[int, int] = (120, 36),
    renderer: Renderer | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Cockpit]:
    """The cockpit on a screen of ``size`` columns and rows; ``settings`` are those of ``ScreenSettings``."""
    fake = controls or FakeControls()
    options.setdefault("export_folder", Path("/nonexistent"))
    if settings is not None:
        options["settings"] = ScreenSettings(**settings)
    app = CanarytopApp(fake, renderer or BlankRenderer(), actor="user", clock=fake.clock, **options)
    async with app.run_test(size=size) as pilot:
        running = Cockpit(app, pilot, fake)
        await running.settle()
        yield running
