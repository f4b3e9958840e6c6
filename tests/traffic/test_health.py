"""The condition of one deployment, outcome by outcome."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice
from math import inf
from typing import Any

import pytest

from tests.support.simulator_service import Clock
from tui.model import Assignment, EventKind, Outcome, OutcomeKind, Quota
from tui.traffic.health import STALE_AFTER_S, Health
from tui.traffic.pause import TRY_EVERY_S

ASSIGNMENT = Assignment(1, "default", "d", 100.0, 0.0)


class Patient:
    """The health of ``d``, whose clock the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.health = Health("d", clock=self.clock)
        self.ids = count(2)

    def failing(self) -> str | None:
        return self.health.failing

    def send(self, times: int = 1) -> list[bool]:
        return [self.health.admit(ASSIGNMENT) for _ in range(times)]

    def tried(self) -> int | None:
        """The request that is sent of the next five, if one is."""
        ids = [
            number
            for number in islice(self.ids, 5)
            if self.health.admit(replace(ASSIGNMENT, request_id=number))
        ]
        assert len(ids) <= 1
        return ids[0] if ids else None

    def end(
        self, kind: OutcomeKind = OutcomeKind.OK, number: int = 1, **fields: Any
    ) -> list[tuple[EventKind, str]]:
        """Book the end of a request that was sent before."""
        values: dict[str, Any] = {"error": None if kind is OutcomeKind.OK else "it broke", **fields}
        now = self.clock.now_s
        outcome = Outcome(number, "default", "d", 100.0, kind, now, now, now, 0.0, **values)
        return list(self.health.ended(outcome))

    def ask(self, kind: OutcomeKind = OutcomeKind.OK, **fields: Any) -> list[tuple[EventKind, str]]:
        self.health.admit(ASSIGNMENT)
        return self.end(kind, **fields)


@pytest.fixture
def d() -> Patient:
    return Patient()


def test_a_pause_is_honoured_to_its_end(d: Patient) -> None:
    [(kind, text)] = d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=2.5, error="HTTP 429: slow down")
    assert (kind, text) == (EventKind.THROTTLED, "d asks for a pause of 2.5 s: HTTP 429: slow down")
    d.clock.now_s += 2.4
    assert d.health.throttled_s == pytest.approx(0.1)
    assert d.send(3) == [False] * 3
    assert (d.health.held_back, d.health.in_flight) == (3, 0)
    d.clock.now_s += 0.2
    assert d.health.throttled_s == 0
    assert d.send() == [True]
    assert d.health.last_error == "HTTP 429: slow down"


def test_a_short_pause_ends_before_a_request_is_tried_in_it_on_a_clock_that_runs(d: Patient) -> None:
    ticks = count()
    d.health = Health("d", clock=lambda: d.clock.now_s + 1e-6 * next(ticks))
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=2)
    left_s, next_try_s = d.health.pause.waits_s()
    assert 1.9 < left_s <= 2
    assert next_try_s == left_s
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=7_200)
    left_s, next_try_s = d.health.pause.waits_s()
    assert next_try_s is not None
    assert next_try_s < left_s


def test_a_pause_is_said_once_however_many_refusals_tell_of_it(d: Patient) -> None:
    d.send(20)
    said = [event for _ in range(20) for event in d.end(OutcomeKind.RATE_LIMITED, retry_after_s=5)]
    assert len(said) == 1
    d.clock.now_s += 31
    assert [kind for kind, _ in d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=5)] == [EventKind.THROTTLED]


def test_a_shorter_pause_does_not_cut_a_longer_one(d: Patient) -> None:
    d.send(2)
    d.end(OutcomeKind.RATE_LIMITED, retry_after_s=60)
    d.end(OutcomeKind.RATE_LIMITED, retry_after_s=1)
    assert d.health.throttled_s == 60


@pytest.mark.parametrize(("asked_s", "held_s"), [(None, 1.0), (0.0, 0.0), (200_000.0, 200_000.0)])
def test_how_long_a_pause_may_be(d: Patient, asked_s: float | None, held_s: float) -> None:
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=asked_s)
    assert d.health.throttled_s == held_s


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (OutcomeKind.RATE_LIMITED, "HTTP 429: slow down"),
        (OutcomeKind.SERVER_ERROR, "HTTP 503: overloaded"),
        (OutcomeKind.REFUSED, "HTTP 403: out of call volume quota"),
    ],
)
def test_whoever_says_when_to_come_back_is_left_alone_until_then(
    d: Patient, kind: OutcomeKind, error: str
) -> None:
    [(said, text)] = d.ask(kind, retry_after_s=40, error=error)
    assert (said, text) == (EventKind.THROTTLED, f"d asks for a pause of 40 s: {error}")
    d.clock.now_s += 39
    assert d.send() == [False]
    d.clock.now_s += 2
    assert d.send(3) == [True] * 3


def test_a_failure_that_says_nothing_of_waiting_holds_nothing_back(d: Patient) -> None:
    for kind in (OutcomeKind.SERVER_ERROR, OutcomeKind.REFUSED, OutcomeKind.GONE, OutcomeKind.BAD_REQUEST):
        assert d.ask(kind) == []
    assert d.ask(OutcomeKind.SERVER_ERROR, retry_after_s=0.0) == []
    assert d.send(3) == [True] * 3


def test_a_service_that_fails_and_asks_for_pauses_is_failing(d: Patient) -> None:
    said = []
    for _ in range(5):
        said += d.ask(OutcomeKind.SERVER_ERROR, retry_after_s=1, error="HTTP 503")
        d.clock.now_s += 1
    assert [kind for kind, _ in said] == [EventKind.THROTTLED, EventKind.FAILING]


def test_in_a_long_pause_one_request_is_tried_every_300_s(d: Patient) -> None:
    [(_, text)] = d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=7_500, error="HTTP 429")
    assert text == "d asks for a pause of 2 h 5 min: HTTP 429 (one request is tried every 300 s)"
    tries = []
    for _ in range(25):
        assert d.tried() is None
        assert d.health.pause.next_try_s == min(TRY_EVERY_S, d.health.throttled_s)
        d.clock.now_s += TRY_EVERY_S
        if d.health.throttled_s:
            number = d.tried()
            assert number is not None
            tries.append(number)
            d.end(OutcomeKind.TIMEOUT, number)
    assert len(tries) == 24
    assert d.health.held_back == 25 * 5 + 24 * 4
    assert (d.health.throttled_s, d.health.pause.next_try_s) == (0.0, None)


def test_a_request_that_is_tried_and_answered_ends_the_pause(d: Patient) -> None:
    d.send(2)
    d.end(OutcomeKind.RATE_LIMITED, retry_after_s=7_500)
    d.end()
    assert d.health.throttled_s == 7_500, "what was under way says nothing of the pause"
    d.clock.now_s += TRY_EVERY_S
    number = d.tried()
    assert number is not None
    assert d.end(number=number) == [(EventKind.REACHABLE, "d takes requests again: its pause is over")]
    assert d.send(3) == [True] * 3


def test_the_newest_word_of_a_long_pause_counts(d: Patient) -> None:
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=7_500)
    d.clock.now_s += TRY_EVERY_S
    d.end(OutcomeKind.RATE_LIMITED, d.tried() or 0, retry_after_s=20)
    assert d.health.throttled_s == 20


def test_a_request_that_never_left_is_no_try(d: Patient) -> None:
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=7_500)
    d.clock.now_s += TRY_EVERY_S
    for kind in (OutcomeKind.CANCELLED, OutcomeKind.CLIENT_SATURATED):
        d.end(kind, d.tried() or 0)
    assert d.tried() is not None
    assert d.tried() is None


@pytest.mark.parametrize("asked_s", [None, 1.0, 40.0, 7_500.0, inf])
def test_a_used_up_quota_is_tried_every_300_s_until_it_is_there_again(
    d: Patient, asked_s: float | None
) -> None:
    words = "HTTP 429: You exceeded your current quota"
    [(kind, text)] = d.ask(OutcomeKind.QUOTA_EXHAUSTED, retry_after_s=asked_s, error=words)
    assert kind is EventKind.QUOTA_EXHAUSTED
    assert text == f"the quota of d is exhausted: {words}; one request is tried every 300 s"
    assert d.health.why_not_raise() == f"its quota is exhausted ({words})"
    for _ in range(5):
        d.clock.now_s += TRY_EVERY_S - 1
        assert d.tried() is None
        assert d.health.pause.next_try_s == 1
        d.clock.now_s += 1
        assert d.end(OutcomeKind.QUOTA_EXHAUSTED, d.tried() or 0, retry_after_s=asked_s, error=words) == []
    assert d.health.failing is None
    d.clock.now_s += TRY_EVERY_S
    [(kind, _)] = d.end(number=d.tried() or 0)
    assert (kind, d.health.pause.quota_exhausted) == (EventKind.REACHABLE, None)
    assert d.health.why_not_raise() is None
    assert d.send(3) == [True] * 3


def test_a_rate_limit_after_a_used_up_quota_is_a_rate_limit(d: Patient) -> None:
    d.ask(OutcomeKind.QUOTA_EXHAUSTED)
    d.clock.now_s += TRY_EVERY_S
    [(kind, _)] = d.end(OutcomeKind.RATE_LIMITED, d.tried() or 0, retry_after_s=20)
    assert (kind, d.health.pause.quota_exhausted) == (EventKind.THROTTLED, None)
    assert d.health.throttled_s == 20


def test_unreachable_after_five_in_a_row_and_reachable_with_the_first_answer(d: Patient) -> None:
    lost = [d.ask(OutcomeKind.CONNECTION_LOST, error="refused") for _ in range(8)]
    assert [len(said) for said in lost] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert lost[4] == [(EventKind.UNREACHABLE, "d cannot be reached: refused")]
    assert str(d.health.unreachable) == "refused"
    assert d.health.why_not_raise() == "it cannot be reached (refused)"
    assert d.ask() == [(EventKind.REACHABLE, "d answers again")]
    assert d.health.unreachable is None
    assert d.health.why_not_raise() is None
    again = [d.ask(OutcomeKind.TIMEOUT) for _ in range(5)]
    assert [kind for said in again for kind, _ in said] == [EventKind.UNREACHABLE]


def test_any_answer_in_between_is_contact(d: Patient) -> None:
    for kind in (
        OutcomeKind.OK,
        OutcomeKind.PROMPT_FILTERED,
        OutcomeKind.RATE_LIMITED,
        OutcomeKind.BAD_REQUEST,
    ):
        for _ in range(4):
            assert d.ask(OutcomeKind.CONNECTION_LOST) == []
        d.ask(kind)
    assert d.health.unreachable is None
    assert d.health.failing is None


@pytest.mark.parametrize("kind", [OutcomeKind.SERVER_ERROR, OutcomeKind.REFUSED, OutcomeKind.GONE])
def test_failing_after_five_in_a_row_and_well_with_the_first_answer(d: Patient, kind: OutcomeKind) -> None:
    said = [d.ask(kind, error="HTTP 503") for _ in range(8)]
    assert [len(events) for events in said] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert said[4] == [(EventKind.FAILING, "d fails, 5 requests or more in a row: HTTP 503")]
    assert (d.health.failing, d.health.unreachable) == ("HTTP 503", None)
    assert d.health.why_not_raise() == "its requests fail (HTTP 503)"
    assert d.ask() == [(EventKind.REACHABLE, "d answers again")]
    assert d.health.failing is None


def test_a_service_that_comes_back_with_errors_is_failing(d: Patient) -> None:
    for _ in range(5):
        d.ask(OutcomeKind.CONNECTION_LOST)
    assert [kind for kind, _ in d.ask(OutcomeKind.SERVER_ERROR)] == [EventKind.FAILING]
    assert d.health.unreachable is None


@pytest.mark.parametrize("kind", [OutcomeKind.CANCELLED, OutcomeKind.CLIENT_SATURATED])
def test_what_no_service_has_seen_says_nothing(d: Patient, kind: OutcomeKind) -> None:
    for _ in range(4):
        d.ask(OutcomeKind.CONNECTION_LOST)
    assert d.ask(kind) == []
    assert d.health.last_error == "it broke"
    assert d.health.last_answer_s is None
    assert [kind for kind, _ in d.ask(OutcomeKind.CONNECTION_LOST)] == [EventKind.UNREACHABLE]
    assert d.health.in_flight == 0


def test_stale_when_requests_are_not_answered(d: Patient) -> None:
    d.ask()
    d.send(3)
    assert d.health.last_answer_s == d.clock.now_s
    d.clock.now_s += STALE_AFTER_S
    assert d.health.stale_s is None
    d.clock.now_s += 1
    assert d.health.stale_s == pytest.approx(STALE_AFTER_S + 1)
    assert d.health.why_not_raise() == "its figures are stale, no answer for 11 s"
    d.end()
    assert d.health.stale_s is None
    assert d.health.why_not_raise() is None


def test_no_traffic_is_not_stale(d: Patient) -> None:
    d.ask()
    d.clock.now_s += 3600
    assert d.health.stale_s is None
    d.send(2)
    d.clock.now_s += 3600
    assert d.health.stale_s is None, "two requests are too few to tell"


def test_the_last_quota_and_error_stay(d: Patient) -> None:
    d.ask(quota=Quota(remaining_requests=5))
    d.ask(OutcomeKind.SERVER_ERROR, error="HTTP 500")
    d.ask(OutcomeKind.PROMPT_FILTERED, error="blocked: jailbreak")
    assert d.health.quota == Quota(remaining_requests=5)
    assert d.health.last_error == "HTTP 500", "a filter that works is no error"


def test_an_error_is_as_old_as_its_request(d: Patient) -> None:
    assert d.health.last_error_s is None
    d.ask(OutcomeKind.SERVER_ERROR)
    failed_s = d.clock.now_s
    d.clock.now_s += 5
    d.ask()
    assert d.health.last_error_s == failed_s


@pytest.mark.parametrize(
    ("asked_s", "said"),
    [
        (55.4257, "55 s"),
        (2.5, "2.5 s"),
        (0.02, "0.02 s"),
        (7_500.0, "2 h 5 min"),
        (86_400.0, "1 d"),
        (200_000.0, "2 d 7 h"),
    ],
)
def test_a_pause_is_said_in_few_digits(d: Patient, asked_s: float, said: str) -> None:
    [(_, text)] = d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=asked_s)
    assert f"a pause of {said}: " in text


GONE = {"http_status": 410, "error": "its version was retired on 2027-04-14"}


def test_that_a_version_is_retired_is_said_at_the_first_such_answer_and_once(d: Patient) -> None:
    d.ask()
    [(kind, text)] = d.ask(OutcomeKind.GONE, **GONE)
    assert (kind, text) == (EventKind.FAILING, "d no longer answers: its version was retired on 2027-04-14")
    assert d.health.retired
    assert d.failing() is None, "a canary with little traffic is not yet out of the way"
    assert [d.ask(OutcomeKind.GONE, **GONE) for _ in range(9)] == [[]] * 9
    assert d.failing() == "its version was retired on 2027-04-14"
    assert d.health.why_not_raise() == "its requests fail (its version was retired on 2027-04-14)"
    [(kind, _)] = d.ask()
    assert (kind, d.health.retired, d.health.failing) == (EventKind.REACHABLE, False, None)


def test_a_retirement_that_comes_and_goes_is_said_every_half_minute(d: Patient) -> None:
    def both() -> list[EventKind]:
        return [kind for kind, _ in d.ask(OutcomeKind.GONE, **GONE) + d.ask()]

    assert both() == [EventKind.FAILING]
    assert both() == []
    d.clock.now_s += 31
    assert both() == [EventKind.FAILING]


def test_a_retirement_after_other_failures_is_said_too(d: Patient) -> None:
    d.ask(OutcomeKind.SERVER_ERROR)
    assert [kind for kind, _ in d.ask(OutcomeKind.GONE, **GONE)] == [EventKind.FAILING]
    for _ in range(5):
        d.ask(OutcomeKind.CONNECTION_LOST)
    assert d.health.unreachable is not None
    d.clock.now_s += 31
    assert [kind for kind, _ in d.ask(OutcomeKind.GONE, **GONE)] == [EventKind.FAILING]
    assert d.health.unreachable is None


@pytest.mark.parametrize(
    ("kind", "status", "retired"),
    [
        (OutcomeKind.GONE, 410, True),
        (OutcomeKind.GONE, 400, True),
        (OutcomeKind.GONE, 404, False),
        (OutcomeKind.GONE, 423, False),
        (OutcomeKind.BAD_REQUEST, 400, False),
        (OutcomeKind.SERVER_ERROR, 410, False),
    ],
)
def test_which_answers_mean_retired(d: Patient, kind: OutcomeKind, status: int, retired: bool) -> None:
    d.ask(kind, http_status=status)
    assert d.health.retired is retired
