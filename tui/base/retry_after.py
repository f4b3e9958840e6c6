"""Retry-After: how long a service asks to be left alone, in every form that is in use."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_S = 10 * 366 * 86_400.0
_LOOKED_AT = 4000
_IN_MS = ("retry-after-ms", "x-ms-retry-after-ms")
_UNITS_S = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(ms|millisecond|s|sec|m|min|h|hr|hour|d|day|second|minute)?s?(?![a-z])\s*,?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(\d{1,4})\.)?(\d{1,3}):(\d{2}):(\d{2})")
_ASKED = re.compile(
    r"(?:retry|try again|replenished|available again|wait)(?:\s+(?:after|in|for|again))+\s+(?=\d)"
    r"|\bwait\s+(?=\d)|retry[_-]?(?:after|delay)[\"']?\s*[:=]\s*[\"']?(?=\d)",
    re.IGNORECASE,
)


def retry_after_s(headers: Mapping[str, str], text: str = "", *, now_s: float | None = None) -> float | None:
    """Seconds to wait by the headers, else by the words of a refusal; None where neither says.

    ``retry-after-ms`` outranks ``retry-after`` (Azure OpenAI), which has seconds or a date (RFC 9110, section
    10.2.3), and in use also fractions and units (``2s``, ``1m30s``, ``PT30S``). A date is counted from the
    service's own ``date`` where it gives one, else from ``now_s`` (seconds since 1970).
    """
    for name in _IN_MS:
        if (ms := _number(headers.get(name))) is not None:
            return ms / 1000
    value = headers.get("retry-after", "").strip(' "')
    if value:
        # "30, 30" is a field that a gateway added to one that was there.
        seconds = _number(value.partition(",")[0])
        if seconds is None:
            seconds = _duration(value.removeprefix("PT"), whole=True)
        if seconds is None:
            seconds = _until(value, headers.get("date"), now_s)
        if seconds is not None:
            return seconds
    asked = _ASKED.search(text[:_LOOKED_AT])
    return _duration(text[asked.end() : asked.end() + 60], whole=False) if asked else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return min(number, _LONGEST_S) if math.isfinite(number) and number >= 0 else None


def _duration(text: str, *, whole: bool) -> float | None:
    """``1m30.5s``, ``45 seconds``, ``05:12:33``; a bare number is seconds. ``whole``: nothing may follow."""
    if clock := _CLOCK.match(text):
        days, hours, minutes, seconds = (int(n or 0) for n in clock.groups())
        return days * 86_400.0 + hours * 3600.0 + minutes * 60.0 + seconds
    at, total = 0, 0.0
    while (part := _PART.match(text, at)) is not None:
        if part[2] is None and at > 0:
            break
        total += float(part[1]) * _unit_s(part[2] or "")
        at = part.end()
        if part[2] is None:
            break
    if at == 0 or (whole and at < len(text)):
        return None
    return min(total, _LONGEST_S)


def _unit_s(unit: str) -> float:
    unit = unit.lower()
    return _UNITS_S["ms"] if unit.startswith(("ms", "milli")) else _UNITS_S[unit[:1]]


def _until(value: str, date: str | None, now_s: float | None) -> float | None:
    until = _instant(value)
    if until is None:
        return None
    sent = _instant(date) if date else None
    now = sent or datetime.fromtimestamp(time.time() if now_s is None else now_s, UTC)
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_S)


def _instant(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            instant = read(text)
        except (ValueError, OverflowError):
            continue
        return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return None
