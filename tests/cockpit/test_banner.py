"""The state banner: each state, which one wins, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.cockpit_fakes import BASELINE, CANARY, event, figures, made_snapshot, windows
from tui.cockpit.text.banner import Banner, banner
from tui.cockpit.text.format import short_names
from tui.cockpit.ui_state import UiState, View
from tui.model import DEFAULT_TASK, EventKind, RecordView, SenderView, Snapshot, TrafficState


def said(snapshot: Snapshot, **ui: Any) -> Banner:
    return banner(View(snapshot, replace(UiState(), **ui), short_names(list(snapshot.deployments))))


def with_deployment(name: str, **changes: Any) -> Snapshot:
    made = made_snapshot()
    return replace(made, deployments={**made.deployments, name: replace(made.deployments[name], **changes)})


def no_answers(**changes: Any) -> Snapshot:
    made = made_snapshot(**changes)
    empty = {name: replace(view, figures=windows(figures(0))) for name, view in made.deployments.items()}
    return replace(made, deployments=empty)


NO_MONEY = "HTTP 429: You exceeded your current quota"
ROLLED_BACK = made_snapshot(
    weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}},
    events=(event(1, EventKind.SHIFTED, "x", 100.0), event(2, EventKind.ROLLED_BACK, "y", 292.0)),
    can_undo={DEFAULT_TASK: {BASELINE: 90.0, CANARY: 10.0}},
)


@pytest.mark.parametrize(
    ("state", "severity", "snapshot", "ui", "figure", "key"),
    [
        ("RUNNING", "calm", made_snapshot(), {}, "v0513 P95 655 ms vs 402 ms (+63%, n=980)", "press r"),
        ("NOT ALONE", "warn", made_snapshot(also_running="run ab12 is live: both send"), {}, "run ab12", ""),
        ("STARTING", "note", no_answers(state=TrafficState.STARTING), {}, "opening connections", "?"),
        ("NO DATA YET", "note", no_answers(), {}, "10014 sent, no answer", "?"),
        (
            "STALE 9s",
            "alarm",
            made_snapshot(),
            {"arrived_s": 1.0, "now_s": 10.0},
            "no new figures for 9s",
            "press r",
        ),
        (
            "THROTTLED",
            "warn",
            with_deployment(CANARY, throttled_s=8.0, held_back=4),
            {},
            "v0513 asks to wait 8 s more, 4 requests held back",
            "quota",
        ),
        (
            "THROTTLED",
            "warn",
            with_deployment(CANARY, throttled_s=7_500.0, next_try_s=200.0, held_back=4),
            {},
            "v0513 asks to wait 2 h 5 min more, 4 requests held back; less weight",
            "one request is tried every 300 s",
        ),
        (
            "QUOTA EXHAUSTED",
            "alarm",
            with_deployment(CANARY, quota_exhausted=NO_MONEY, throttled_s=60.0, next_try_s=250.0),
            {},
            f"v0513: {NO_MONEY}; one request is tried every 300 s, topped up it goes on by itself",
            "press r or raise its quota",
        ),
        (
            "QUOTA EXHAUSTED",
            "alarm",
            with_deployment(BASELINE, quota_exhausted=NO_MONEY, next_try_s=250.0),
            {},
            f"v1120: {NO_MONEY}",
            "raise its quota",
        ),
        (
            "CLIENT SATURATED",
            "warn",
            made_snapshot(sender=SenderView(200, 200, 9, 40, 55.0, True, 300.0)),
            {},
            "200 of 200 in flight, 40 requests skipped, our own sender 55 ms late at P99",
            "lower the rate",
        ),
        (
            "UNREACHABLE",
            "alarm",
            with_deployment(CANARY, unreachable="refused"),
            {},
            "v0513: refused",
            "press r",
        ),
        (
            "UNREACHABLE",
            "alarm",
            with_deployment(BASELINE, unreachable="refused"),
            {},
            "v1120",
            "press x to pause",
        ),
        (
            "BUDGET SPENT",
            "warn",
            made_snapshot(state=TrafficState.BUDGET_SPENT, spent_usd=5.01),
            {},
            "5.01 of 5.00 USD",
            "q quits",
        ),
        (
            "TRAFFIC PAUSED",
            "warn",
            made_snapshot(state=TrafficState.PAUSED),
            {},
            "no request",
            "press x to continue",
        ),
        ("ENDED", "note", made_snapshot(state=TrafficState.ENDED), {}, "no more requests; 10014", "q quits"),
        ("STOPPED", "note", made_snapshot(state=TrafficState.STOPPED), {}, "the run is over", "q quits"),
        ("ROLLED BACK", "note", ROLLED_BACK, {}, "all traffic to v1120 for 01:48", "press u twice"),
        (
            "RECORD ERROR",
            "alarm",
            made_snapshot(record=RecordView("x", "disk full", 12, 3)),
            {},
            "disk full (12 rows held, 3 lost)",
            "free the disk",
        ),
        (
            "FROZEN 00:42",
            "note",
            made_snapshot(),
            {"frozen": made_snapshot(), "frozen_since_s": 8.0, "now_s": 50.0, "arrived_s": 50.0},
            "stand still",
            "space goes on",
        ),
    ],
)
def test_each_state_says_its_figure_and_the_key_that_helps(
    state: str, severity: str, snapshot: Snapshot, ui: dict[str, Any], figure: str, key: str
) -> None:
    shown = said(snapshot, **ui)
    assert (shown.state, shown.severity) == (state, severity)
    assert state in shown.parts[0]
    assert figure in shown.figure
    assert key in shown.key


def test_the_worst_state_wins_and_the_others_are_named() -> None:
    snapshot = replace(
        with_deployment(CANARY, unreachable="refused", throttled_s=3.0),
        record=RecordView("x", "disk full"),
        state=TrafficState.PAUSED,
    )
    shown = said(snapshot, arrived_s=0.0, now_s=20.0, frozen=snapshot, read_only=True)
    order = ["STALE", "RECORD ERROR", "UNREACHABLE", "THROTTLED", "TRAFFIC PAUSED", "FROZEN", "READ-ONLY"]
    places = [shown.parts[0].index(word) for word in order]
    assert places == sorted(places)
    assert "RUNNING" not in shown.parts[0]


def test_a_quota_that_is_used_up_is_said_once_and_stays_said_where_no_key_helps() -> None:
    shown = said(with_deployment(CANARY, quota_exhausted=NO_MONEY, throttled_s=60.0), read_only=True)
    assert "THROTTLED" not in shown.parts[0]
    assert "topped up it goes on by itself" in shown.figure
    assert said(with_deployment(BASELINE, quota_exhausted=NO_MONEY)).key == "raise its quota"


@pytest.mark.parametrize("field", ["quota_exhausted", "failing", "unreachable"])
def test_the_words_of_a_service_are_whole_where_there_is_room(field: str) -> None:
    words = "HTTP 429: You exceeded your current quota, please check your plan and billing details, or ask us."
    shown = said(with_deployment(CANARY, **{field: words}))
    assert words.rstrip(".") in shown.figure
    assert len(shown.shorter[-1]) < 80


def test_read_only_is_always_named_and_promises_no_key() -> None:
    shown = said(made_snapshot(), read_only=True)
    assert "READ-ONLY" in shown.parts[0]
    assert "RUNNING" in shown.parts[0]
    assert shown.key == ""


def test_the_environment_and_the_rollout_stand_at_the_right_end() -> None:
    assert said(made_snapshot(), window="15m").right == ("production/summarise 15m", "production")


def test_weights_are_live_while_the_picture_is_frozen() -> None:
    shown = said(ROLLED_BACK, frozen=made_snapshot())
    assert "canary v0513 0%" in shown.parts
    assert "baseline v1120 100%" in shown.parts


def test_the_crosshair_reads_the_values_of_its_moment() -> None:
    frozen = made_snapshot()
    shown = said(frozen, frozen=frozen, crosshair_s=100)
    canary = next(s for s in frozen.history if s.at_s == 300.0).figures[CANARY]
    assert shown.figure.startswith("-01:40")
    assert (
        f"P50/P95/P99 v0513 {canary.p50_ms:.0f}/{canary.p95_ms:.0f}/{canary.p99_ms:.0f} $" in shown.figure[:77]
    )
    assert f"err {canary.error_pct:.2f}" in shown.figure[:77]
    assert shown.figure.index("v0513") < shown.figure.index("v1120")


def test_the_crosshair_leaves_out_who_had_no_requests_then() -> None:
    frozen = made_snapshot()
    without = replace(frozen.history[0].figures[CANARY], requests=0)
    past = [replace(s, figures={**s.figures, CANARY: without}) for s in frozen.history]
    shown = said(frozen, frozen=replace(frozen, history=tuple(past)), crosshair_s=100)
    assert "v0513" not in shown.figure
    assert "v1120" in shown.figure
    nobody = tuple(replace(s, figures={}) for s in past)
    shown = said(frozen, frozen=replace(frozen, history=nobody), crosshair_s=100)
    assert shown.figure.startswith("-01:40 nothing")


@pytest.mark.parametrize(
    ("sender", "cause"),
    [
        (SenderView(24, 24, 9, 40, 1.0, True, 300.0), "24 of 24 in flight"),
        (SenderView(22, 24, 9, 1, 1.0, True, 300.0), "1 request skipped"),
        (SenderView(22, 24, 9, 40, 55.0, True, 300.0), "our own sender 55 ms late at P99"),
        (SenderView(0, 24, 9, 40, None, True, 300.0), "40 requests skipped"),
    ],
)
def test_saturation_leads_with_the_cause_that_holds(sender: SenderView, cause: str) -> None:
    shown = said(made_snapshot(sender=sender))
    assert shown.figure.startswith(cause)
    assert shown.shorter[-1] == cause


def test_the_cause_of_a_record_error_comes_first() -> None:
    error = (
        "cannot write the run record runs/a.sqlite: disk full; free some space. Until then it is kept in memory"
    )
    shown = said(made_snapshot(record=RecordView("runs/a.sqlite", error, 1)))
    assert shown.figure == "disk full (1 row held)"
    other = "the run record runs/a.sqlite stopped: OSError(5)"
    assert said(made_snapshot(record=RecordView("runs/a.sqlite", other))).figure.startswith(
        "stopped: OSError(5)"
    )


def test_who_has_the_traffic_stays_longest_on_the_first_line() -> None:
    assert said(ROLLED_BACK).parts[:3] == ("◀ ROLLED BACK", "baseline v1120 100%", "canary v0513 0%")
    assert said(made_snapshot()).parts[1:3] == ("canary v0513 10%", "baseline v1120 90%")


def test_what_is_counted_once_is_singular() -> None:
    assigned = {DEFAULT_TASK: {BASELINE: 1}}
    assert "1 request since, none to a canary" in said(replace(ROLLED_BACK, assigned=assigned)).figure
    assert "1 request held back" in said(with_deployment(CANARY, throttled_s=8.0, held_back=1)).figure


def test_a_brief_figure_stands_for_the_whole_where_there_is_no_room() -> None:
    assert said(made_snapshot()).shorter[-1] == "v0513 P95 +63% n=980"
    assert said(ROLLED_BACK).shorter[-1] == "all traffic to v1120 for 01:48"


def test_a_notice_takes_the_second_line_for_a_while() -> None:
    assert said(made_snapshot(), notice="copied", notice_until_s=5.0, now_s=4.0).figure == "copied"
    assert "copied" not in said(made_snapshot(), notice="copied", notice_until_s=5.0, now_s=5.0).figure


def test_few_answers_give_no_difference() -> None:
    few = said(with_deployment(CANARY, figures=windows(figures(12))))
    assert "12 answers so far" in few.figure
    assert "%" not in few.figure


def test_nothing_is_claimed_about_a_canary() -> None:
    worse = said(with_deployment(CANARY, figures=windows(figures(9000, 9000.0))))
    assert not any(
        word in " ".join((*worse.parts, worse.figure)) for word in ("PASS", "FAIL", "BREACH", "WORSE", "OK")
    )


def test_hostile_text_is_one_harmless_line() -> None:
    shown = said(with_deployment(CANARY, unreachable="a\nb\x1b[31m" + "x" * 9999))
    assert "\n" not in shown.figure
    assert "\x1b" not in shown.figure
    assert len(shown.figure) < 250


def test_keys_are_those_in_force() -> None:
    keys = {**UiState().keys, "roll_back": "f9"}
    assert said(made_snapshot(), keys=keys).key == "press f9 to send 100% to v1120"


def test_no_canary_at_all() -> None:
    made = made_snapshot()
    alone = replace(
        made, deployments={BASELINE: made.deployments[BASELINE]}, weights={DEFAULT_TASK: {BASELINE: 100.0}}
    )
    shown = said(alone)
    assert shown.parts[-1].endswith("100%")
    assert shown.key == ""
