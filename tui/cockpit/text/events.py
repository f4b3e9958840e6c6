"""The event log as values: events and notices in one order, a burst of key presses as one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from tui.base.text import plain
from tui.cockpit.text.line import Tone
from tui.model import WEIGHT_CHANGES, Event, EventKind
from tui.routing.weights import describe

_ALERTS = frozenset(
    {
        EventKind.UNREACHABLE,
        EventKind.FAILING,
        EventKind.QUOTA_EXHAUSTED,
        EventKind.RECORD,
        EventKind.WORSE,
        EventKind.VERSION_CHANGED,
        EventKind.HALF_DONE,
        EventKind.BASELINE_DEAD,
        EventKind.NOT_ROLLED_BACK,
    }
)
_WARNINGS = frozenset(
    {
        EventKind.WARNING,
        EventKind.THROTTLED,
        EventKind.SATURATED,
        EventKind.BUDGET_SPENT,
        EventKind.SPILLED,
        EventKind.BACKEND_CHANGED,
        EventKind.REFUSED,
        EventKind.GUARD,
    }
)
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of the cockpit itself: a refusal, a file written. It is in no record."""

    at: datetime
    text: str
    tone: Tone = "dim"


@dataclass(frozen=True, slots=True)
class EventLine:
    """``who`` and ``text`` are plain text with control characters made visible. ``found_by`` are further words
    that a filter finds it by: its kind, and the full names of the deployments whose weights it changes."""

    at: datetime
    who: str
    text: str
    tone: Tone
    found_by: frozenset[str] = frozenset()

    @property
    def plain(self) -> str:
        return f"{self.at:%H:%M:%S} {self.who} {self.text}"

    def matches(self, text: str) -> bool:
        """Whether the line holds ``text`` or is found by it; case does not count."""
        wanted = text.casefold()
        return wanted in self.plain.casefold() or any(wanted in word.casefold() for word in self.found_by)


def event_lines(
    events: Sequence[Event],
    notices: Iterable[Notice] = (),
    only: str = "",
    names: Mapping[str, str] = MappingProxyType({}),
) -> tuple[EventLine, ...]:
    """Oldest first. Events of one group are one line from the first's weights to the last's. Changes of weights
    call the deployments by their short ``names``."""
    lines = [_line(run, names) for run in _runs(events)]
    said = {event.text for event in events} | {event.reason for event in events}
    lines += [
        EventLine(n.at, "cockpit", plain(n.text, _LONGEST), n.tone) for n in notices if n.text not in said
    ]
    lines.sort(key=lambda line: line.at)
    return tuple(line for line in lines if not only or line.matches(only))


def _runs(events: Sequence[Event]) -> list[list[Event]]:
    """Neighbouring events of one group together; every other event by itself."""
    runs: list[list[Event]] = []
    for event in events:
        if runs and event.group and runs[-1][-1].group == event.group and event.kind is runs[-1][-1].kind:
            runs[-1].append(event)
        else:
            runs.append([event])
    return runs


def _line(run: list[Event], names: Mapping[str, str]) -> EventLine:
    first, last = run[0], run[-1]
    text = last.text
    if len(run) > 1 and first.before is not None and last.after is not None:
        text = f"{describe(first.before, last.after, names)} (×{len(run)})"
    elif last.before is not None and last.after is not None:
        text = text.replace(describe(last.before, last.after), describe(last.before, last.after, names))
    sign = _SIGNS.get(last.kind)
    said = f"{sign} {text}" if sign else text
    if last.reason:
        said += f" ({last.reason})"
    tone: Tone = "alert" if last.kind in _ALERTS else "warn" if last.kind in _WARNINGS else ""
    changed = frozenset(
        name for shares in (last.after or {}).values() for name in shares if last.kind in WEIGHT_CHANGES
    )
    found_by = changed | {last.kind.value.replace("_", " ")}
    return EventLine(last.at, plain(last.actor, 16), plain(said, _LONGEST), tone, found_by)


# A word where the text of the event does not say it itself.
_SIGNS = {
    EventKind.ROLLED_BACK: "◀ ROLLED BACK",
    EventKind.PROMOTED: "▶ PROMOTED",
    EventKind.UNDONE: "↶ UNDONE",
    EventKind.PAUSED: "❚❚",
    EventKind.CONTINUED: "▶",
    EventKind.ENDED: "■",
    EventKind.MARKED: "◆ MARK",
    EventKind.REFUSED: "✗ REFUSED",
    EventKind.HALF_DONE: "✗ HALF DONE",
    EventKind.WARNING: "▲",
    EventKind.THROTTLED: "▲",
    EventKind.QUOTA_EXHAUSTED: "✗",
    EventKind.SATURATED: "▲",
    EventKind.BUDGET_SPENT: "■",
    EventKind.UNREACHABLE: "✗",
    EventKind.FAILING: "✗",
    EventKind.REACHABLE: "✓",
    EventKind.BASELINE_DEAD: "✗ BASELINE DEAD",
    EventKind.NOT_ROLLED_BACK: "✗ NOT ROLLED BACK",
    EventKind.VERSION_CHANGED: "▲ VERSION",
    EventKind.RECORD: "✗ RECORD",
}
