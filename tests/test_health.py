"""The condition of one deployment, outcome by outcome."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator_service import Clock
from tui.model import Assignment, EventKind, Outcome, OutcomeKind, Quota
from tui.traffic.health import STALE_AFTER_S, Health

ASSIGNMENT = Assignment(1, "default", "d", 100.0, 0.0)


class Patient:
    """The health of ``d``, whose clock the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.health = Health("d", clock=self.clock)

    def send(self, times: int = 1) -> list[bool]:
        return [self.health.admit(ASSIGNMENT) for _ in range(times)]

    def end(self, kind: OutcomeKind = OutcomeKind.OK, **fields: Any) -> list[tuple[EventKind, str]]:
        """Book the end of a request that was sent before."""
        values: dict[str, Any] = {"error": None if kind is OutcomeKind.OK else "it broke", **fields}
        now = self.clock.now_s
        outcome = Outcome(1, "default", "d", 100.0, kind, now, now, now, 0.0, **values)
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


@pytest.mark.parametrize(("asked_s", "held_s"), [(None, 1.0), (0.0, 0.0), (86_400.0, 300.0)])
def test_how_long_a_pause_may_be(d: Patient, asked_s: float | None, held_s: float) -> None:
    d.ask(OutcomeKind.RATE_LIMITED, retry_after_s=asked_s)
    assert d.health.throttled_s == held_s


def test_unreachable_after_five_in_a_row_and_reachable_with_the_first_answer(d: Patient) -> None:
    lost = [d.ask(OutcomeKind.CONNECTION_LOST, error="refused") for _ in range(8)]
    assert [len(said) for said in lost] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert lost[4] == [(EventKind.UNREACHABLE, "d cannot be reached: refused")]
    assert d.health.unreachable == "refused"
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


def test_what_we_cancelled_says_nothing(d: Patient) -> None:
    for _ in range(4):
        d.ask(OutcomeKind.CONNECTION_LOST)
    assert d.ask(OutcomeKind.CANCELLED) == []
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
    ("asked_s", "said"), [(55.4257, "55 s"), (2.5, "2.5 s"), (0.02, "0.02 s"), (86_400.0, "86400 s")]
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
    assert d.health.failing is None, "a canary with little traffic is not yet out of the way"
    assert [d.ask(OutcomeKind.GONE, **GONE) for _ in range(9)] == [[]] * 9
    assert d.health.failing == "its version was retired on 2027-04-14"
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
