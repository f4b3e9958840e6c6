"""The pictures of the documentation: a film that always runs alike, and every state with its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenshots.camera import CannotDraw, fonts, photograph, words
from screenshots.film import Film
from screenshots.frames import CANARY, frame
from screenshots.states import SMALL, STATES, State
from tests.support.cockpit_driver import BlankRenderer
from tui.model import ALL_TASKS, DEFAULT_TASK, Figures, OutcomeKind, Snapshot
from tui.simulator.scenarios import SCENARIOS

BASELINE = "gpt4o-prod-v1120"


def short_film(seed: int) -> Snapshot:
    film = Film(SCENARIOS["flaky-canary"], seed=seed)
    film.roll_to(10)
    film.controller.shift(CANARY, 30, "ana")
    film.roll_to(25)
    return film.snapshot()


def of(snapshot: Snapshot, name: str, window: str = "1m") -> Figures:
    return snapshot.deployments[name].figures[window][ALL_TASKS]


def p95_ms(figures: Figures) -> float:
    assert figures.latency_ms is not None
    return figures.latency_ms.p95


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return short_film(1)


def test_the_same_seed_gives_the_same_film_and_another_one_another(snapshot: Snapshot) -> None:
    assert snapshot == short_film(1)
    assert snapshot.history != short_film(2).history


def test_every_request_of_a_film_is_accounted_for(snapshot: Snapshot) -> None:
    ended = sum(of(snapshot, name, "run").requests for name in snapshot.deployments)
    in_flight = sum(view.in_flight for view in snapshot.deployments.values())
    assert snapshot.sender.sent == ended + in_flight
    assert snapshot.sender.sent == pytest.approx(25 * 40, rel=0.1)
    assert snapshot.sender.in_flight == in_flight
    assert sum(snapshot.assigned[DEFAULT_TASK].values()) == pytest.approx(15 * 40, rel=0.15)
    assert snapshot.spent_usd == pytest.approx(
        sum(of(snapshot, name, "run").cost_usd or 0 for name in snapshot.deployments)
    )


def test_the_story_shows_a_slow_canary_and_a_steady_baseline() -> None:
    before, breach = frame("steady"), frame("breach")
    assert p95_ms(of(before, CANARY)) == pytest.approx(p95_ms(of(before, BASELINE)), rel=0.2)
    assert p95_ms(of(breach, CANARY)) > 1.35 * p95_ms(of(breach, BASELINE))
    assert p95_ms(of(breach, BASELINE)) == pytest.approx(p95_ms(of(before, BASELINE)), rel=0.15)
    assert breach.weights[DEFAULT_TASK][CANARY] == 25
    assert of(breach, CANARY).assigned_share_pct == pytest.approx(25, abs=4)


def test_after_the_roll_back_nothing_goes_to_the_canary() -> None:
    snapshot = frame("rolled-back")
    assert snapshot.weights[DEFAULT_TASK][BASELINE] == 100
    assert set(snapshot.assigned[DEFAULT_TASK]) == {BASELINE}


def test_each_trouble_comes_out_of_the_rooms_themselves() -> None:
    throttled = frame("throttled").deployments[CANARY]
    assert throttled.throttled_s > 0
    assert throttled.held_back > 0
    assert of(frame("throttled"), CANARY).kinds[OutcomeKind.RATE_LIMITED] > 0
    assert frame("unreachable").deployments[CANARY].unreachable is not None
    assert frame("unreachable").deployments[BASELINE].unreachable is None
    assert frame("saturated").sender.skipped > 0
    assert frame("budget-spent").spent_usd == pytest.approx(5.0, abs=0.1)
    assert frame("traffic-paused").sender.in_flight == 0


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_a_state_shows_its_words_on_the_smallest_screen(state: State) -> None:
    read = words(await photograph(state, min(state.sizes), BlankRenderer()))
    assert [said for said in state.says if said not in read] == []


async def test_two_photographs_of_one_moment_are_equal() -> None:
    breach = STATES[0]
    assert await photograph(breach, SMALL) == await photograph(breach, SMALL)


def test_a_missing_font_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CannotDraw, match="fonts-dejavu-core"):
        fonts([tmp_path])
