"""What calibrate measures of two equal versions that wander: the margin to write, and the dispersion."""

from __future__ import annotations

import json
import math
import random
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from bench.world import BASE, CANARY, Version, World, always, happenings
from tests.support.evidence import outcome_of, stream
from tests.support.recordings import STARTED, event, made_run, rollout_text
from tui.afterwards.calibrate import calibrate, calibration_json, calibration_text, noise_json, noise_text
from tui.afterwards.own_noise import (
    Margin,
    Measured,
    OwnNoise,
    chi2_quantile,
    dispersion,
    margins,
    measured,
    wander,
)
from tui.afterwards.recording import Recording
from tui.evaluation.evaluator import Evaluator
from tui.evaluation.evaluators import Evaluators
from tui.model import DEFAULT_TASK, Assignment, EventKind, Outcome, OutcomeKind, VerdictState
from tui.record.record import RunRecord
from tui.rollout import Criteria

SHARES = {BASE: 50.0, CANARY: 50.0}
NORMAL = NormalDist()


def minutes_of(
    answers: int, minutes: int, shift: Callable[[int], float] = lambda minute: 0.0, **fields: Any
) -> Iterator[Outcome]:
    """So many answers a minute of each, the logarithm of the canary's larger by ``shift(minute)``: quantiles
    of a lognormal, so that nothing differs by chance."""
    for minute in range(minutes):
        for number in range(answers):
            plain_ms = 300 * math.exp(0.05 * NORMAL.inv_cdf((number + 0.5) / answers))
            at_s = 60 * minute + 60 * number / answers
            for name, ms in ((BASE, plain_ms), (CANARY, plain_ms * math.exp(shift(minute)))):
                made = outcome_of(name, SHARES, sent_s=at_s, ended_s=at_s, latency_ms=ms, ttft_ms=ms / 2)
                yield replace(made, **fields)


def heard(*outcomes: Iterator[Outcome]) -> OwnNoise:
    noise = OwnNoise(BASE)
    for each in outcomes:
        for outcome in each:
            noise.add(outcome, DEFAULT_TASK)
    return noise


def swings(minute: int) -> float:
    return 0.3 if minute % 2 else -0.3


# --- the margin ---


@pytest.mark.parametrize("sd", [0.0, 0.15, 0.3])
def test_the_noise_of_few_answers_is_taken_off(sd: float) -> None:
    """With 40 answers beside 120 the log ratio of a minute has a variance of 0.019 by chance alone."""
    rng = random.Random(f"{sd}")

    def drawn() -> Iterator[Outcome]:
        for minute in range(200):
            for name, n in ((BASE, 120), (CANARY, 40)):
                wandered = sd / math.sqrt(2) * rng.gauss(0, 1)
                for _ in range(n):
                    ms = 300 * math.exp(wandered + 0.6 * rng.gauss(0, 1))
                    yield outcome_of(name, SHARES, sent_s=60.0 * minute, latency_ms=ms)

    found = wander([heard(drawn())], DEFAULT_TASK, "latency", 50)
    assert found is not None
    assert found.minutes == 200
    assert found.deviation**2 == pytest.approx(sd**2, abs=3 * (sd**2 + 0.019) * math.sqrt(2 / 200))


@pytest.mark.parametrize(
    ("answers", "minutes", "expected"),
    [
        # P50 from 10 answers a minute, P95 from 100, P99 from 500; 20 such minutes.
        (9, 30, [(10.0, None), (10.0, None), (10.0, None)]),
        (30, 19, [(10.0, None), (10.0, None), (10.0, None)]),
        (30, 30, [(146.0, "latency_p50"), (146.0, "latency_p50"), (146.0, "latency_p50")]),
        (110, 20, [(146.0, "latency_p50"), (146.0, "latency_p50"), (146.0, "latency_p50")]),
    ],
)
def test_a_quantile_that_cannot_be_known_has_the_margin_of_the_one_before(
    answers: int, minutes: int, expected: list[tuple[float, str | None]]
) -> None:
    found = measured([heard(minutes_of(answers, minutes, swings))], DEFAULT_TASK)
    keys = ["latency_p50_pct", "latency_p95_pct", "latency_p99_pct"]
    assert [margin.key for margin in found.margins] == keys
    known = [(margin.pct, margin.of) for margin in found.margins]
    for (pct, of), (wanted_pct, wanted_of) in zip(known, expected, strict=True):
        assert (of is None) is (wanted_of is None)
        # The sampling noise of so few answers was taken off, though these have none.
        assert pct == pytest.approx(wanted_pct, abs=0 if of is None else 8)
    known_p95 = found.wanders["latency_p95"] is not None
    assert known_p95 is (answers >= 100)
    assert found.wanders["latency_p99"] is None


def test_a_margin_is_never_below_the_default_or_that_of_a_lower_quantile() -> None:
    none = measured([heard(minutes_of(200, 20))], DEFAULT_TASK)
    assert [margin.pct for margin in none.margins] == [10.0, 10.0, 10.0]
    wide = replace(none.wanders["latency_p50"], deviation=0.2)  # type: ignore[type-var]
    wider = replace(none.wanders["ttft_p95"], deviation=0.25)  # type: ignore[type-var]
    found = margins({**none.wanders, "ttft_p50": wide, "ttft_p95": wider})
    assert found == (
        Margin("latency_p50_pct", 83.0, "ttft_p50", 20),
        Margin("latency_p95_pct", 112.0, "ttft_p95", 20),
        Margin("latency_p99_pct", 112.0, "ttft_p95", 20),
    )
    found = margins({**none.wanders, "ttft_p50": wider, "ttft_p95": wide})
    assert [margin.pct for margin in found] == [112.0, 112.0, 112.0]


@pytest.mark.parametrize(
    "fields",
    [
        {"saturated": True},
        {"counts_for_version": False},
        {"kind": OutcomeKind.SERVER_ERROR},
        {"kind": OutcomeKind.HELD_BACK},
    ],
)
def test_what_says_nothing_of_its_version_widens_no_margin(fields: dict[str, Any]) -> None:
    calm, wild = minutes_of(30, 30), minutes_of(30, 30, swings, **{"ttft_ms": None, **fields})
    found = measured([heard(calm, wild)], DEFAULT_TASK)
    assert found.margins[0] == Margin("latency_p50_pct", 10.0, "latency_p50", 30)


def test_hostile_times_leave_their_minute_out() -> None:
    strange = [math.nan, -5.0, 0.0, math.inf]
    bad = (
        outcome_of(CANARY, SHARES, sent_s=60.0 * minute, latency_ms=strange[n % 4])
        for minute in range(30)
        for n in range(200)
    )
    assert wander([heard(minutes_of(30, 30), bad)], DEFAULT_TASK, "latency", 50) is None


def test_runs_are_pooled_and_tasks_are_not() -> None:
    first, second = heard(minutes_of(30, 15, swings)), heard(minutes_of(30, 15, swings))
    assert wander([first], DEFAULT_TASK, "latency", 50) is None
    both = wander([first, second], DEFAULT_TASK, "latency", 50)
    assert both is not None
    assert both.minutes == 30
    assert wander([first, second], "mail", "latency", 50) is None


# --- the dispersion ---


def weighed(minutes: int, same_s: int, criterion: str = "latency_p50") -> OwnNoise:
    """A pair a second of which one is bad: for ``same_s`` seconds the canary's, then the baseline's, and so on.
    U is +-1/2 and V 1/4."""
    noise = heard(minutes_of(1, minutes + 1))
    hear = noise.listener(CANARY, DEFAULT_TASK)
    for second in range(60 * minutes):
        own = second // same_s % 2 == 0
        hear(criterion, float(second), 1, 1, int(not own), int(own))
    return noise


def test_the_chi2_quantile_is_that_of_the_tables() -> None:
    for degrees, wanted in ((10, 6.179), (20, 14.578), (60, 50.641), (100, 87.945)):
        assert chi2_quantile(0.2, degrees) == pytest.approx(wanted, rel=0.01)


def test_the_dispersion_is_the_larger_of_two_lengths() -> None:
    # Batches of 3 min: U = 90, V = 45, so phi = 180; (180 * 20 / 14.578 - 1) / 0.25. Of one minute: 280.
    found = dispersion([weighed(60, 180)], DEFAULT_TASK)
    assert found is not None
    assert found.of == "latency_p50"
    assert found.value == pytest.approx(984, rel=0.01)
    assert found.times == pytest.approx(247, rel=0.01)
    # One that turns each second averages out.
    calm = dispersion([weighed(60, 1)], DEFAULT_TASK)
    assert calm is not None
    assert (calm.value, calm.times) == (0.0, 1.0)


def test_short_runs_rare_events_and_rates_give_no_dispersion() -> None:
    assert dispersion([weighed(59, 180)], DEFAULT_TASK) is None
    assert dispersion([weighed(59, 180), weighed(60, 180)], DEFAULT_TASK) is not None
    assert dispersion([weighed(60, 180, "errors")], DEFAULT_TASK) is None
    rare = heard(minutes_of(1, 61))
    hear = rare.listener(CANARY, DEFAULT_TASK)
    for minute in range(60):
        hear("latency_p99", 60.0 * minute, 2, 18, 0, 1)
        hear("latency_p99", 60.0 * minute, 2, 18, 0, 0)
    assert dispersion([rare], DEFAULT_TASK) is None
    assert "too few slow answers" in noise_text(DEFAULT_TASK, measured([rare], DEFAULT_TASK))


def test_the_groups_are_those_that_the_verdicts_rest_on() -> None:
    groups: dict[str, list[tuple[int, int, int, int]]] = {}

    def hear(criterion: str, at_s: float, own: int, others: int, bad_others: int, bad_own: int) -> None:
        groups.setdefault(criterion, []).append((own, others, bad_others, bad_own))

    plain = Evaluator(BASE, [CANARY], Criteria(0.0, 0.0, 0.0))
    listened = Evaluator(BASE, [CANARY], Criteria(0.0, 0.0, 0.0))
    listened.listen(CANARY, hear)
    now_s, worse_at = 0.0, 0
    world = World(canaries=(Version(slower=1.6),))
    for now_s, what in stream(world, 1, 4000):
        for evaluator in (plain, listened):
            if isinstance(what, Assignment):
                evaluator.assigned(what, now_s)
            else:
                evaluator.add(what, now_s)
        for _, verdict in listened.changes():
            if verdict.criterion == "latency_p50" and verdict.state is VerdictState.WORSE:
                worse_at = len(groups["latency_p50"])
    assert plain.verdicts(now_s) == listened.verdicts(now_s)
    verdict = listened.verdict(CANARY, "latency_p50", now_s)
    # What decided is a beginning of what was heard; hearing goes on after it.
    of_both = [bad_o + bad for own, others, bad_o, bad in groups["latency_p50"] if bad_o + bad < own + others]
    assert verdict.events in {sum(of_both[:n]) for n in range(len(of_both))}
    assert 0 < worse_at < len(groups["latency_p50"])


# --- the command ---


def recorded(path: Path, version: str = "v1") -> Path:
    """An hour of two deployments of one version at a request and a half a second, which wander."""
    wanders = Version(own_sd=0.2)
    world = World(wanders, (wanders,), per_s=1.5, canary_pct=always(50.0))
    record = RunRecord.create(
        path,
        run_id="same1234",
        rollout_name="same",
        rollout_text=rollout_text(old=BASE, new=CANARY, version=version),
        started_at=STARTED,
        meta={},
        now=lambda: STARTED + timedelta(hours=1),
    )
    record.event(event(1, 0.0, EventKind.STARTED, after={DEFAULT_TASK: SHARES}))
    for now_s, what in happenings(world, 1):
        if now_s > 3600:
            break
        if isinstance(what, Outcome):
            record.outcome(what)
    assert record.close()
    return path


def test_an_equal_run_says_what_to_write_and_so_does_one_of_an_older_version(tmp_path: Path) -> None:
    path = recorded(tmp_path / "run.sqlite")
    result = calibrate([Recording.open(path)], Evaluators)
    found = result.own_noise[DEFAULT_TASK]
    said = calibration_text(result)
    assert max(map(len, said.splitlines())) <= 80
    parts = said.split("[criteria]\n")[1:]
    written = [tomllib.loads(part.split("\n\n")[0]) for part in parts]
    assert written[0] == {margin.key: margin.pct for margin in found.margins}
    assert 40 < written[0]["latency_p50_pct"] < 250
    assert found.dispersion is not None
    assert written[1]["dispersion"] == pytest.approx(found.dispersion.value, rel=0.01)
    as_json = json.loads(json.dumps(calibration_json(result)))["own_noise"][DEFAULT_TASK]
    assert as_json == json.loads(json.dumps(noise_json(found)))
    assert as_json["margins"]["latency_p50_pct"]["pct"] == written[0]["latency_p50_pct"]
    assert as_json["dispersion"]["value"] == found.dispersion.value

    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(
            "DROP TABLE held_back; ALTER TABLE outcomes DROP COLUMN prompt_chars; PRAGMA user_version = 4;"
        )
    older = calibrate([Recording.open(path)], Evaluators).own_noise[DEFAULT_TASK]
    assert older.margins == found.margins
    assert older.dispersion is not None


def test_short_and_split_runs_say_what_cannot_be_known(tmp_path: Path) -> None:
    short = Recording.open(made_run(tmp_path / "same.sqlite", version="v1"))
    other = Recording.open(made_run(tmp_path / "other.sqlite"))
    said = calibration_text(calibrate([short, other], Evaluators, draws=1))
    assert "the default: not known" in said
    assert "too short, 1 of 60 minutes" in said
    assert "2 runs" in said
    assert "share the noise" in said
    assert max(map(len, said.splitlines())) <= 80
    split = calibrate([other], Evaluators, draws=1)
    assert split.own_noise == {}
    assert "[criteria]" not in calibration_text(split)


def test_a_task_is_written_into_its_own_table() -> None:
    found = measured([weighed(60, 180)], DEFAULT_TASK)
    for task in ("mail", 'my "task"'):
        tables = [line for line in noise_text(task, found).splitlines() if line.startswith("[")]
        assert [tomllib.loads(line) for line in tables] == [{"tasks": {task: {"criteria": {}}}}] * 2


def test_figures_of_a_task_without_answers_are_the_defaults() -> None:
    found: Measured = measured([heard(minutes_of(30, 30, swings))], "mail")
    assert [(margin.pct, margin.of) for margin in found.margins] == [(10.0, None)] * 3
    assert noise_json(found)["dispersion"] is None
