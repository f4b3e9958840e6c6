"""Versions that really answer for the deployments of a run, the backends behind them, and when either changes.

A deployment may be moved to another version while traffic runs, and for a while both may answer. Its figures
are those of the newest version: what an earlier one still answers does not count for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from tui.base.served_names import names_version, same_version
from tui.base.text import plain
from tui.measure.windows import Measures
from tui.model import EventKind, Figures, Outcome, VersionChange

BACK_AFTER = 20
"""So many answers in a row of an earlier version mean that the deployment was moved back."""

_MOST_CHANGES = 5
_CHANGES_WITHIN_S = 60.0
_MOST_NAMES = 32
_SAY_AGAIN_S = 60.0
_NAME = 64


class Serving:
    """Version of one deployment, the one it answers with now: None before the first answer that says one.

    A ``router`` answers with any model: that is no change of its version. ``now_s`` is seconds of the run.
    """

    def __init__(self, deployment: str, *, router: bool = False) -> None:
        self.deployment = deployment
        self.version: str | None = None
        self.unstable = False
        """Whether the version changes with every few answers: then its figures cannot be kept apart."""
        self._router = router
        self._earlier: dict[str, None] = {}
        self._strays = 0
        self._changed_s: deque[float] = deque(maxlen=_MOST_CHANGES)
        self._fingerprints: dict[str, None] = {}
        self._said_backend_s = self._said_spill_s = float("-inf")

    def sorted_out(self, outcome: Outcome, now_s: float) -> tuple[Outcome, str | None]:
        """The outcome, not counting for the version when an earlier one answered it; and the version before,
        when this is the first answer of another one."""
        served = outcome.served_model
        if served is None or not outcome.counts_for_version or self.unstable:
            return outcome, None
        if self.version is None or self._router or same_version(served, self.version):
            if served != self.version and (self.version is None or not names_version(self.version)):
                self.version = served
            self._strays = 0
            return outcome, None
        served = next((earlier for earlier in self._earlier if same_version(served, earlier)), served)
        if served in self._earlier:
            self._strays += 1
            if self._strays < BACK_AFTER:
                return replace(outcome, counts_for_version=False), None
        before, self.version, self._strays = self.version, served, 0
        self._earlier.pop(served, None)
        self._earlier[before] = None
        self._changed_s.append(now_s)
        full = len(self._changed_s) == _MOST_CHANGES
        self.unstable = full and now_s - self._changed_s[0] < _CHANGES_WITHIN_S
        return outcome, before

    def news(self, outcome: Outcome, now_s: float) -> Iterator[tuple[EventKind, str]]:
        """What else is worth an event: another backend, another deployment that answered."""
        if outcome.served_by is not None and now_s - self._said_spill_s > _SAY_AGAIN_S:
            self._said_spill_s = now_s
            by = plain(outcome.served_by, _NAME)
            yield EventKind.SPILLED, f"{self.deployment} was answered by {by}: that is not in its figures"
        fingerprint = outcome.system_fingerprint
        if fingerprint is None or not outcome.counts_for_version or fingerprint in self._fingerprints:
            return
        is_first, full = not self._fingerprints, len(self._fingerprints) >= _MOST_NAMES
        if full:
            return
        self._fingerprints[fingerprint] = None
        if not is_first and now_s - self._said_backend_s > _SAY_AGAIN_S:
            self._said_backend_s = now_s
            name = plain(fingerprint, _NAME)
            yield (
                EventKind.BACKEND_CHANGED,
                f"{self.deployment} has another backend, {name}, of the same version",
            )

    def version_changed(self) -> None:
        """Backends of another version are other ones: they are not news."""
        self._fingerprints.clear()


COMPARED_AFTER = 200
"""Requests to a new version after which its figures are put beside those of the one before."""


class Versions:
    """Versions of all deployments of a run. Around a change their figures of 15 minutes are compared, all tasks
    pooled."""

    def __init__(self, measures: Measures) -> None:
        self._serving: dict[str, Serving] = {}
        self._measures = measures
        self._changes: dict[str, VersionChange] = {}
        self._to_compare: dict[str, VersionChange] = {}

    def add(self, deployment: str, *, router: bool = False) -> None:
        """Follow one more from now on, or one anew; a ``router`` has no version of its own."""
        self._serving[deployment] = Serving(deployment, router=router)
        self._changes.pop(deployment, None)
        self._to_compare.pop(deployment, None)

    def served(self, deployment: str) -> str | None:
        return self._serving[deployment].version

    def last_change(self, deployment: str) -> VersionChange | None:
        return self._changes.get(deployment)

    def ended(self, outcome: Outcome, at: datetime, at_s: float) -> tuple[Outcome, VersionChange | None]:
        """The outcome as it counts, and the change of version where it is the first sign of one."""
        serving = self._serving[outcome.deployment]
        outcome, before = serving.sorted_out(outcome, at_s)
        if before is None:
            return outcome, None
        serving.version_changed()
        recent = self._recent(outcome.deployment, at_s)
        change = VersionChange(at, at_s, before, serving.version or "", recent)
        self._changes[outcome.deployment] = self._to_compare[outcome.deployment] = change
        return outcome, change

    def news(self, outcome: Outcome, at_s: float) -> Iterator[tuple[EventKind, str]]:
        """What else an outcome says about what answers, each once in a while."""
        return self._serving[outcome.deployment].news(outcome, at_s)

    def compared(self, at_s: float) -> Iterator[str]:
        """A sentence for each change that enough requests followed; each change once."""
        for name, change in list(self._to_compare.items()):
            after = self._recent(name, at_s)
            if after.requests >= COMPARED_AFTER:
                del self._to_compare[name]
                yield f"{name}, {change.after} against {change.before} before: {moved(change.figures, after)}"

    def _recent(self, deployment: str, at_s: float) -> Figures:
        return self._measures.pooled(deployment, "15m", at_s)


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
