"""One account of a run: its manager, what was last seen of it, and the write under way on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tui.base.text import plain
from tui.control_plane.resource_manager import ResourceManager
from tui.engine.accounts import ERROR_CHARS
from tui.model import AccountView, ManagedDeployment, Standing, WriteEnd


@dataclass(slots=True)
class RunAccount:
    """``writing`` is the write under way in words, empty where there is none; ``writes`` counts those that
    have ended. ``soon`` asks for the next look at once."""

    manager: ResourceManager
    view: AccountView
    looks: int = 0
    said_error: str | None = None
    soon: asyncio.Event = field(default_factory=asyncio.Event)
    writing: str = ""
    writes: int = 0

    @property
    def name(self) -> str:
        return self.view.name

    def begin(self, doing: str) -> None:
        """A write begins; from now on looks come often."""
        self.writing = doing
        self.view = replace(self.view, doing=doing)
        self.soon.set()

    def step(self, text: str) -> None:
        """How far the write under way is."""
        self.view = replace(self.view, doing=plain(f"{self.writing}: {text}", ERROR_CHARS))

    def end(self, how: WriteEnd | None) -> None:
        """No write is under way any more."""
        self.writing = ""
        self.writes += 1
        self.view = replace(self.view, doing="", ended=how)
        self.soon.set()

    def know(self, made: ManagedDeployment, standing: Callable[[], Standing]) -> None:
        """What was read back after a write is there, before the next look says so; ``standing`` is asked once
        it is."""
        if self.view.deployments is not None:
            others = (d for d in self.view.deployments if d.name.lower() != made.name.lower())
            self.view = replace(self.view, deployments=(*others, made))
            self.view = replace(self.view, standings={**self.view.standings, made.name: standing()})

    def forget(self, name: str) -> None:
        """What was seen to be gone is not there, before the next look says so."""
        if self.view.deployments is not None:
            kept = tuple(d for d in self.view.deployments if d.name.lower() != name.lower())
            self.view = replace(self.view, deployments=kept)
