"""What each service is sent: addresses, headers and JSON, as it documents them. Pure functions.

What is worth calling a person for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tui.base.text import plain
from tui.model import Event, EventKind, WeightTable
from tui.rollout import Occasion

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
"""Accounts in the service region EU have https://events.eu.pagerduty.com/v2/enqueue instead."""

_LONGEST_SUMMARY, _LONGEST_DEDUP_KEY = 1024, 255
"""Of PagerDuty's Events API v2."""

_LONGEST_WEIGHTS = 1000
"""A card may have 28 kB (Microsoft, limits of incoming webhooks); a rollout may have 64 deployments."""

_HEADS: Final[dict[Occasion, str]] = {
    "worse": "WORSE",
    "rolled_back": "ROLLED BACK",
    "baseline_dead": "BASELINE DEAD",
    "not_rolled_back": "NOT ROLLED BACK, look now",
    "budget_spent": "BUDGET SPENT, nothing more is sent",
    "ended": "ENDED",
}
_SEVERITIES: Final[dict[Occasion, str]] = {
    "worse": "error",
    "rolled_back": "warning",
    "baseline_dead": "critical",
    "not_rolled_back": "critical",
    "budget_spent": "warning",
    "ended": "info",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told. ``more`` is how many of the same kind were folded into it; ``test``: nothing has
    happened, somebody tries whether it arrives. ``about`` tells messages of one occasion apart."""

    occasion: Occasion
    rollout: str
    environment: str
    run_id: str
    host: str
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
    environment = f" ({plain(message.environment, 32)})" if message.environment else ""
    where = plain(message.rollout, 64) + environment
    return f"{test}{where}: {_HEADS[message.occasion]}"


def lines(message: Message) -> list[str]:
    """The whole message as plain lines, the first of them its headline."""
    said = [headline(message), plain(message.text, 400)]
    if message.reason:
        said.append(plain(message.reason, 400))
    if message.more:
        said.append(f"and {message.more} more of this kind since the last message")
    said.append(f"weights now: {_weights(message.weights)}")
    at = message.at.astimezone(UTC)
    said.append(f"run {plain(message.run_id, 32)} on {plain(message.host, 64)}, {at:%Y-%m-%d %H:%M:%S}Z")
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
    parts = ("canarytop", message.run_id, message.occasion, *(["test"] if message.test else []), message.about)
    return Call(
        url,
        {
            "routing_key": key,
            "event_action": "trigger",
            "dedup_key": plain("/".join(parts), _LONGEST_DEDUP_KEY),
            "payload": {
                "summary": f"{said[0]}: {said[1]}"[:_LONGEST_SUMMARY],
                "source": plain(message.host, 64) or "canarytop",
                "severity": "info" if message.test else _SEVERITIES[message.occasion],
                "timestamp": message.at.astimezone(UTC).isoformat(),
                "component": plain(message.rollout, 64),
                "group": plain(message.environment, 32),
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
            "rollout": plain(message.rollout, 64),
            "environment": plain(message.environment, 32),
            "run": plain(message.run_id, 32),
            "host": plain(message.host, 64),
            "at": message.at.astimezone(UTC).isoformat(),
            "text": plain(message.text, 400),
            "reason": plain(message.reason, 400),
            "more": message.more,
            "weights": {task: dict(shares) for task, shares in message.weights.items()},
        },
    )


URGENT: Final[frozenset[Occasion]] = frozenset(
    {"worse", "rolled_back", "baseline_dead", "not_rolled_back", "budget_spent"}
)
"""What rings the bell of the terminal."""

_KINDS: Final[dict[EventKind, Occasion]] = {
    EventKind.WORSE: "worse",
    EventKind.ROLLED_BACK: "rolled_back",
    EventKind.BASELINE_DEAD: "baseline_dead",
    EventKind.NOT_ROLLED_BACK: "not_rolled_back",
    EventKind.BUDGET_SPENT: "budget_spent",
    EventKind.STOPPED: "ended",
}
_ADVISORY = re.compile(r"\S+ WORSE \(advisory\): ")
_FIGURE = re.compile(r"\W*\d[\d.,:]*\W*")


def occasion_of(event: Event) -> Occasion | None:
    """The occasion that an event is, None for most. What moves nothing by itself calls nobody."""
    if event.kind is EventKind.WORSE and _ADVISORY.match(event.text):
        return None
    return _KINDS.get(event.kind)


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
