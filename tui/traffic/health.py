"""The condition of one deployment as its traffic shows it: pausing, unreachable, failing, stale.

Whether one deployment is able to serve, as the ends of its requests in the last 30 seconds say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import takewhile

from tui.base.text import span
from tui.model import (
    ANSWERED,
    FILTERED,
    NEVER_SERVED,
    THROTTLED,
    Ability,
    Assignment,
    EventKind,
    Outcome,
    OutcomeKind,
    Quota,
)
from tui.traffic.pause import Pause

STALE_AFTER_S = 10.0
"""A deployment that was sent requests and finished none for this long is stale."""

_STALE_REQUESTS = 3
_IN_A_ROW = 5
_SAY_AGAIN_S = 30.0
_NO_CONNECTION = frozenset({OutcomeKind.CONNECTION_LOST, OutcomeKind.TIMEOUT})
_RETIRED = (400, 410)
"""How the service refuses a version that is retired; 404 and 423 are other reasons to be gone."""
_FAILED = _NO_CONNECTION | {OutcomeKind.SERVER_ERROR, OutcomeKind.REFUSED, OutcomeKind.GONE}


def says_retired(outcome: Outcome) -> bool:
    """Whether a request was refused because the version of its deployment is retired."""
    return outcome.kind is OutcomeKind.GONE and outcome.http_status in _RETIRED


class Health:
    """What the last requests to one deployment say about it. Instants are readings of ``clock``, in seconds."""

    def __init__(self, deployment: str, *, clock: Callable[[], float]) -> None:
        self.deployment = deployment
        self.held_back = 0
        self.quota: Quota | None = None
        self.last_answer_s: float | None = None
        self.last_error: str | None = None
        self.last_error_s: float | None = None
        self.unreachable: str | None = None
        self.failing: str | None = None
        self.retired = False
        """Whether its last requests were refused because the version is retired."""
        self.pause = Pause(deployment, clock)
        self._clock = clock
        self._said_retired = float("-inf")
        self._failed_in_a_row = 0
        self._unanswered = 0
        self._unanswered_since: float | None = None
        self._ends = RecentEnds()
        self._traffic_s = float("-inf")
        self._gone = ""
        self._no_answer = ""
        self._said_no_answer = False
        self._unable_since_s: float | None = None

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._ends.under_way

    @property
    def throttled_s(self) -> float:
        """Seconds left of the pause that the service asked for, 0 when there is none."""
        return self.pause.left_s

    @property
    def stale_s(self) -> float | None:
        """Seconds since the deployment should have answered, None while it does or has nothing to answer."""
        if self._unanswered < _STALE_REQUESTS or self._unanswered_since is None:
            return None
        age = self._clock() - self._unanswered_since
        return age if age > STALE_AFTER_S else None

    def why_not_raise(self) -> str | None:
        """Why it must not get more traffic now, or None."""
        if self.unreachable:
            return f"it cannot be reached ({self.unreachable})"
        if self.failing:
            return f"its requests fail ({self.failing})"
        if self.pause.quota_exhausted:
            return f"its quota is exhausted ({self.pause.quota_exhausted})"
        stale = self.stale_s
        if stale is not None:
            return f"its figures are stale, no answer for {stale:.0f} s"
        ability = self.ability()
        return f"it {ability.why}" if ability.state == "unable" else None

    def ability(self) -> Ability:
        """Whether it is able to serve: not where it is retired, unreachable, failing, waits for its quota or
        leaves 90 % of at least 10 requests unanswered in 30 s. Not known without traffic for 60 s, but one
        that was retired stays so; nor where few ended in 30 s, and none of them was answered. To be asked
        about once a second: it notices since when."""
        now = self._clock()
        if not self.retired and now - self._traffic_s > UNKNOWN_AFTER_S:
            since = "" if self._traffic_s < 0 else f" for {span(now - self._traffic_s)}"
            self._no_answer = ""
            return Ability("unknown", f"has had no traffic{since}", self._unable_since_s)
        answered, unanswered, waited = self._ends.counts(now)
        why = self._why_unable(answered, unanswered, waited)
        if not why:
            self._unable_since_s = None
            if unanswered and not answered:
                return Ability("unknown", f"has answered none of {unanswered} in {OVER_S} s")
            return Ability()
        if self._unable_since_s is None:
            self._unable_since_s = now
        return Ability("unable", why, self._unable_since_s)

    def _why_unable(self, answered: int, unanswered: int, waited: int) -> str:
        total = answered + unanswered
        pct = 100 * unanswered / total if total else 0.0
        most = share_words(unanswered, waited, total) if total >= LEAST_REQUESTS and pct >= UNABLE_PCT else ""
        if self.retired:
            return self._gone
        if self.unreachable or self.failing:
            verb = "did not answer" if self.unreachable else "failed"
            return most or f"{verb} its last {self._failed_in_a_row} requests"
        if self.pause.quota_exhausted is not None:
            return most or "has no quota left"
        if self.pause.left_s > OVER_S:
            return most or f"asks to wait {span(self.pause.left_s)} more"
        if most or self._no_answer:
            return most or self._no_answer
        well = self._ends.in_a_row >= ABLE_IN_A_ROW or (total > 0 and pct < ABLE_PCT)
        if self._unable_since_s is None or well:
            return ""
        if not total:
            return "did not serve when it was last asked"
        return f"has left {unanswered} of {total} requests unanswered in {OVER_S} s"

    def not_answered(self, why: str) -> Iterator[tuple[EventKind, str]]:
        """The one request that was to show whether it is able to serve was not answered: it is not, until
        60 s have passed."""
        self._no_answer, self._traffic_s = why, self._clock()
        if not self._said_no_answer:
            self._said_no_answer = True
            yield EventKind.UNREACHABLE, f"{self.deployment} {why}"

    def admit(self, assignment: Assignment) -> bool:
        """Book an assignment; False while the service's pause lasts, but for the one that is tried every 300 s:
        then it is held back, not sent."""
        now = self._traffic_s = self._clock()
        if not self.pause.admits(assignment.request_id):
            self.held_back += 1
            self._ends.ended(assignment.request_id, OutcomeKind.HELD_BACK, now)
            return False
        self._ends.started(assignment.request_id, now)
        if self._unanswered == 0:
            self._unanswered_since = now
        self._unanswered += 1
        return True

    def ended(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        """Book an outcome; yields what is worth an event, each once per episode."""
        self.quota = outcome.quota or self.quota
        if outcome.kind in NEVER_SERVED:
            self._ends.never_was(outcome.request_id)
            self.pause.never_served(outcome)
            if outcome.kind is OutcomeKind.CLIENT_SATURATED:
                self._unanswered = max(0, self._unanswered - 1)  # it was never asked
            return
        self._traffic_s = self._clock()
        self._ends.ended(outcome.request_id, outcome.kind, self._traffic_s)
        self._unanswered, self._unanswered_since = 0, None
        if outcome.error is not None and outcome.kind is not OutcomeKind.PROMPT_FILTERED:
            self.last_error, self.last_error_s = outcome.error, outcome.ended_s
        if outcome.kind not in _NO_CONNECTION:
            self.last_answer_s = outcome.ended_s
        failed = outcome.kind in _FAILED
        yield from self._failure(outcome) if failed else self._contact()
        yield from self.pause.ended(outcome, answered=not failed)

    def _contact(self) -> Iterator[tuple[EventKind, str]]:
        """It is there, and lets us in."""
        self._failed_in_a_row = 0
        self.retired, self._no_answer, self._said_no_answer = False, "", False
        if self.unreachable is not None or self.failing is not None:
            self.unreachable = self.failing = None
            yield EventKind.REACHABLE, f"{self.deployment} answers again"

    def _failure(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        self._failed_in_a_row += 1
        before, self.retired = self.retired, says_retired(outcome)
        self._gone = f"is retired, answers {outcome.http_status}"
        yield from self._is_retired(outcome, before) if self.retired else self._failed(outcome)

    def _is_retired(self, outcome: Outcome, before: bool) -> Iterator[tuple[EventKind, str]]:
        """Said at the first such answer: trying again makes nothing else of it."""
        why = outcome.error or outcome.kind.value
        if self.unreachable is not None or self._failed_in_a_row >= _IN_A_ROW:
            self.unreachable, self.failing = None, why
        now = self._clock()
        if not before and now - self._said_retired > _SAY_AGAIN_S:
            self._said_retired = now
            yield EventKind.FAILING, f"{self.deployment} no longer answers: {why}"

    def _failed(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        why = outcome.error or outcome.kind.value
        if outcome.kind in _NO_CONNECTION:
            if self._failed_in_a_row == _IN_A_ROW:
                self.unreachable = why
                yield EventKind.UNREACHABLE, f"{self.deployment} cannot be reached: {why}"
        elif self.unreachable is not None or self._failed_in_a_row == _IN_A_ROW:
            self.unreachable, self.failing = None, why
            yield EventKind.FAILING, f"{self.deployment} fails, {_IN_A_ROW} requests or more in a row: {why}"


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
