"""Which version answers for each deployment of a run, and what changed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from tui.model import EventKind, Figures, Outcome, VersionChange
from tui.traffic.serving import Serving

COMPARED_AFTER = 200
"""Requests to a new version after which its figures are put beside those of the one before."""


class Versions:
    """``figures(deployment)`` gives those of the last 15 minutes, all tasks pooled."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        figures: Callable[[str], Figures],
    ) -> None:
        self._serving: dict[str, Serving] = {}
        self._clock = clock
        self._now = now
        self._figures = figures
        self._changes: dict[str, VersionChange] = {}
        self._to_compare: dict[str, VersionChange] = {}

    def add(self, deployment: str, *, router: bool = False) -> None:
        """Follow one more from now on, or one anew; a ``router`` has no version of its own."""
        self._serving[deployment] = Serving(deployment, clock=self._clock, router=router)
        self._changes.pop(deployment, None)
        self._to_compare.pop(deployment, None)

    def served(self, deployment: str) -> str | None:
        return self._serving[deployment].version

    def last_change(self, deployment: str) -> VersionChange | None:
        return self._changes.get(deployment)

    def ended(self, outcome: Outcome) -> tuple[Outcome, VersionChange | None]:
        """The outcome as it counts, and the change of version where it is the first sign of one."""
        serving = self._serving[outcome.deployment]
        outcome, before = serving.sorted_out(outcome)
        if before is None:
            return outcome, None
        serving.version_changed()
        change = VersionChange(
            self._now(), self._clock(), before, serving.version or "", self._figures(outcome.deployment)
        )
        self._changes[outcome.deployment] = self._to_compare[outcome.deployment] = change
        return outcome, change

    def news(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        """What else an outcome says about what answers, each once in a while."""
        return self._serving[outcome.deployment].news(outcome)

    def compared(self) -> Iterator[str]:
        """A sentence for each change that enough requests followed; each change once."""
        for name, change in list(self._to_compare.items()):
            after = self._figures(name)
            if after.requests >= COMPARED_AFTER:
                del self._to_compare[name]
                yield f"{name}, {change.after} against {change.before} before: {moved(change.figures, after)}"


def said(deployment: str, change: VersionChange) -> str:
    """``gpt4o-prod answers with gpt-5.6-sol-2026-07-09, before with gpt-4o-2024-11-20``."""
    return f"{deployment} answers with {change.after}, before with {change.before}"


def moved(before: Figures, after: Figures) -> str:
    """How latency, cost, filters and errors moved: ``P50 412 → 365 ms (-11%), ...``; what is not known on
    either side is left out."""
    parts = []
    old, new = before.latency_ms, after.latency_ms
    if old is not None and new is not None:
        parts += [
            _moved(rank.upper(), getattr(old, rank), getattr(new, rank), "{:,.0f}", " ms")
            for rank in ("p50", "p95", "p99")
        ]
    for label, was, now, form in (
        ("$/1k", before.cost_per_1k_usd, after.cost_per_1k_usd, "{:.3f}"),
        ("tokens", before.tokens_per_request, after.tokens_per_request, "{:,.0f}"),
    ):
        if was is not None and now is not None:
            parts.append(_moved(label, was, now, form, ""))
    for label, was, now in (
        ("filtered", before.filter_pct, after.filter_pct),
        ("errors", before.error_pct, after.error_pct),
    ):
        if was is not None and now is not None:
            parts.append(f"{label} {was:.2f} → {now:.2f}%")
    return ", ".join([*parts, f"n={after.requests:,} against {before.requests:,}"])


def _moved(label: str, was: float, now: float, form: str, unit: str) -> str:
    change = f" ({100 * (now / was - 1):+.0f}%)" if was > 0 else ""
    return f"{label} {form.format(was)} → {form.format(now)}{unit}{change}"
