"""What "slower" is measured against: the first answers of the baseline, or an earlier run."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench.world import BASE, CANARY, World
from tests.support.engine_runs import NEW, OLD, rollout, with_criteria
from tests.support.evidence import Asked, outcome_of, watch
from tests.support.recordings import made_run
from tests.support.recordings import outcome as recorded_outcome
from tests.support.rehearsal import rehearse
from tests.support.typed import about
from tui.afterwards.recording import Recording, limits_of
from tui.evaluation.calibration import CAP, Calibration, limits_from
from tui.evaluation.criteria import decision_table
from tui.evaluation.evaluator import Evaluator
from tui.evaluation.labels import bills_of, values_of
from tui.model import DEFAULT_TASK, Deployment, EventKind, Outcome, OutcomeKind, Usage
from tui.record.reader import UnreadableRecord
from tui.rollout import Criteria

SHARES = {BASE: 90.0, CANARY: 10.0}
TABLE = decision_table(Criteria())
TIMEOUT_MS = 60_000.0


class Base:
    """A baseline whose answers calibrate the limits; looked at after each."""

    def __init__(self, wanted: int = 100, timeout_ms: float = TIMEOUT_MS) -> None:
        self.calibration = Calibration(TABLE, wanted, {}, timeout_ms)
        self.frozen: list[tuple[str, bool]] = []
        self._ids = count()

    def begin(self, at_s: float = 0.0, size: int | None = None) -> int:
        number = next(self._ids)
        self.calibration.assigned(number, at_s, size)
        return number

    def end(self, number: int, now_s: float, ms: float | None, *, may: bool = True, **fields: Any) -> None:
        outcome = outcome_of(BASE, SHARES, number, latency_ms=ms, **fields)
        self.calibration.ended(number, values_of(outcome), bills_of(outcome))
        self.look(now_s, may=may)

    def look(self, now_s: float, *, may: bool = True) -> None:
        new = self.calibration.advance(now_s, may_freeze_again=may)
        self.frozen += [(name, frozen.again) for frozen in new for name in frozen.criteria]

    def answer(self, values: Iterable[float], *, may: bool = True, **fields: Any) -> None:
        for ms in values:
            self.end(self.begin(), 0.0, ms, may=may, **fields)

    def limit(self, criterion: str) -> float:
        return self.calibration.limits.cuts[criterion].limit


# --- which answers freeze them ----------------------------------------------------------------------


def test_limits_are_the_nearest_ranks_of_as_many_answers_as_were_asked_for() -> None:
    base = Base()
    base.answer(map(float, range(100, 1, -1)))
    assert base.frozen == []
    base.answer([1.0])
    assert base.frozen == [("latency_p50", False), ("latency_p95", False)]
    assert (base.limit("latency_p50"), base.limit("latency_p95")) == (50.0, 95.0)
    assert "latency_p99" not in base.calibration.limits.cuts, "it wants ten thirds as many"
    base.answer(float(1 + n % 100) for n in range(234))
    assert base.limit("latency_p99") == 99.0
    assert (base.limit("latency_p50"), base.limit("latency_p95")) == (50.0, 95.0), "frozen is frozen"


def test_the_first_assigned_count_and_not_the_first_to_end() -> None:
    base = Base()
    slow = [base.begin() for _ in range(50)]
    base.answer([10.0] * 200)
    assert base.frozen == [], "the first is under way still"
    for number in reversed(slow):
        base.end(number, 1.0, 900.0)
    assert base.limit("latency_p50") == 10.0
    assert base.limit("latency_p95") == 900.0


def test_one_that_hangs_counts_as_beyond_all_others() -> None:
    base = Base()
    hung = [base.begin() for _ in range(10)]
    base.answer([100.0] * 90)
    base.look(0.3)
    assert base.frozen == [], "no answer took longer than 100 ms: three times that is waited for"
    base.look(0.301)
    assert (base.limit("latency_p50"), base.limit("latency_p95")) == (100.0, TIMEOUT_MS / 1.1)
    for number in hung:
        base.end(number, 9.0, 9000.0)
    assert base.calibration.answers == 90, "it is told once"


def test_a_time_out_is_beyond_all_others_and_a_failure_is_nothing() -> None:
    base = Base()
    for _ in range(90):
        base.answer([100.0])
        base.answer([None], kind=OutcomeKind.SERVER_ERROR)  # type: ignore[list-item]
    base.answer([None] * 10, kind=OutcomeKind.TIMEOUT)  # type: ignore[list-item]
    assert (base.limit("latency_p50"), base.limit("latency_p95")) == (100.0, TIMEOUT_MS / 1.1)


def test_what_says_nothing_of_the_baseline_is_left_out() -> None:
    base = Base()
    for number in [base.begin() for _ in range(50)]:
        base.calibration.dropped(number)
    base.answer([10.0] * 100)
    assert (base.calibration.answers, base.limit("latency_p95")) == (100, 10.0)


def test_a_few_wild_values_move_no_limit_and_no_slope() -> None:
    rng = random.Random(3)
    calm, wild = Base(300), Base(300)
    for i in range(300):
        size = rng.randrange(100, 2000)
        tokens = size // 10 + rng.randrange(20)
        for base in (calm, wild):
            of = (1e9, 2_000_000) if base is wild and i % 100 == 7 else (float(tokens), tokens)
            base.end(base.begin(size=size), 0.0, of[0], usage=Usage(size, of[1]), cost_usd=of[1] * 1e-5)
    for criterion in ("latency_p50", "latency_p95"):
        assert wild.limit(criterion) == pytest.approx(calm.limit(criterion), rel=0.05)
    for mean in ("tokens", "cost"):
        one, other = (base.calibration.limits.means[mean] for base in (calm, wild))
        assert other.slope == pytest.approx(one.slope, rel=0.1)
        assert other.cap == pytest.approx(one.cap, rel=0.05)
        assert other.mean < 2 * one.mean, "a run-away counts up to the cap"


# --- the limits -------------------------------------------------------------------------------------


def test_a_limit_out_of_reach_of_the_time_out_is_cut() -> None:
    base = Base(timeout_ms=1000.0)
    base.answer([959.0] * 60 + [990.0] * 40, ttft_ms=950.0, usage=Usage(1, 9))
    cuts = base.calibration.limits.cuts
    for criterion in ("latency_p50", "latency_p95", "ttft_p50"):
        cut = cuts[criterion]
        assert cut.shortened
        assert cut.points[cut.at] <= 1000.0 * (1 + 1e-12)
        assert cut.usable > cut.at
        assert all(point > 1000.0 for point in cut.points[cut.usable :])
        assert cut.limit == pytest.approx(1000 / 1.1)
    assert not cuts["token_p50"].shortened, "no time-out is as long as one token"
    within = Base(timeout_ms=1000.0)
    within.answer([900.0] * 100)
    assert (within.limit("latency_p50"), within.calibration.limits.cuts["latency_p50"].shortened) == (
        900.0,
        False,
    )


@pytest.mark.parametrize(("equal", "inclusive"), [(1, False), (2, False), (3, True), (60, True)])
def test_where_many_answers_equal_the_limit_at_it_is_beyond_it(equal: int, inclusive: bool) -> None:
    base = Base()
    base.answer([50.0] * equal + [51.0 + i for i in range(50 - equal // 2)] + [1.0 + i / 9 for i in range(99)][
        : 50 - equal + equal // 2
    ])  # fmt: skip
    cut = base.calibration.limits.cuts["latency_p50"]
    assert (cut.limit, cut.inclusive) == (50.0, inclusive)
    assert (cut.bad_from < 50.0) is inclusive
    assert cut.bad_from == pytest.approx(50.0)


def test_answers_that_all_end_at_one_length_were_cut_there() -> None:
    base = Base()
    base.answer([5.0] * 334, usage=Usage(9, 256))
    cut = base.calibration.limits.cuts["long_answers"]
    assert (cut.limit, cut.inclusive) == (256.0, True)
    assert cut.points[cut.at] < 256.0, "a canary's is bad at that length too: a longer one cannot be seen"


def test_prompts_are_parted_into_thirds() -> None:
    base = Base()
    for size in range(1, 101):
        base.end(base.begin(size=size), 0.0, 5.0)
    limits = base.calibration.limits
    assert (limits.thirds, limits.sizes) == ((34.0, 67.0), (50.0, 90.0))
    assert [limits.third(size) for size in (1, 34, 35, 67, 68, 10**9)] == [0, 0, 1, 1, 2, 2]
    assert limits.third(None) == 0


def test_a_bill_is_capped_and_less_what_its_prompt_explains() -> None:
    base = Base()
    for size in range(1, 101):
        base.end(base.begin(size=size), 0.0, 5.0, usage=Usage(1, 10 + 3 * size))
    cut = base.calibration.limits.means["tokens"]
    assert (cut.slope, cut.cap, cut.most_size) == (about(3.0, rel=0.01), CAP * 160, 198.0)
    assert cut.adjusted(100.0, 10, 0.1, is_canary=True) == (100.0, about(70.0, rel=0.01))
    assert cut.adjusted(100.0, 10, 0.1, is_canary=False) == (100.0, about(80.0, rel=0.01))
    assert cut.adjusted(1e9, None, 0.1, is_canary=True)[0] == pytest.approx(1.1 * cut.cap)
    assert cut.adjusted(1e9, None, 0.1, is_canary=False)[0] == cut.cap


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None, None)),
        ({"usage": Usage(9, 40), "cost_usd": 0.02}, (40.0, 0.02)),
        ({"usage": Usage(9, 0), "cost_usd": 0.0}, (None, None)),
        ({"usage": Usage(9, 40), "cost_usd": 0.02, "cost_estimated": True}, (40.0, None)),
        ({"usage": Usage(9, 40), "cost_usd": math.nan}, (40.0, None)),
        ({"cost_usd": 0.02}, (None, None)),
    ],
)
def test_a_bill_counts_where_it_is_sure(fields: dict[str, Any], expected: tuple[float, float]) -> None:
    assert bills_of(outcome_of(BASE, SHARES, **fields)) == expected


# --- freezing again ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "again"), [(1.0, False), (1.2, False), (1.4, True), (0.7, True)])
def test_limits_are_frozen_again_where_the_baseline_has_moved(level: float, again: bool) -> None:
    base, rng = Base(), random.Random(1)
    base.answer(100 * rng.lognormvariate(0, 0.2) for _ in range(400))
    before = base.limit("latency_p95")
    base.answer(100 * level * rng.lognormvariate(0, 0.2) for _ in range(1200))
    assert (("latency_p50", True) in base.frozen) is again
    if again:
        assert base.limit("latency_p50") == pytest.approx(100 * level, rel=0.2)
        assert base.limit("latency_p95") == pytest.approx(before * level, rel=0.2)


def test_after_a_verdict_the_limits_stay() -> None:
    base = Base()
    base.answer([100.0] * 400)
    base.answer([500.0] * 1200, may=False)
    assert base.frozen.count(("latency_p50", True)) == 0
    assert base.limit("latency_p50") == 100.0


def test_a_baseline_that_slows_down_before_any_verdict_is_said() -> None:
    world = World(per_s=10.0, drift=lambda now_s: 1.0 if now_s < 60 else 2.0, canary_pct=lambda _: 1.0)
    seen = watch(world, 1, 2500)
    said = seen.evaluator.frozen()
    assert any(f"limits frozen again, the P50 of {BASE} has moved: P50 " in text for text in said), said


# --- kept -------------------------------------------------------------------------------------------


def test_limits_that_were_kept_are_the_same() -> None:
    base = Base(timeout_ms=1000.0)
    for size in range(1, 400):
        base.end(base.begin(size=size), 0.0, 900.0 + size % 7, usage=Usage(1, size % 90 + 9), ttft_ms=300.0)
    again = Base(timeout_ms=1000.0)
    again.calibration.from_json(json.loads(json.dumps(base.calibration.as_json())))
    assert again.calibration.limits == base.calibration.limits
    for broken in ({}, {**base.calibration.as_json(), "cuts": {"latency_p50": [-1.0, False]}},
                   {**base.calibration.as_json(), "thirds": [math.nan, 1.0]},
                   {**base.calibration.as_json(), "means": {"cost": [1.0]}}):  # fmt: skip
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            again.calibration.from_json(broken)


# --- as the evaluator says it -----------------------------------------------------------------------


def asked(**criteria: Any) -> Asked:
    of = Criteria(calibration_requests=100, warmup_requests=0, **criteria)
    return Asked(Evaluator(BASE, [CANARY], of, timeout_s=60.0), SHARES)


def notes(asked: Asked, now_s: float) -> dict[str, str]:
    assert isinstance(asked.evaluator, Evaluator)
    return {v.criterion: v.note for v in asked.evaluator.verdicts(now_s)[CANARY]}


def test_what_was_frozen_is_said_with_its_limits() -> None:
    run = asked()
    for i in range(400):
        ms = float(100 - i % 100)
        run.ask(BASE, i / 10, latency_ms=ms, ttft_ms=ms / 2, usage=Usage(10, 11), cost_usd=0.1)
    notes_ = notes(run, 500.0)
    assert isinstance(run.evaluator, Evaluator)
    said = run.evaluator.frozen()
    assert said[0] == "limits frozen from 100 answers of old: P50 50.0 ms, P95 95.0 ms"
    assert "limits frozen from 100 answers of old: TTFT P50 25.0 ms, TTFT P95 47.5 ms" in said
    assert "limits frozen from 100 answers of old: ms/token P50 2.5 ms, ms/token P95 4.8 ms" in said
    assert "P99 99.0 ms" in " ".join(said)
    assert run.evaluator.frozen() == []
    assert not any(note.startswith("calibrating") for note in notes_.values())


def test_what_was_marked_calibrates_nothing() -> None:
    run = asked()
    for i in range(300):
        drawn = run.draw(BASE, i, saturated=True)
        run.end(drawn, i, latency_ms=9e3, saturated=True)
    said = "calibrating 0/100; this machine is behind: 300 requests are no evidence"
    assert notes(run, 300.0)["latency_p50"] == said
    for i in range(101):
        run.ask(BASE, 301.0 + i, latency_ms=100.0)
    assert isinstance(run.evaluator, Evaluator)
    assert run.evaluator.frozen()[0].endswith(": P50 100 ms, P95 100 ms")


def test_answers_that_are_not_streamed_say_why_nothing_is_known_of_the_first_token() -> None:
    run = asked()
    run.ask(BASE, 0.0, latency_ms=5.0, usage=Usage(10, 11))
    assert notes(run, 1.0)["ttft_p50"] == "calibrating 0/100"
    for i in range(100):
        run.ask(BASE, 2.0 + i, latency_ms=5.0, usage=Usage(10, 11))
    said = notes(run, 200.0)
    assert "calibrating" not in said["latency_p50"]
    assert "are the answers streamed?" in said["ttft_p50"]
    assert "streamed tokens are needed" in said["token_p95"]
    assert "has no price" in said["cost"]


def test_known_limits_are_said_and_taken_at_once() -> None:
    known = {"latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}
    evaluator = Evaluator(BASE, [CANARY], Criteria(warmup_requests=0), calibrated=known, timeout_s=60.0)
    assert evaluator.frozen() == ["limits taken from an earlier run: P50 100 ms, P95 200 ms, P99 300 ms"]
    run = Asked(evaluator, {BASE: 50.0, CANARY: 50.0})
    for name, ms in ((BASE, 100.0), (BASE, 150.0), (CANARY, 109.0), (CANARY, 221.0)):
        run.ask(name, 0.0, latency_ms=ms)
    run.ask(BASE, 0.0, kind=OutcomeKind.SERVER_ERROR)
    events = {v.criterion: v.events for v in evaluator.verdicts(2.0)[CANARY]}
    assert (events["latency_p50"], events["latency_p95"], events["latency_p99"]) == (2, 1, 0)
    assert notes(run, 2.0)["ttft_p50"] == "calibrating 0/300"


def test_limits_from_outcomes_need_as_many_as_a_calibration() -> None:
    def sent(i: int, ms: float, **fields: Any) -> Outcome:
        return outcome_of(BASE, SHARES, i, sent_s=float(i), latency_ms=ms, **fields)

    outcomes = [sent(i, float(i)) for i in range(1, 668)]
    outcomes += [sent(i, 9e5, saturated=True) for i in range(500)]
    outcomes += [sent(i, 9e5, counts_for_version=False) for i in range(500)]
    random.Random(1).shuffle(outcomes)
    assert limits_from(outcomes, Criteria(calibration_requests=668)) == {}
    found = limits_from(outcomes, Criteria(calibration_requests=200))
    assert found == {"latency_p50": 334.0, "latency_p95": 634.0, "latency_p99": 661.0}


# --- from an earlier run ----------------------------------------------------------------------------


def test_an_earlier_run_gives_the_limits_of_the_same_version(tmp_path: Path) -> None:
    recording = Recording.open(made_run(tmp_path / "run.sqlite"))
    now = rollout(tmp_path, "http://127.0.0.1:9")
    few = Criteria(calibration_requests=100)

    def pinned(version: str) -> Any:
        deployments = {**now.deployments, OLD: Deployment(OLD, "main", "gpt-4o", version)}
        return replace(with_criteria(now, few), deployments=deployments)

    latency_ms = recorded_outcome(1, "x", 0, weight=1).latency_ms
    assert limits_of(recording, pinned("v1"))[DEFAULT_TASK]["latency_p95"] == latency_ms
    with pytest.raises(UnreadableRecord, match="gpt-4o v3, was not in that run"):
        limits_of(recording, pinned("v3"))
    with pytest.raises(UnreadableRecord, match="fewer than 300 answers of old-v1"):
        limits_of(recording, with_criteria(pinned("v1"), Criteria()))


def test_an_earlier_run_gives_no_limit_from_what_was_marked(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run.sqlite")
    now = rollout(tmp_path, "http://127.0.0.1:9")
    deployments = {**now.deployments, OLD: Deployment(OLD, "main", "gpt-4o", "v1")}

    def limit_ms(statement: str, wanted: int) -> float:
        with closing(sqlite3.connect(path)) as conn, conn:
            conn.execute(statement)
        asked = replace(with_criteria(now, Criteria(calibration_requests=wanted)), deployments=deployments)
        return limits_of(Recording.open(path), asked)[DEFAULT_TASK]["latency_p50"]

    mark = "UPDATE outcomes SET saturated = 1, latency_ms = 9e5 WHERE deployment = 'old-v1' AND sent_s < 10"
    assert limit_ms(mark, 100) == recorded_outcome(1, "x", 0, weight=1).latency_ms
    with pytest.raises(UnreadableRecord, match=r"fewer than 101 answers of old-v1 \(20 more were sent while"):
        limit_ms(mark, 101)


@pytest.mark.parametrize("ms", [0.0, -5.0, math.nan, math.inf])
def test_a_limit_that_cannot_be_is_none(ms: float) -> None:
    outcomes = [outcome_of(BASE, SHARES, i, latency_ms=ms) for i in range(400)]
    assert limits_from(outcomes, Criteria()) == {}


def test_a_run_with_known_limits_compares_from_its_first_answer(tmp_path: Path) -> None:
    known = {DEFAULT_TASK: {"latency_p50": 400.0, "latency_p95": 900.0, "latency_p99": 1500.0}}
    of = rollout(tmp_path, "http://127.0.0.1:9", rate=20.0)
    run = rehearse(of, "healthy", tmp_path, seed=1, for_s=20.0, calibrated=known)
    said = [event.text for event in run.events() if event.kind is EventKind.CALIBRATED]
    assert said[0] == "limits taken from an earlier run: P50 400 ms, P95 900 ms, P99 1,500 ms"
    p50, p95, p99, ttft, *_ = run.last.verdicts[NEW]
    assert min(p50.canary_requests, p95.canary_requests, p99.canary_requests) > 60
    assert 0 < p50.events <= p50.canary_requests + p50.baseline_requests
    assert (ttft.events, ttft.note[:11]) == (0, "calibrating")
