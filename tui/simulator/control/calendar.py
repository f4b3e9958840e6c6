"""Calendar of the simulator, and which version a deployment serves by it.

The rules are those of Microsoft's pages on model versions and retirements (2026-10-05): NoAutoUpgrade stops at
the date of retirement; no option, or OnceCurrentVersionExpired, moves to the replacement at the date or some
days before it; OnceNewDefaultVersionAvailable moves as soon as upgrades begin. Previews are upgraded whatever
the option, provisioned and batch deployments never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tui.simulator.control.models import ModelTable, Offer, Target

_DAY_S = 86_400
_UNIX_DAY = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(1970, 1, 1), date(2199, 12, 31)


class Calendar:
    """Runs with ``wall_clock`` (Unix seconds), days ahead of it or behind.

    It starts on the real date, but not after ``good_until``.
    """

    def __init__(self, wall_clock: Callable[[], float], good_until: date) -> None:
        self._wall_clock = wall_clock
        self._good_until = good_until
        self.reset()

    def reset(self) -> None:
        """Back to the day on which it would start now."""
        self._offset_days = 0
        self._offset_days = min(0, (self._good_until - self.today).days)

    @property
    def day(self) -> int:
        """Today as a number that is cheap to have: days since 1970-01-01."""
        return int(self._wall_clock() // _DAY_S) + self._offset_days

    @property
    def today(self) -> date:
        return date.fromordinal(_UNIX_DAY + self.day)

    @property
    def now(self) -> datetime:
        """This instant by the calendar, in UTC."""
        return datetime.fromtimestamp(self._wall_clock() + self._offset_days * _DAY_S, UTC)

    def move_to(self, day: date) -> None:
        """Raises ``ValueError`` for a day outside the years 1970 to 2199."""
        if not _FIRST <= day <= _LAST:
            raise ValueError(f"{day} is outside the calendar, which knows {_FIRST} to {_LAST}")
        self._offset_days += (day - self.today).days

    def move_by(self, days: int) -> None:
        """Raises ``ValueError`` as ``move_to`` does."""
        ordinal = self.today.toordinal() + days
        if not _FIRST.toordinal() <= ordinal <= _LAST.toordinal():
            raise ValueError(f"{days} days from {self.today} is outside the calendar: {_FIRST} to {_LAST}")
        self._offset_days += days


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """What a deployment serves now; ``retired`` is one that answers 410."""

    model: str
    version: str
    retired: bool = False


def served_version(
    table: ModelTable, model: str, version: str, sku: str, option: str | None, since: date, today: date
) -> ServedVersion:
    """Where a deployment is ``today`` that was set to that version on the day ``since``.

    Only days passed since then count: a version already retired when its deployment was set is served.
    """
    seen: set[tuple[str, str]] = set()
    while (model, version) not in seen:
        seen.add((model, version))
        offer = table.offer(model, version)
        retires = offer.retires_as(sku)
        target = table.target(offer)
        if target is not None and table.skus[sku].upgrades:
            moves = (day for day in _moving_days(offer, target, retires, option) if since < day <= today)
            moved = min(moves, default=None)
            if moved is not None:
                model, version, since = target.model, target.version, moved
                continue
        if retires is not None and since < retires <= today:
            return ServedVersion(model, version, retired=True)
        break
    return ServedVersion(model, version)


def _moving_days(offer: Offer, target: Target, retires: date | None, option: str | None) -> Iterator[date]:
    if option == "NoAutoUpgrade" and offer.status != "Preview":
        return
    if option == "OnceNewDefaultVersionAvailable" and target.starts is not None:
        yield target.starts
    if retires is not None:
        yield retires
        if option in (None, "OnceCurrentVersionExpired"):
            yield retires - timedelta(days=target.lead_days)
