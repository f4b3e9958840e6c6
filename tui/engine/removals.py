"""Which deployments of a run get no traffic because they are being removed from their account, or were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from tui.model import AccountView, Deployment

RemovalState = Literal["under way", "doubted", "seen"]
"""Doubted is a removal of which it is not known what became."""

_WHY: Final[Mapping[RemovalState, str]] = MappingProxyType(
    {
        "under way": "it is being removed",
        "doubted": "it was to be removed, and what became of that has not been seen yet",
        "seen": "it was removed from its account",
    }
)


@dataclass(frozen=True, slots=True)
class Removal:
    """``at`` is since when it is in that state."""

    state: RemovalState
    at: datetime


class Removals:
    """``deployments`` are those of the run by name; ``account(deployment)`` is its account as last seen, None
    where none is known."""

    def __init__(
        self,
        deployments: Mapping[str, Deployment],
        *,
        account: Callable[[str], AccountView | None],
        now: Callable[[], datetime],
    ) -> None:
        self._deployments = deployments
        self._account = account
        self._now = now
        self._removals: dict[str, Removal] = {}

    def of(self, name: str) -> Removal | None:
        return self._removals.get(name)

    def set(self, name: str, state: RemovalState) -> None:
        """From now on it gets no traffic; a doubted one until a look at its account shows that it is there."""
        self._removals[name] = Removal(state, self._now())

    def put_back(self, name: str, before: Removal | None = None) -> None:
        """It was not removed: it stands as it did ``before``."""
        if before is None:
            self._removals.pop(name, None)
        else:
            self._removals[name] = before

    def why_never(self, name: str) -> str | None:
        """Why a deployment cannot get any traffic at all, or None."""
        removal = self._removals.get(name)
        if removal is None:
            return None
        why = _WHY[removal.state]
        account = self._account(name) if removal.state == "doubted" else None
        if account is None or account.read_at is None or account.read_at <= removal.at:
            return why
        managed = account.deployment(self._deployments[name].wire_id)
        if managed is None:
            return "it is gone from its account"
        return why if (managed.state or "").lower() == "deleting" else None

    def seen(self) -> frozenset[str]:
        """Those that are known to be removed."""
        return frozenset(name for name, removal in self._removals.items() if removal.state == "seen")

    def doubted(self) -> frozenset[str]:
        """Those that may be removed."""
        return frozenset(name for name in self._removals if self.why_never(name) is not None) - self.seen()
