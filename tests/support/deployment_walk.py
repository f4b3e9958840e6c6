"""The cockpit under real keys on a real engine, on a simulator with its control plane behind a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.cockpit_driver import BlankRenderer, Cockpit
from tests.support.engine_runs import until
from tests.support.managed_runs import Plane, account_of, find, managed_run
from tui.cockpit.app import CanarytopApp
from tui.cockpit.screens.deployments import DeploymentsScreen
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.engine.thread import Engine
from tui.model import Event, EventKind, Snapshot


class Walk(Cockpit):
    """A cockpit on a real engine, with the simulator that it talks to."""

    def __init__(self, app: CanarytopApp, pilot: Any, engine: Engine, plane: Plane) -> None:
        super().__init__(app, pilot, engine)  # type: ignore[arg-type]
        self.engine = engine
        self.plane = plane
        self._heard = 0

    async def until(self, condition: Callable[[Snapshot], object]) -> Snapshot:
        """Wait for a snapshot that meets ``condition``; then the screen shows it, or a later one."""
        try:
            snapshot = await asyncio.to_thread(until, self.engine, condition)
        except AssertionError:
            await self.settle()
            said = "\n".join(f"{e.kind.value} {e.text}" for e in self.engine.snapshot().events[-8:])
            raise AssertionError(f"it never came to that:\n{said}\n{self.app.screen}") from None
        while self.app.view.live.at_s < snapshot.at_s:
            await self.settle()
        await self.settle()
        return snapshot

    async def weighs(self, **pct: float) -> None:
        """Wait until the weights of the default task are these."""
        await self.until(lambda s: s.weights["default"] == pct)

    async def read(self) -> Snapshot:
        """Wait until the account has been read."""
        return await self.until(lambda s: account_of(s).read_at is not None)

    async def event(self, kind: EventKind, text: str = "") -> Event:
        """Wait for the next event of that kind with that text: newer than any that was waited for before."""
        snapshot = await self.until(lambda s: find(s, kind, text, self._heard))
        event = find(snapshot, kind, text, self._heard)
        assert event is not None
        self._heard = event.id
        return event

    async def create(self, times: int = 5) -> None:
        """The form, as it is filled in, by Enter through its fields."""
        await self.press("c", *["enter"] * times)

    async def choose(self, name: str) -> None:
        """The cursor down to the row of a deployment."""
        await self.press("g")
        await self.press(*["j"] * list(self.rows).index(name))
        assert self.chosen == name

    async def remove(self, name: str) -> None:
        """The chosen deployment, its name typed in full."""
        await self.press("X")
        await self.press_at_once(f"{name}\n")

    async def on_deployments(self) -> None:
        """To the deployments screen, wherever this is."""
        if not isinstance(self.app.screen, DeploymentsScreen):
            await self.press("d")

    @property
    def body(self) -> str:
        """What the deployments screen shows."""
        screen = self.app.screen
        assert isinstance(screen, ScrollingScreen), screen
        return screen.plain_text()

    @property
    def rows(self) -> dict[str, list[str]]:
        """The cells of each row of its table, by the name of the deployment."""
        cells = [line.replace("❯", " ").split() for line in self.body.splitlines() if line[3:4] in _GLYPHS]
        return {row[1]: row for row in cells}

    @property
    def chosen(self) -> str:
        """The deployment under the cursor."""
        return next(line.split()[2] for line in self.body.splitlines() if line.startswith(" ❯"))

    @property
    def dialog(self) -> str:
        """What the dialog in front says."""
        return "\n".join(str(widget.render()) for widget in self.app.screen.query("#dialog Static"))


_GLYPHS = ("●", "▲", "○", "·")


@asynccontextmanager
async def walk(
    folder: Path, *, size: tuple[int, int] = (160, 50), read_only: bool = False, **options: Any
) -> AsyncIterator[Walk]:
    """A cockpit on its main screen, its account not yet read; ``options`` are those of ``managed_run``."""
    with managed_run(folder, **options) as (engine, plane):
        app = CanarytopApp(
            engine, BlankRenderer(), actor="ann", read_only=read_only, export_folder=Path("/nonexistent")
        )
        async with app.run_test(size=size) as pilot:
            here = Walk(app, pilot, engine, plane)
            await here.settle()
            yield here
