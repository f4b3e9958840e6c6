"""Moments of a recorded run as people type them: on its clock, or so long after its start."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.model import PlayerView, Snapshot

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?Z?", re.ASCII)
_AFTER_START: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_DAY_S: Final = 86_400.0
_ACCEPTED: Final = "type 14:03:12 on the clock of the run (UTC), or 12m30s after its start"


def parse_seek(text: str, snapshot: Snapshot, player: PlayerView) -> float:
    """Seconds of the run for ``14:03:12``, ``14:03``, ``12m30s`` or ``1h``.

    The clock shows whole seconds, and so the second that the run began in is its start. A time that the run saw
    on several days means the one that is nearest to what is shown.

    Raises:
        ValueError: No moment, or none of this run; the text says what is accepted.
    """
    typed = text.strip()
    if on_clock := _CLOCK.fullmatch(typed):
        hours, minutes, seconds = (int(part or 0) for part in on_clock.groups())
        return _on_clock(3600.0 * hours + 60.0 * minutes + seconds, typed, snapshot, player)
    after_start = _AFTER_START.fullmatch(typed)
    if not typed or after_start is None:
        raise ValueError(f"{plain(typed, 20) or 'nothing'} is no moment: {_ACCEPTED}")
    hours, minutes, seconds = (int(part or 0) for part in after_start.groups())
    at_s = 3600.0 * hours + 60.0 * minutes + seconds
    if at_s > player.duration_s:
        raise ValueError(f"the run lasts {fmt.duration(player.duration_s)}, not {typed}")
    return at_s


def seek_preview(at_s: float, snapshot: Snapshot, player: PlayerView) -> str:
    """Which moment that is, and that going back takes its time.

    Raises:
        ValueError: The calendar has no such moment.
    """
    place = f"to {fmt.duration(at_s)} of {fmt.duration(player.duration_s)}"
    back = "   back: plays from the start, out of sight" if at_s < snapshot.at_s else ""
    return f"{place}, {instant(at_s, snapshot):%Y-%m-%d %H:%M:%S}Z{back}"


def instant(at_s: float, snapshot: Snapshot) -> datetime:
    """The UTC instant of a second of the run.

    Raises:
        ValueError: The calendar has no such instant.
    """
    try:
        return snapshot.at.astimezone(UTC) + timedelta(seconds=at_s - snapshot.at_s)
    except OverflowError:
        raise ValueError("the record of the run has impossible times") from None


def _on_clock(of_day_s: float, typed: str, snapshot: Snapshot, player: PlayerView) -> float:
    start, end = instant(0.0, snapshot), instant(player.duration_s, snapshot)
    start_s = 3600.0 * start.hour + 60.0 * start.minute + start.second
    first_s = (of_day_s - start_s) % _DAY_S - start.microsecond / 1e6
    if first_s > player.duration_s:
        raise ValueError(
            f"the run was from {start:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z, not {typed}"
        )
    days = min(max(round((snapshot.at_s - first_s) / _DAY_S), 0), (player.duration_s - first_s) // _DAY_S)
    return max(first_s + days * _DAY_S, 0.0)
