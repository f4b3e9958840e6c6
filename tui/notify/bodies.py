"""Bodies of messages: what is worth calling a person for, and what each service documents to be sent. Pure."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tui.base.text import plain
from tui.model import Event, EventKind, WeightTable
from tui.rollout import Occasion

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
"""Accounts in the service region EU have https://events.eu.pagerduty.com/v2/enqueue instead."""

_LONGEST_SUMMARY, _LONGEST_DEDUP_KEY = 1024, 255
"""Of PagerDuty's Events API v2."""

_LONGEST_WEIGHTS = 1000
"""A card may have 28 kB (Microsoft, limits of incoming webhooks); a rollout may have 64 deployments."""


class _Row(NamedTuple):
    kind: EventKind
    head: str
    severity: str
    urgent: bool = True


_OCCASIONS: Final[Mapping[Occasion, _Row]] = {
    "worse": _Row(EventKind.WORSE, "WORSE", "error"),
    "rolled_back": _Row(EventKind.ROLLED_BACK, "ROLLED BACK", "warning"),
    "baseline_dead": _Row(EventKind.BASELINE_DEAD, "BASELINE DEAD", "critical"),
    "not_rolled_back": _Row(EventKind.NOT_ROLLED_BACK, "NOT ROLLED BACK, look now", "critical"),
    "budget_spent": _Row(EventKind.BUDGET_SPENT, "BUDGET SPENT, nothing more is sent", "warning"),
    "ended": _Row(EventKind.STOPPED, "ENDED", "info", urgent=False),
}
URGENT: Final = frozenset(occasion for occasion, row in _OCCASIONS.items() if row.urgent)
"""What rings the bell of the terminal."""

_BY_KIND: Final = {row.kind: occasion for occasion, row in _OCCASIONS.items()}
_ADVISORY = re.compile(r"\S+ WORSE \(advisory\): ")
_FIGURE = re.compile(r"\W*\d[\d.,:]*\W*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Run that a message comes from."""

    rollout: str
    environment: str
    run_id: str
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Message to a person. ``more`` is how many of the same kind were folded into it; ``test``: nothing has
    happened, somebody tries whether it arrives. ``about`` tells messages of one occasion apart."""

    occasion: Occasion
    origin: Origin
    at: datetime
    text: str
    reason: str
    weights: WeightTable
    about: str = ""
    more: int = 0
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request: POST this as JSON. The address may be a secret, and so may the body."""

    url: str
    body: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        return json.dumps(self.body, ensure_ascii=False).encode()


def headline(message: Message) -> str:
    """``TEST  summarise (production): WORSE``"""
    test = "TEST, nothing has happened: " if message.test else ""
    environment = f" ({plain(message.origin.environment, 32)})" if message.origin.environment else ""
    where = plain(message.origin.rollout, 64) + environment
    return f"{test}{where}: {_OCCASIONS[message.occasion].head}"


def lines(message: Message) -> list[str]:
    """The whole message as plain lines, the first of them its headline."""
    said = [headline(message), plain(message.text, 400)]
    if message.reason:
        said.append(plain(message.reason, 400))
    if message.more:
        said.append(f"and {message.more} more of this kind since the last message")
    said.append(f"weights now: {_weights(message.weights)}")
    run, host, at = message.origin.run_id, message.origin.host, message.at.astimezone(UTC)
    said.append(f"run {plain(run, 32)} on {plain(host, 64)}, {at:%Y-%m-%d %H:%M:%S}Z")
    return said


def _weights(table: WeightTable) -> str:
    tasks = [
        (f"{plain(task, 40)}: " if len(table) > 1 else "")
        + ", ".join(f"{plain(name, 64)} {pct:g}%" for name, pct in shares.items())
        for task, shares in list(table.items())[:8]
    ]
    return plain("; ".join(tasks), _LONGEST_WEIGHTS) or "not known"


def slack(url: str, message: Message) -> Call:
    """An incoming webhook. ``&``, ``<`` and ``>`` are control characters there: with them a text could mention
    everybody, or hide where a link leads (docs.slack.dev, formatting message text)."""
    text = "\n".join(lines(message))
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return Call(url, {"text": text})


def teams(url: str, message: Message) -> Call:
    """A webhook of Workflows, which takes an Adaptive Card. A text run is shown as it is; a text block would
    read it as Markdown (adaptivecards.io, RichTextBlock)."""
    runs = [{"type": "TextRun", "text": line} for line in lines(message)]
    runs[0]["weight"] = "Bolder"
    blocks = [{"type": "RichTextBlock", "inlines": [run]} for run in runs]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": blocks,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return Call(url, {"type": "message", "attachments": [attachment]})


def pagerduty(url: str, key: str, message: Message) -> Call:
    """An event of the Events API v2. What is the same in all but its figures is one incident of a run: who has
    acknowledged one canary is called for the next."""
    said = lines(message)
    parts = (
        "canarytop",
        message.origin.run_id,
        message.occasion,
        *(["test"] if message.test else []),
        message.about,
    )
    return Call(
        url,
        {
            "routing_key": key,
            "event_action": "trigger",
            "dedup_key": plain("/".join(parts), _LONGEST_DEDUP_KEY),
            "payload": {
                "summary": f"{said[0]}: {said[1]}"[:_LONGEST_SUMMARY],
                "source": plain(message.origin.host, 64) or "canarytop",
                "severity": "info" if message.test else _OCCASIONS[message.occasion].severity,
                "timestamp": message.at.astimezone(UTC).isoformat(),
                "component": plain(message.origin.rollout, 64),
                "group": plain(message.origin.environment, 32),
                "class": message.occasion,
                "custom_details": {"text": said[1:]},
            },
        },
    )


def own_json(url: str, message: Message) -> Call:
    """Our own document, for a program of the team's: docs/notify.md says what each field is."""
    return Call(
        url,
        {
            "canarytop": 1,
            "occasion": message.occasion,
            "test": message.test,
            "rollout": plain(message.origin.rollout, 64),
            "environment": plain(message.origin.environment, 32),
            "run": plain(message.origin.run_id, 32),
            "host": plain(message.origin.host, 64),
            "at": message.at.astimezone(UTC).isoformat(),
            "text": plain(message.text, 400),
            "reason": plain(message.reason, 400),
            "more": message.more,
            "weights": {task: dict(shares) for task, shares in message.weights.items()},
        },
    )


def occasion_of(event: Event) -> Occasion | None:
    """The occasion that an event is, None for most. What moves nothing by itself calls nobody."""
    if event.kind is EventKind.WORSE and _ADVISORY.match(event.text):
        return None
    return _BY_KIND.get(event.kind)


def about(event: Event) -> str:
    """What tells events of one occasion apart: who did it, and the words before the first figure (deployment,
    task, criterion). A reason in a service's own words is left out: it may be another each time."""
    words = event.text.split()
    if event.kind is EventKind.BASELINE_DEAD:
        words = words[:1]
    elif event.kind is EventKind.NOT_ROLLED_BACK:
        words = event.text.partition(":")[0].split()
    figure = next((i for i, word in enumerate(words) if _FIGURE.fullmatch(word)), len(words))
    return " ".join((event.actor, *words[:figure]))
