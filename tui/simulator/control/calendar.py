"""The simulator's calendar: the real date, or any other day that it was moved to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

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
