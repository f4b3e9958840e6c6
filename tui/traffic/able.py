"""Whether one deployment is able to serve, as the ends of its requests in the last 30 seconds say."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

from tui.model import ANSWERED, FILTERED, THROTTLED, OutcomeKind

OVER_S = 30
"""Ends count for so long; a request under way for longer counts as unanswered, once."""

UNKNOWN_AFTER_S = 60.0
"""Without traffic for this long nothing is known of a deployment."""

LEAST_REQUESTS = 10
UNABLE_PCT = 90.0
"""At least so many of at least ``LEAST_REQUESTS`` unanswered: it does not serve."""

ABLE_PCT = 50.0
ABLE_IN_A_ROW = 5
"""One that did not serve does again after so many answers in a row, or with fewer than half unanswered: between
the two limits it stays what it was, so that a service that flaps is not said to be well with every answer."""

_SERVED = ANSWERED | FILTERED | {OutcomeKind.BAD_REQUEST}
_WAITED = THROTTLED | {OutcomeKind.HELD_BACK}


class RecentEnds:
    """Answered and unanswered requests, second by second. Instants are seconds of the run."""

    def __init__(self) -> None:
        self.in_a_row = 0
        """Answers since the last one that did not come; below zero, requests since the last answer."""
        self._seconds: deque[list[int]] = deque()
        self._started: dict[int, float] = {}

    @property
    def under_way(self) -> int:
        return len(self._started)

    def started(self, request_id: int, at_s: float) -> None:
        self._started[request_id] = at_s

    def never_was(self, request_id: int) -> None:
        """A request ended in a way that says nothing of the service."""
        self._started.pop(request_id, None)

    def ended(self, request_id: int, kind: OutcomeKind, at_s: float) -> None:
        self._started.pop(request_id, None)
        second = int(at_s)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0, 0])
            while self._seconds[0][0] <= second - OVER_S:
                self._seconds.popleft()
        newest = self._seconds[-1]
        if kind in _SERVED:
            newest[1] += 1
            self.in_a_row = max(self.in_a_row, 0) + 1
        else:
            newest[2] += 1
            newest[3] += kind in _WAITED
            self.in_a_row = min(self.in_a_row, 0) - 1

    def counts(self, now_s: float) -> tuple[int, int, int]:
        """(Answered, unanswered, of these throttled or held back) in the last 30 s."""
        since = int(now_s) - OVER_S
        recent = [second for second in self._seconds if second[0] > since]
        # In the order in which they were started: only the oldest are looked at.
        overdue = takewhile(lambda at_s: now_s - at_s > OVER_S, self._started.values())
        late = sum(now_s - at_s <= 2 * OVER_S for at_s in overdue)
        return sum(s[1] for s in recent), sum(s[2] for s in recent) + late, sum(s[3] for s in recent)


def share_words(unanswered: int, waited: int, total: int) -> str:
    """``has failed 99 % of 212 requests in 30 s``: never 100 % where one was answered."""
    pct = 100 * unanswered // total
    if 2 * waited > unanswered:
        return f"is throttled, {pct} % of {total} requests unanswered in {OVER_S} s"
    return f"has failed {pct} % of {total} requests in {OVER_S} s"
