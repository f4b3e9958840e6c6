"""Truth of a run: what the server itself counted and measured, exactly, to check clients' figures with."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.model import ANSWERED, OutcomeKind, Usage

UNKNOWN = "unknown"
"""Where requests are counted that name no deployment, or one more strange name than is kept."""

_MAX_STRANGE_NAMES = 64


@dataclass(slots=True)
class ServedOutcome:
    """How one request ended, as the server saw it; filled in while it is served.

    ``usage`` is what the answer told the client, None where it told nothing. ``latency_ms`` runs from the
    request received to the last byte written, ``ttft_ms`` to the first content written (streams only).
    ``served_model`` is the model and version that it was for, empty where no deployment was. ``right``,
    ``good`` (points) and ``judged`` are what its answer was worth, see ``content.Reply``.
    """

    kind: OutcomeKind = OutcomeKind.CANCELLED
    latency_ms: float | None = None
    ttft_ms: float | None = None
    usage: Usage | None = None
    annotated: bool = False
    spilled: bool = False
    served_model: str = ""
    task: str = ""
    right: bool | None = None
    good: float | None = None
    judged: str | None = None


@dataclass(slots=True)
class _Worth:
    """What the answers to one task were worth."""

    known: int = 0
    right: int = 0
    scored: int = 0
    good: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "known": self.known,
            "right": self.right,
            "scored": self.scored,
            "score_mean": round(self.good / self.scored, 4) if self.scored else None,
        }


@dataclass(slots=True)
class _Tally:
    kinds: Counter[OutcomeKind] = field(default_factory=Counter)
    latency_ms: array[float] = field(default_factory=lambda: array("d"))
    ttft_ms: array[float] = field(default_factory=lambda: array("d"))
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    annotated: int = 0
    worth: dict[str, _Worth] = field(default_factory=dict)
    judged: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: ServedOutcome) -> None:
        """Times enter the quantiles only for answers of the deployment itself: a spilled one was served
        elsewhere, and says nothing about this version (azure.md A6)."""
        self.kinds[outcome.kind] += 1
        if outcome.judged is not None:
            self.judged[outcome.judged] += 1
        if outcome.kind not in ANSWERED:
            return
        if outcome.task:
            worth = self.worth.setdefault(outcome.task, _Worth())
            if outcome.right is not None:
                worth.known += 1
                worth.right += outcome.right
            if outcome.good is not None:
                worth.scored += 1
                worth.good += max(1.0, min(5.0, outcome.good))
        if outcome.latency_ms is not None and not outcome.spilled:
            self.latency_ms.append(outcome.latency_ms)
        if outcome.ttft_ms is not None and not outcome.spilled:
            self.ttft_ms.append(outcome.ttft_ms)
        if outcome.usage is not None:
            self.prompt_tokens += outcome.usage.prompt_tokens
            self.cached_tokens += outcome.usage.cached_tokens
            self.completion_tokens += outcome.usage.completion_tokens
        self.annotated += outcome.annotated

    def as_json(self) -> dict[str, Any]:
        counted = self._counted()
        if self.worth:
            counted["quality"] = {task: worth.as_json() for task, worth in self.worth.items()}
        if self.judged:
            counted["judgements"] = dict(self.judged)
        return counted

    def _counted(self) -> dict[str, Any]:
        return {
            "requests": self.kinds.total(),
            "outcomes": {kind.value: self.kinds[kind] for kind in OutcomeKind if self.kinds[kind]},
            "latency_ms": _quantiles(self.latency_ms),
            "ttft_ms": _quantiles(self.ttft_ms),
            "tokens": {
                "prompt": self.prompt_tokens,
                "cached": self.cached_tokens,
                "completion": self.completion_tokens,
            },
            "filters": {
                "prompt_blocked": self.kinds[OutcomeKind.PROMPT_FILTERED],
                "completion_blocked": self.kinds[OutcomeKind.COMPLETION_FILTERED],
                "annotated": self.annotated,
            },
        }


class Truth:
    """Counts per deployment. A request belongs to the deployment that it named, whoever answered it."""

    def __init__(self, deployments: Iterable[str]) -> None:
        self._deployments = tuple(deployments)
        self.clear()

    def clear(self) -> None:
        self._tallies = {name: _Tally() for name in self._deployments}
        self._versions: dict[str, dict[str, _Tally]] = {}

    def know(self, deployment: str) -> None:
        """Count a deployment under its own name from now on."""
        if deployment not in self._deployments:
            self._deployments = (*self._deployments, deployment)
            self._tallies.setdefault(deployment, _Tally())

    def add(self, deployment: str, outcome: ServedOutcome) -> None:
        """Count one ended request, for its deployment and for the version that it met there."""
        tally, name = self._tally(deployment)
        tally.add(outcome)
        if outcome.served_model:
            self._versions.setdefault(name, {}).setdefault(outcome.served_model, _Tally()).add(outcome)

    def as_json(self) -> dict[str, Any]:
        """``{"deployments": {NAME: ...}}``; quantiles are None where there is nothing to rank.

        One whose answers were right, wrong or of some quality has ``quality``: by task how many had a known
        answer, how many were right, how many were scored, and the mean of how good these were, in points. One
        that judged has ``judgements``: how many were fair, for the first answer, nonsense, or failed.
        A deployment that has met requests as more than one version has the same figures of each of them under
        ``versions``.
        """
        counted = {name: tally.as_json() for name, tally in self._tallies.items()}
        for name, versions in self._versions.items():
            if len(versions) > 1:
                counted[name]["versions"] = {model: tally.as_json() for model, tally in versions.items()}
        return {"deployments": counted}

    def _tally(self, deployment: str) -> tuple[_Tally, str]:
        tally = self._tallies.get(deployment)
        if tally is not None:
            return tally, deployment
        full = len(self._tallies) >= len(self._deployments) + _MAX_STRANGE_NAMES
        name = UNKNOWN if full or not deployment or len(deployment) > 64 else deployment
        return self._tallies.setdefault(name, _Tally()), name


def nearest_rank(ordered: Sequence[float], pct: int) -> float | None:
    """The smallest value that at least ``pct`` percent of them do not exceed; None of nothing."""
    return ordered[-(-pct * len(ordered) // 100) - 1] if ordered else None


def _quantiles(values: array[float]) -> dict[str, float | None]:
    ordered = sorted(values)
    return {f"p{pct}": nearest_rank(ordered, pct) for pct in (50, 95, 99)}
