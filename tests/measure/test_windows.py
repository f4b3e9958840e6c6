"""The windows: what they hold, what leaves them and when, whatever the rhythm of the ticks."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.typed import about
from tui.measure.windows import Measures
from tui.model import (
    ALL_TASKS,
    HISTORY_SPAN_S,
    WINDOWS_S,
    Figures,
    FilterHits,
    Outcome,
    OutcomeKind,
    Usage,
)

OLD, NEW = "gpt4o-prod-v1120", "gpt4o-prod-v0513"


def _outcome(
    deployment: str = OLD, task: str = "email", kind: OutcomeKind = OutcomeKind.OK, **more: Any
) -> Outcome:
    return Outcome(
        request_id=1,
        task=task,
        deployment=deployment,
        weight_pct=50.0,
        kind=kind,
        due_s=0.0,
        sent_s=0.0,
        ended_s=0.0,
        late_ms=0.0,
        **more,
    )


def _measures(tasks: Iterable[str] = ("email", "contract")) -> Measures:
    return Measures([OLD, NEW], list(tasks))


def _requests(measures: Measures, now_s: float, window: str, task: str = ALL_TASKS) -> int:
    return measures.figures(now_s)[OLD][window][task].requests


def test_figures_count_everything_of_one_outcome() -> None:
    measures = _measures()
    measures.assigned("email", OLD, 0.1)
    measures.add(
        _outcome(
            latency_ms=1100.0,
            ttft_ms=100.0,
            usage=Usage(200, 11, 50, 5),
            cost_usd=0.25,
            served_model="gpt-4o",
            filters=FilterHits(
                annotated=("prompt:jailbreak",), below_threshold=("completion:hate",), unfiltered=True
            ),
            saturated=True,
        ),
        0.5,
    )
    figures = measures.figures(2.0)[OLD]["run"]["email"]
    assert figures.latency_ms is not None
    assert figures.ttft_ms is not None
    assert figures.ms_per_output_token is not None
    assert figures.latency_ms.p99 == pytest.approx(1100, rel=0.0101)
    assert figures.ttft_ms.p50 == pytest.approx(100, rel=0.0101)
    assert figures.ms_per_output_token.p95 == pytest.approx(100, rel=0.0101)
    assert (figures.span_s, figures.requests, figures.assigned, figures.assigned_share_pct) == (
        2.0,
        1,
        1,
        100.0,
    )
    assert figures.kinds == {OutcomeKind.OK: 1}
    assert (figures.prompt_tokens, figures.cached_tokens) == (200, 50)
    assert (figures.completion_tokens, figures.reasoning_tokens, figures.answers_with_usage) == (11, 5, 1)
    assert (figures.priced, figures.cost_usd, figures.estimated_usd) == (1, 0.25, 0.0)
    assert (figures.annotated, figures.below_threshold, figures.unfiltered, figures.saturated) == (1, 1, 1, 1)
    assert figures.filter_categories == {
        "prompt:jailbreak (annotated)": 1,
        "completion:hate (below threshold)": 1,
    }
    assert figures.served_models == {"gpt-4o": 1}


def test_throttled_stands_beside_the_errors_and_both_are_shares_of_what_the_service_had() -> None:
    measures = _measures()
    ends = {
        OutcomeKind.OK: 5,
        OutcomeKind.SERVER_ERROR: 1,
        OutcomeKind.RATE_LIMITED: 3,
        OutcomeKind.QUOTA_EXHAUSTED: 1,
        OutcomeKind.CLIENT_SATURATED: 4,
        OutcomeKind.CANCELLED: 6,
    }
    for kind, times in ends.items():
        for _ in range(times):
            measures.add(_outcome(kind=kind), 0.1)
    figures = measures.figures(1.0)[OLD]["1m"][ALL_TASKS]
    assert (figures.requests, figures.served) == (20, 10)
    assert (figures.error_pct, figures.throttled_pct) == (10.0, 40.0)
    [second] = measures.tick(1.0)
    point = second.figures[OLD]
    assert (point.requests, point.error_pct, point.throttled_pct) == (20, 10.0, 40.0)
    assert second.figures[NEW].throttled_pct is None


def test_blocked_prompts_and_completions_are_told_apart() -> None:
    measures = _measures()
    blocked = FilterHits(blocked=("prompt:jailbreak",))
    measures.add(
        _outcome(
            kind=OutcomeKind.PROMPT_FILTERED, latency_ms=5.0, filters=blocked, cost_usd=0.5, cost_estimated=True
        ),
        0.1,
    )
    measures.add(_outcome(kind=OutcomeKind.COMPLETION_FILTERED, latency_ms=900.0), 0.2)
    figures = measures.figures(1.0)[OLD]["1m"][ALL_TASKS]
    assert (figures.prompt_blocked, figures.completion_blocked, figures.filter_pct) == (1, 1, 100.0)
    assert (figures.cost_usd, figures.estimated_usd, figures.priced) == (0.5, 0.5, 1)
    assert figures.filter_categories == {"prompt:jailbreak": 1}
    assert figures.latency_ms is not None
    assert figures.latency_ms.count == 1, "a blocked prompt has no latency of an answer"


def test_errors_carry_no_latency() -> None:
    measures = _measures()
    measures.add(_outcome(kind=OutcomeKind.SERVER_ERROR, latency_ms=3.0, ttft_ms=1.0), 0.1)
    figures = measures.figures(1.0)[OLD]["1m"]["email"]
    assert (figures.requests, figures.error_count, figures.latency_ms, figures.ttft_ms) == (1, 1, None, None)
    assert figures.cost_usd is None


def test_a_spillover_says_nothing_about_the_version() -> None:
    measures = _measures()
    measures.add(
        _outcome(
            latency_ms=9.0,
            ttft_ms=1.0,
            usage=Usage(1, 2),
            cost_usd=1.0,
            served_model="x",
            counts_for_version=False,
        ),
        0.1,
    )
    figures = measures.figures(1.0)[OLD]["run"]["email"]
    assert (figures.requests, figures.spillovers, figures.kinds) == (1, 1, {OutcomeKind.OK: 1})
    assert (figures.latency_ms, figures.cost_usd, figures.answers_with_usage) == (None, None, 0)
    assert figures.served_models == {}


def test_an_answer_without_usage_is_counted_as_such() -> None:
    measures = _measures()
    measures.add(_outcome(cost_usd=0.5, cost_estimated=True), 0.1)
    measures.add(_outcome(kind=OutcomeKind.SERVER_ERROR), 0.2)
    measures.add(_outcome(counts_for_version=False), 0.3)
    figures = measures.figures(1.0)[OLD]["run"]["email"]
    assert (figures.answers_with_usage, figures.answers_without_usage) == (0, 1)
    assert (figures.tokens_per_request, figures.cost_usd, figures.estimated_usd) == (None, 0.5, 0.5)


def test_the_first_token_of_the_answer_is_told_apart_where_reasoning_came_first() -> None:
    measures = _measures()
    for ms in (100.0, 200.0, 300.0):
        measures.add(_outcome(latency_ms=5000.0, ttft_ms=ms, answer_ttft_ms=ms), 0.1)
    same = measures.figures(1.0)[OLD]["run"]["email"]
    assert same.answer_ttft_ms == same.ttft_ms
    assert same.ttft_ms is not None
    # Two that think first, one that is cut off before it answers.
    for ms, answer_ms in ((50.0, 4000.0), (60.0, 2000.0), (70.0, None)):
        measures.add(_outcome(latency_ms=5000.0, ttft_ms=ms, answer_ttft_ms=answer_ms), 61.5)
    measures.tick(62.0, {})
    for window, of_answer, of_any in (
        ("1m", (2000, 4000, 2), (60, 70, 3)),
        ("run", (300, 4000, 5), (70, 300, 6)),
    ):
        figures = measures.figures(62.0)[OLD][window]["email"]
        for quantiles, (p50, p99, n) in ((figures.answer_ttft_ms, of_answer), (figures.ttft_ms, of_any)):
            assert quantiles is not None
            assert (quantiles.p50, quantiles.p99, quantiles.count) == (
                about(p50, rel=0.0101), about(p99, rel=0.0101), n,
            )  # fmt: skip


def test_no_data_is_none_never_zero() -> None:
    figures = _measures().figures(3.0)[NEW]["5m"][ALL_TASKS]
    assert figures == Figures(span_s=3.0)
    assert (figures.assigned_share_pct, figures.error_pct, figures.cost_per_1k_usd) == (None, None, None)


def test_an_outcome_leaves_each_window_when_its_second_does() -> None:
    measures = _measures()
    measures.add(_outcome(latency_ms=10.0), 0.5)
    for name, length_s in WINDOWS_S.items():
        if length_s is None:
            continue
        measures.tick(length_s + 0.0)
        assert _requests(measures, length_s, name) == 1
        measures.tick(length_s + 1.0)
        gone = measures.figures(length_s + 1.0)[OLD][name][ALL_TASKS]
        assert gone == Figures(span_s=length_s)
    assert _requests(measures, 3601.0, "run") == 1


@pytest.mark.parametrize("every_s", [1, 7, 45, 200])
def test_late_ticks_change_nothing_in_the_windows(every_s: int) -> None:
    rng = random.Random(5)
    outcomes = [
        (
            _outcome(
                rng.choice([OLD, NEW]),
                rng.choice(["email", "contract"]),
                latency_ms=rng.uniform(1, 999),
                cost_usd=rng.uniform(0, 0.1),
                usage=Usage(rng.randint(1, 9), 5),
            ),
            at / 3,
        )
        for at in range(1200)
    ]
    punctual, late = _measures(), _measures()
    next_tick = 1
    for outcome, at_s in outcomes:
        while at_s >= next_tick:
            punctual.tick(next_tick)
            if next_tick % every_s == 0:
                late.tick(next_tick)
            next_tick += 1
        for measures in (punctual, late):
            measures.assigned(outcome.task, outcome.deployment, at_s)
            measures.add(outcome, at_s)
    for measures in (punctual, late):
        measures.tick(400.0)
    assert late.figures(400.0) == punctual.figures(400.0)
    assert late.history() == punctual.history()
    assert _requests(late, 400.0, "1m") + late.figures(400.0)[NEW]["1m"][ALL_TASKS].requests == 180


def test_figures_include_the_running_second_and_those_not_yet_closed() -> None:
    measures = _measures()
    for at_s in (0.2, 1.2, 2.2):
        measures.add(_outcome(), at_s)
    assert _requests(measures, 2.3, "1m") == 3
    measures.tick(2.4)
    assert _requests(measures, 2.4, "1m") == 3
    assert _requests(measures, 2.4, "1m", "email") == 3


def test_money_sums_do_not_drift() -> None:
    measures = _measures()
    rng = random.Random(1)
    for second in range(200):
        measures.add(_outcome(cost_usd=rng.uniform(0, 1)), second + 0.5)
        measures.tick(second + 1)
    measures.add(_outcome(cost_usd=0.000125), 250.5)
    measures.tick(280.0)
    assert measures.figures(280.0)[OLD]["1m"][ALL_TASKS].cost_usd == 0.000125


def test_assigned_shares_are_of_the_task() -> None:
    measures = _measures()
    for task, deployment, n in (("email", OLD, 3), ("email", NEW, 1), ("contract", NEW, 4)):
        for _ in range(n):
            measures.assigned(task, deployment, 0.5)
    figures = measures.figures(1.0)
    assert figures[OLD]["1m"]["email"].assigned_share_pct == 75
    assert figures[OLD]["1m"]["contract"].assigned_share_pct == 0
    assert figures[OLD]["1m"][ALL_TASKS].assigned_share_pct == 37.5


def test_a_single_task_is_the_pool() -> None:
    measures = _measures(["email"])
    measures.add(_outcome(latency_ms=3.0), 0.5)
    measures.tick(1.0)
    figures = measures.figures(1.0)[OLD]["1m"]
    assert figures[ALL_TASKS] is figures["email"]
    assert figures["email"].requests == 1


def test_an_unknown_task_counts_as_the_default_task() -> None:
    measures = _measures(["email"])
    measures.add(_outcome(task="email"), 0.4)
    measures.tick(1.0)
    measures.add(_outcome(task="made up"), 1.5)
    measures.tick(2.0)
    figures = measures.figures(2.0)[OLD]["1m"]
    assert {task: f.requests for task, f in figures.items()} == {"email": 1, "default": 1, ALL_TASKS: 2}


def test_an_unknown_deployment_is_refused() -> None:
    with pytest.raises(KeyError, match=f"'nowhere'.*{OLD}"):
        _measures().add(_outcome("nowhere"), 0.1)


def test_a_task_may_not_be_named_like_the_pool() -> None:
    with pytest.raises(ValueError, match="rename it"):
        _measures([ALL_TASKS])


def test_a_hostile_service_cannot_fill_the_memory_with_names() -> None:
    measures = _measures()
    for i in range(500):
        hits = FilterHits(annotated=tuple(f"{i}-{j}\n" + "x" * 10_000 for j in range(100)))
        measures.add(_outcome(served_model=f"\x1b[31m{i}" * 1000, filters=hits), i / 100)
    measures.tick(6.0)
    figures = measures.figures(6.0)[OLD]["1m"][ALL_TASKS]
    for names in (figures.served_models, figures.filter_categories):
        assert len(names) == 32
        assert all(len(name) <= 64 and name.isprintable() for name in names)
    assert figures.served_models["other"] == 500 - 31
    measures.tick(100.0)
    assert measures.figures(100.0)[OLD]["1m"][ALL_TASKS].served_models == {}


def test_nonsense_tokens_and_costs_are_left_out() -> None:
    measures = _measures()
    for cost in (float("nan"), float("inf"), -1.0):
        measures.add(_outcome(usage=Usage(-5, 10**30), cost_usd=cost), 0.5)
    measures.tick(1.0)
    measures.tick(100.0)
    figures = measures.figures(100.0)[OLD]
    assert (figures["run"]["email"].prompt_tokens, figures["run"]["email"].completion_tokens) == (0, 3 * 10**30)
    assert (figures["run"]["email"].cost_usd, figures["1m"]["email"].completion_tokens) == (None, 0)


def test_history_shows_the_trailing_span_and_gaps() -> None:
    measures = _measures()
    measures.assigned("email", OLD, 0.1)
    measures.add(_outcome(latency_ms=100.0, cost_usd=0.002), 0.2)
    measures.add(_outcome(kind=OutcomeKind.SERVER_ERROR), 0.3)
    closed = measures.tick(HISTORY_SPAN_S + 1.0, {"email": {OLD: 90.0, NEW: 10.0}})
    history = measures.history()
    assert closed == history
    assert [second.at_s for second in history] == [float(n + 1) for n in range(HISTORY_SPAN_S + 1)]
    for second in history[:-1]:
        point = second.figures[OLD]
        assert (point.requests, point.error_pct, point.weight_pct, point.share_pct) == (2, 50.0, 90.0, 100.0)
        assert point.p50_ms == pytest.approx(100, rel=0.0101)
        assert point.cost_per_1k_usd == 2.0
        assert second.figures[NEW].p50_ms is None
    last = history[-1].figures[OLD]
    assert (last.requests, last.p50_ms, last.error_pct, last.share_pct) == (0, None, None, None)


def test_history_is_bounded_even_after_a_day_without_ticks() -> None:
    measures = _measures()
    measures.add(_outcome(), 0.5)
    measures.tick(86_400.0)
    assert len(measures.history()) == 3600
    assert measures.history()[-1].at_s == 86_400
    assert _requests(measures, 86_400.0, "run") == 1
    assert _requests(measures, 86_400.0, "60m") == 0


def test_nothing_to_close_gives_nothing() -> None:
    measures = _measures()
    assert measures.tick(0.9) == ()
    assert len(measures.tick(1.1)) == 1
    assert measures.tick(1.1) == ()
    assert measures.tick(0.5) == (), "a clock that steps back closes nothing twice"


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["a", "b"])), max_size=60), st.floats(0, 100))
def test_after_a_restart_figures_are_as_if_nothing_had_been_before(
    ended: list[tuple[float, str]], restart_s: float
) -> None:
    """Whatever leaves a window later is not subtracted twice."""
    whole, fresh = (Measures(("a", "b"), ("default",)) for _ in range(2))
    restarted = False
    for now_s, name in sorted(ended):
        if not restarted and now_s >= restart_s:
            whole.tick(restart_s)
            whole.restart("a", restart_s)
            restarted = True
        for measures in (whole, fresh):
            measures.tick(now_s)
            if measures is whole or name == "b" or restarted:
                measures.add(_outcome(name, "default", latency_ms=now_s + 1), now_s)
    if not restarted:
        whole.restart("a", max(restart_s, max((s for s, _ in ended), default=0.0)))
    for now_s in (101.0, 150.0, 200.0, 500.0):
        for measures in (whole, fresh):
            measures.tick(now_s)
        mine, theirs = whole.figures(now_s), fresh.figures(now_s)
        for name in ("a", "b"):
            for window in WINDOWS_S:
                assert mine[name][window]["*"].requests == theirs[name][window]["*"].requests
                assert mine[name][window]["*"].latency_ms == theirs[name][window]["*"].latency_ms
                assert whole.pooled(name, window, now_s).requests == theirs[name][window]["*"].requests


def test_figures_after_a_restart_cover_the_time_since() -> None:
    measures = Measures(("a",), ("default",))
    measures.add(_outcome("a", "default"), 5.0)
    measures.restart("a", 60.0)
    measures.add(_outcome("a", "default"), 70.0)
    found = measures.figures(80.0)["a"]
    assert {window: found[window]["*"].span_s for window in ("5m", "run")} == {"5m": 20.0, "run": 20.0}
    assert found["run"]["*"].requests == 1
