"""The pause of one deployment: as long as its service asked for, or until its quota is there again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, isfinite

from tui.base.text import span
from tui.model import EventKind, Outcome, OutcomeKind

TRY_EVERY_S = 300.0
"""While a pause lasts longer, one request is tried this often: a service may be ready sooner than it said."""

_DEFAULT_S = 1.0
"""How long to wait after a rate limit that does not say how long."""

_SAY_AGAIN_S = 30.0


class Pause:
    """What a deployment's service said of waiting. Instants are readings of ``clock``, in seconds.

    A used-up quota is not waited for: how long it lasts depends on a payment. It ends with the first request
    that is answered, whatever the service asked for.
    """

    def __init__(self, deployment: str, clock: Callable[[], float]) -> None:
        self.quota_exhausted: str | None = None
        """The service's words, None while there is quota left."""
        self._deployment = deployment
        self._clock = clock
        self._until = self._said = -inf
        self._next_try = -inf
        self._tried: int | None = None

    @property
    def left_s(self) -> float:
        """Seconds left of what the service asked for, 0 when it asked for nothing."""
        return self.waits_s()[0]

    @property
    def lasts(self) -> bool:
        """Whether requests are held back."""
        return self.quota_exhausted is not None or self._clock() < self._until

    @property
    def next_try_s(self) -> float | None:
        """Seconds until a request is sent, tried or after the pause. None where none is held back."""
        return self.waits_s()[1]

    def waits_s(self) -> tuple[float, float | None]:
        """``left_s`` and ``next_try_s`` of one instant: equal where nothing is tried before the pause ends."""
        now = self._clock()
        left_s = max(0.0, self._until - now)
        tried_s = max(0.0, self._next_try - now)
        if self.quota_exhausted is not None:
            return left_s, tried_s
        return left_s, min(tried_s, left_s) if left_s > 0 else None

    def admits(self, request_id: int) -> bool:
        """Whether a request may be sent now; in a long pause it is the one that is tried."""
        if not self.lasts:
            return True
        now = self._clock()
        if now < self._next_try:
            return False
        self._tried, self._next_try = request_id, now + TRY_EVERY_S
        return True

    def never_served(self, outcome: Outcome) -> None:
        """The service has not seen a request: if that was the one that was tried, the next one is."""
        if self._is_tried(outcome):
            self._next_try = self._clock()

    def ended(self, outcome: Outcome, *, answered: bool) -> Iterator[tuple[EventKind, str]]:
        """Book an outcome; yields what is worth an event. ``answered`` is whether the service took the request:
        where that is the one that was tried, the pause is over."""
        tried = self._is_tried(outcome)
        if outcome.asks_for_pause:
            yield from self._asked(outcome, tried)
        elif tried and answered and self.lasts:
            self._until, self.quota_exhausted = -inf, None
            yield EventKind.REACHABLE, f"{self._deployment} takes requests again: its pause is over"

    def _is_tried(self, outcome: Outcome) -> bool:
        tried = self._tried is not None and outcome.request_id == self._tried
        if tried:
            self._tried = None
        return tried

    def _asked(self, outcome: Outcome, tried: bool) -> Iterator[tuple[EventKind, str]]:
        now, asked_s = self._clock(), outcome.retry_after_s
        if asked_s is not None and not isfinite(asked_s):
            asked_s = None
        if not self.lasts:
            self._next_try = now + TRY_EVERY_S
        if tried and asked_s is not None:
            # The newest word counts; those that were under way together say the same thing at several times.
            self._until = -inf
        words = outcome.error or outcome.kind.value.replace("_", " ")
        if outcome.kind is OutcomeKind.QUOTA_EXHAUSTED:
            self._until = max(self._until, now + (asked_s or 0.0))
            first, self.quota_exhausted = self.quota_exhausted is None, words
            if first:
                text = f"the quota of {self._deployment} is exhausted: {words.rstrip('.')}; {every_words()}"
                yield EventKind.QUOTA_EXHAUSTED, text
            return
        if tried:
            # Another refusal than that for the quota: there is some again.
            self.quota_exhausted = None
        asked_s = _DEFAULT_S if asked_s is None else asked_s
        self._until = max(self._until, now + asked_s)
        if now - self._said > _SAY_AGAIN_S:
            self._said = now
            said = f"{asked_s:.2g} s" if asked_s < 10 else span(round(asked_s))
            long = f" ({every_words()})" if asked_s > TRY_EVERY_S else ""
            yield EventKind.THROTTLED, f"{self._deployment} asks for a pause of {said}: {words}{long}"


def every_words() -> str:
    """How often a request is tried in a long pause."""
    return f"one request is tried every {TRY_EVERY_S:.0f} s"
