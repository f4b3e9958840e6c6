"""Whether a deployment is able to serve: tables of what its last requests did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Literal

import pytest

from tests.support.simulator_service import Clock
from tui.model import Ability, Assignment, EventKind, Outcome, OutcomeKind
from tui.traffic.health import Health

State = Literal["able", "unable", "unknown"]
OK, DOWN, LIMITED = OutcomeKind.OK, OutcomeKind.SERVER_ERROR, OutcomeKind.RATE_LIMITED


class Asked:
    """The health of ``d``, every request with a number of its own, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.health = Health("d", clock=self.clock)
        self._ids = count(1)

    def start(self, times: int = 1) -> list[int]:
        ids = [next(self._ids) for _ in range(times)]
        for number in ids:
            self.health.admit(Assignment(number, "default", "d", 100.0, self.clock.now_s))
        return ids

    def end(
        self, number: int, kind: OutcomeKind, status: int | None = None, after_s: float | None = None
    ) -> None:
        now, error = self.clock.now_s, None if kind is OK else "HTTP 503"
        made = Outcome(number, "default", "d", 100.0, kind, now, now, now, 0.0, error=error)
        list(self.health.ended(replace(made, http_status=status, retry_after_s=after_s)))

    def ask(self, *kinds: OutcomeKind, times: int = 1, status: int | None = None) -> None:
        for kind in kinds * times:
            self.end(self.start()[0], kind, status)

    def state(self) -> str:
        return self.ability.state

    def pass_s(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @property
    def ability(self) -> Ability:
        return self.health.ability()


@pytest.fixture
def d() -> Asked:
    return Asked()


def throttled(d: Asked) -> None:
    d.ask(OK)
    d.end(d.start()[0], LIMITED, after_s=20.0)
    d.start(40)


def hanging(seconds: float) -> Callable[[Asked], None]:
    def hang(d: Asked) -> None:
        d.start(20)
        d.pass_s(seconds)
        d.ask(OK)

    return hang


@pytest.mark.parametrize(
    ("happens", "state", "why"),
    [
        (lambda d: d.ask(OK), "able", ""),
        (lambda d: None, "unknown", "has had no traffic"),
        (lambda d: d.ask(OutcomeKind.GONE, status=410), "unable", "is retired, answers 410"),
        (lambda d: d.ask(DOWN, times=4), "unknown", "has answered none of 4 in 30 s"),
        (lambda d: d.ask(OK, *[DOWN] * 4), "able", ""),
        (lambda d: d.ask(DOWN, times=5), "unable", "failed its last 5 requests"),
        (
            lambda d: d.ask(OutcomeKind.CONNECTION_LOST, times=5),
            "unable",
            "did not answer its last 5 requests",
        ),
        (lambda d: d.ask(DOWN, times=212), "unable", "has failed 100 % of 212 requests in 30 s"),
        (lambda d: d.ask(OK, *[DOWN] * 211), "unable", "has failed 99 % of 212 requests in 30 s"),
        (lambda d: d.ask(*[DOWN] * 9, OK), "unable", "has failed 90 % of 10 requests in 30 s"),
        (lambda d: d.ask(*[DOWN] * 8, OK), "able", ""),
        (lambda d: d.ask(*[DOWN] * 8, OK, OK), "able", ""),
        (lambda d: d.ask(OutcomeKind.BAD_REQUEST, times=30), "able", ""),
        (lambda d: d.ask(OutcomeKind.PROMPT_FILTERED, OutcomeKind.COMPLETION_FILTERED, times=30), "able", ""),
        (lambda d: d.ask(OutcomeKind.CANCELLED, OutcomeKind.CLIENT_SATURATED, times=30), "able", ""),
        (throttled, "unable", "is throttled, 97 % of 42 requests unanswered in 30 s"),
        (lambda d: d.end(d.start()[0], LIMITED, after_s=29.0), "unknown", "has answered none of 1 in 30 s"),
        (lambda d: d.end(d.start()[0], LIMITED, after_s=7_500.0), "unable", "asks to wait 2 h 5 min more"),
        (lambda d: d.ask(OutcomeKind.QUOTA_EXHAUSTED), "unable", "has no quota left"),
        (hanging(30.0), "able", ""),
        (hanging(31.0), "unable", "has failed 95 % of 21 requests in 30 s"),
        (hanging(61.0), "able", ""),
    ],
)
def test_what_the_last_requests_say(d: Asked, happens: Callable[[Asked], None], state: State, why: str) -> None:
    happens(d)
    assert (d.ability.state, d.ability.why) == (state, why)


@pytest.mark.parametrize(("seconds", "state"), [(30.0, "unable"), (60.0, "unable"), (60.5, "unknown")])
def test_without_traffic_for_a_minute_nothing_is_known(d: Asked, seconds: float, state: State) -> None:
    d.ask(DOWN, times=20)
    assert d.state() == "unable"
    d.pass_s(seconds)
    assert d.state() == state


def test_a_retired_version_stays_retired_without_traffic(d: Asked) -> None:
    d.ask(OutcomeKind.GONE, status=410)
    d.pass_s(3600.0)
    assert d.state() == "unable"


def test_ends_count_for_thirty_seconds(d: Asked) -> None:
    d.ask(OK, times=4)
    d.pass_s(20.0)
    d.ask(*[DOWN] * 4, OK, *[DOWN] * 4, OK, *[DOWN] * 4)
    assert d.state() == "able", "12 of 18"
    d.ask(*[DOWN] * 4, OutcomeKind.BAD_REQUEST)
    d.pass_s(10.0)
    assert d.state() == "able", "the first answers left: 16 of 19"
    d.ask(*[DOWN] * 4, *[OutcomeKind.RATE_LIMITED] * 20)
    assert d.state() == "unable"


def test_a_service_that_flaps_is_not_well_with_every_answer(d: Asked) -> None:
    d.ask(DOWN, times=20)
    since_s = d.ability.since_s
    for _ in range(5):
        d.pass_s(1.0)
        d.ask(OK, *[DOWN] * 3)
        assert d.state() == "unable"
    assert d.ability.why == "has left 35 of 40 requests unanswered in 30 s"
    assert d.ability.since_s == since_s == 1000.0
    d.ask(OK, times=4)
    assert d.state() == "unable"
    d.ask(OK)
    assert d.ability == Ability()


def test_one_with_little_traffic_is_well_when_half_of_it_is_answered(d: Asked) -> None:
    for _ in range(5):
        d.ask(DOWN)
        d.pass_s(10.0)
    assert d.state() == "unable"
    d.ask(OK)
    assert d.ability.why == "has left 2 of 3 requests unanswered in 30 s"
    d.pass_s(10.0)
    d.ask(OK)
    assert d.state() == "able"


def test_a_request_that_was_to_show_it_and_is_not_answered_counts_for_a_minute(d: Asked) -> None:
    d.start()
    [(kind, text)] = d.health.not_answered("did not answer within 10 s")
    assert (kind, text) == (EventKind.UNREACHABLE, "d did not answer within 10 s")
    assert (d.ability.state, d.ability.why) == ("unable", "did not answer within 10 s")
    assert d.health.why_not_raise() == "it did not answer within 10 s"
    d.pass_s(61.0)
    assert d.state() == "unknown"
    d.ask(OK)
    assert d.state() == "able"


def test_one_that_is_not_able_gets_no_more_traffic(d: Asked) -> None:
    d.ask(*[DOWN] * 9, OK)
    assert d.health.why_not_raise() == "it has failed 90 % of 10 requests in 30 s"
