"""What the table, the log, the details and the exports say, without a screen."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.support.cockpit_fakes import (
    BASELINE,
    CANARY,
    PRICE,
    START,
    event,
    figures,
    made_snapshot,
    windows,
)
from tui.cockpit.export import figures_csv, state_json, write_export
from tui.cockpit.text.comparison import against_baseline
from tui.cockpit.text.details import details_lines
from tui.cockpit.text.events import Notice, event_lines
from tui.cockpit.text.format import short_names
from tui.cockpit.text.table import COLUMNS, Cell, anything_throttled, layout, rows
from tui.cockpit.text.weights import asked_pct, parse_weight, parse_wish, seen_pct
from tui.cockpit.ui_state import UiState, View
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    EventKind,
    OutcomeKind,
    PlayerView,
    Quantiles,
    RecordView,
    Snapshot,
    SourceView,
    TrafficState,
)
from tui.routing.weights import describe


def view_of(snapshot: Snapshot, **ui: Any) -> View:
    return View(snapshot, replace(UiState(), **ui), short_names(list(snapshot.deployments)))


def with_canary(**changes: Any) -> Snapshot:
    made = made_snapshot()
    return replace(made, deployments={**made.deployments, CANARY: replace(made.deployments[CANARY], **changes)})


def cells(snapshot: Snapshot, name: str = CANARY, **ui: Any) -> dict[str, Cell]:
    row = next(row for row in rows(view_of(snapshot, **ui)) if row.deployment == name)
    return {column.title: cell for column, cell in row.cells.items()}


# --- the version table --------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0, 5, 20, 40, 58, 78, 100, 118, 158, 198, 400])
def test_columns_never_exceed_the_width_and_names_stay(width: int) -> None:
    places = layout(width)
    assert sum(place.width + place.gap for place in places) <= max(width, 0)
    assert width < 9 or places[0].title == "VERSION"
    assert all(place.gap >= 1 for place in places[:-1])


def test_narrow_terminals_keep_what_matters() -> None:
    assert {"VERSION", "WGT", "P95", "ERR%", "FILT%", "VS BASELINE"} <= {p.title for p in layout(58)}
    assert {"P50", "P99", "TTFT", "$/1k", "RPS 30s"} <= {p.title for p in layout(78)}
    assert next(p.gap for p in layout(78) if p.title == "$/1k") == 2
    assert len(layout(118)) == len(COLUMNS)


@pytest.mark.parametrize("judged", [True, False])
def test_what_was_throttled_has_its_column_while_there_is_any(judged: bool) -> None:
    titles = [p.title.split()[0] for p in layout(78, judged=judged, throttled=True)]
    assert titles[titles.index("ERR%") + 1] == "THR%"
    assert {"VERSION", "WGT", "RPS", "P50", "P95", "P99", "$/1k", "FILT%", "VS"} <= set(titles)
    assert "THR%" not in [p.title for p in layout(78, judged=judged)]
    assert "THR%" in [p.title for p in layout(118, judged=judged)]
    assert "THROTTLED%" in [p.title for p in layout(198, judged=judged)]
    for width in range(0, 200, 7):
        assert sum(p.width + p.gap for p in layout(width, judged=judged, throttled=True)) <= width


def test_throttled_requests_are_no_errors() -> None:
    kinds = {OutcomeKind.OK: 60, OutcomeKind.RATE_LIMITED: 30, OutcomeKind.QUOTA_EXHAUSTED: 10}
    made = with_canary(figures=windows(figures(100, kinds=kinds)))
    row = cells(made)
    assert (row["ERR%"].text, row["THR%"].text) == ("0.00", "40.00")
    assert row["VS BASELINE"].longer[0] == "THR 40.00 vs 0.00%"
    assert anything_throttled(view_of(made))
    assert not anything_throttled(view_of(made_snapshot()))
    text = [line.text.split() for line in details_lines(view_of(made), CANARY, 117)]
    assert ["throttled", "%", *["40.00"] * 5] in text
    assert ["ended", "quota", "exhausted", "n", *["10"] * 5] in text


def test_a_row_says_what_was_measured() -> None:
    row = cells(made_snapshot())
    assert row["VERSION"].longer[0] == f"▲ {CANARY} gpt-4o 2025-05-13"
    assert [row[t].text for t in ("WGT", "RPS", "P95", "TOK/R", "$/1k", "N")] == [
        "10%", "2.7", "655", "320", "0.191", "1000",
    ]  # fmt: skip
    assert cells(made_snapshot(), BASELINE)["VERSION"].text == "● v1120"


def test_no_data_is_a_dash_and_never_zero() -> None:
    row = cells(replace(with_canary(figures={}, last_answer_s=None), history=()))
    assert {row[t].text for t in ("RPS", "P50", "P95", "P99", "TTFT", "TOK/R", "$/1k", "FILT%", "ERR%")} == {
        "–"
    }
    assert row["VS BASELINE"].longer == ("… waiting",)
    unused = replace(with_canary(figures={}), weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}})
    assert cells(unused)["VS BASELINE"].longer == ("… no traffic",)


def test_unknown_provisioned_estimated_and_saturated_are_marked() -> None:
    made = made_snapshot().deployments[CANARY].deployment
    unpriced = windows(figures(100, priced=0, cost_usd=None))
    assert cells(with_canary(deployment=replace(made, price=None), figures=unpriced))["$/1k"].text == "?"
    assert cells(with_canary(deployment=replace(made, provisioned=True)))["$/1k"].text == "n/a"
    assert cells(with_canary(figures=windows(figures(100, estimated_usd=0.1))))["$/1k"].mark == "~"
    unreported = {"answers_with_usage": 0, "answers_without_usage": 98, "prompt_tokens": 0}
    unknown = cells(with_canary(figures=windows(figures(100, **unreported))))
    assert (unknown["TOK/R"].text, unknown["$/1k"].text) == ("?", "0.191")
    saturated = cells(with_canary(figures=windows(figures(100, saturated=7))))
    assert [saturated[t].mark for t in ("P50", "P95", "P99", "TTFT", "RPS")] == ["!", "!", "!", "!", " "]


def test_few_answers_show_their_number_instead_of_a_difference() -> None:
    assert cells(with_canary(figures=windows(figures(20))))["VS BASELINE"].text == "… n=20"
    assert cells(made_snapshot())["VS BASELINE"].longer[0] == "P95 +63% n=980"


@pytest.mark.parametrize(
    ("width", "shown"), [(15, "P95 +63% n=2438"), (11, "+63% n=2438"), (10, "+63% n=2k"), (8, "+63%")]
)
def test_a_narrow_cell_shows_fewer_digits_and_cuts_none(width: int, shown: str) -> None:
    many = figures(2488, 655.0)
    assert cells(with_canary(figures=windows(many)))["VS BASELINE"].within(width) == shown


def test_old_figures_are_dim_and_say_how_old_but_rare_traffic_is_not_old() -> None:
    old = cells(with_canary(last_answer_s=380.0))
    assert old["P95"].tone == "dim"
    assert "20s old" in old["VS BASELINE"].text
    rare = replace(with_canary(last_answer_s=380.0), weights={DEFAULT_TASK: {BASELINE: 99.5, CANARY: 0.5}})
    assert cells(rare)["P95"].tone == ""
    assert cells(made_snapshot(), arrived_s=0.0, now_s=30.0)["P95"].tone == "dim"


def test_old_figures_are_no_fault_where_nothing_is_sent() -> None:
    last = with_canary(last_answer_s=377.0)
    for quiet in (
        replace(last, weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}),
        replace(last, state=TrafficState.PAUSED),
        replace(last, state=TrafficState.BUDGET_SPENT),
    ):
        row = cells(quiet)
        assert (row["VS BASELINE"].text, row["P95"].tone) == ("no traffic", "dim")
        assert "old" in cells(quiet, arrived_s=0.0, now_s=30.0)["VS BASELINE"].text


def test_trouble_takes_the_last_column() -> None:
    assert "unreachable" in cells(with_canary(unreachable="x"))["VS BASELINE"].longer[0]
    assert "throttled 8s" in cells(with_canary(throttled_s=8.0))["VS BASELINE"].longer[0]
    assert "throttled 2h" in cells(with_canary(throttled_s=7_190.5))["VS BASELINE"].longer[0]
    assert "throttled 2h" in cells(with_canary(throttled_s=7_500.0))["VS BASELINE"].longer[0]
    exhausted = cells(with_canary(quota_exhausted="no money", throttled_s=8.0))["VS BASELINE"]
    assert (exhausted.text, exhausted.longer[0], exhausted.tone) == ("✗ quota", "✗ quota exhausted", "alert")


def test_weights_are_live_while_figures_are_frozen() -> None:
    live = replace(made_snapshot(), weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}})
    row = cells(live, frozen=made_snapshot())
    assert row["WGT"].text == "0%"
    assert row["VERSION"].text.startswith("○")


# --- weights ------------------------------------------------------------------------------------


def seen_of(assigned: int, total: int, weight: float) -> float | None:
    made = replace(
        made_snapshot(),
        weights={DEFAULT_TASK: {BASELINE: 100 - weight, CANARY: weight}},
        assigned={DEFAULT_TASK: {BASELINE: total - assigned, CANARY: assigned}},
    )
    return seen_pct(made, CANARY)


def test_a_share_within_chance_is_not_shown() -> None:
    noise = 3 * math.sqrt(10 * 90 / 1000)
    assert seen_of(round(1000 * (10 + noise - 0.1) / 100), 1000, 10.0) is None
    assert seen_of(round(1000 * (10 + noise + 0.1) / 100), 1000, 10.0) == pytest.approx(10 + noise, abs=0.2)
    assert seen_of(0, 0, 10.0) is None


def test_a_weight_of_nothing_tolerates_one_point() -> None:
    assert seen_of(9, 1000, 0.0) is None
    assert seen_of(50, 1000, 0.0) == 5.0


def test_tasks_are_averaged_by_their_traffic() -> None:
    made = made_snapshot(
        weights={"email": {BASELINE: 90.0, CANARY: 10.0}, "contract": {BASELINE: 50.0, CANARY: 50.0}}
    )
    by_task = {
        "email": figures(10, assigned=300),
        "contract": figures(10, assigned=100),
        ALL_TASKS: figures(20),
    }
    deployments = {n: replace(v, figures={"1m": by_task}) for n, v in made.deployments.items()}
    assert asked_pct(replace(made, deployments=deployments), CANARY) == pytest.approx(20.0)
    assert asked_pct(replace(made, deployments={}), CANARY) == pytest.approx(30.0)
    assert cells(made)["WGT"].mark == "~"


@pytest.mark.parametrize(
    ("text", "pct", "task"), [("25", 25, None), (" 12.5 % ", 12.5, None), ("default=0", 0, "default")]
)
def test_weights_as_people_type_them(text: str, pct: float, task: str | None) -> None:
    wish = parse_weight(text, made_snapshot(), CANARY)
    assert (wish.pct, wish.task, wish.force) == (pct, task, False)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-1", "100.1", "other=5", "25!"])
def test_other_texts_are_no_weights(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_weight(text, made_snapshot(), CANARY)


def test_a_wish_names_a_deployment_a_task_and_its_force() -> None:
    made = made_snapshot()
    names = short_names(list(made.deployments))
    assert parse_wish("v0513=25", made, names).deployment == CANARY
    forced = parse_wish(f"default/{CANARY}=30!", made, names)
    assert (forced.pct, forced.task, forced.force) == (30.0, "default", True)
    for wrong in ("25", "v9=3", "=3", "v0513=", "x/v0513=3"):
        with pytest.raises(ValueError, match=r"."):
            parse_wish(wrong, made, names)


# --- the event log ------------------------------------------------------------------------------


def table(pct: float) -> dict[str, dict[str, float]]:
    return {DEFAULT_TASK: {BASELINE: 100 - pct, CANARY: pct}}


def test_a_group_is_one_line_and_another_group_another() -> None:
    events = [
        event(
            i,
            EventKind.SHIFTED,
            "one step",
            10.0 + i,
            before=table(10 - 5 * i),
            after=table(5 - 5 * i),
            group=group,
        )
        for i, group in ((0, 1), (1, 1))
    ]
    events.append(event(9, EventKind.SHIFTED, "later", 20.0, before=table(0), after=table(5), group=2))
    lines = event_lines(events)
    assert len(lines) == 2
    assert "10 → 0%" in lines[0].text
    assert "(×2)" in lines[0].text
    assert lines[1].text == "later"


def test_notices_stand_in_order_and_what_the_engine_said_is_not_said_twice() -> None:
    events = [event(1, EventKind.REFUSED, "no more traffic", 10.0), event(2, EventKind.MARKED, "later", 30.0)]
    notices = [
        Notice(START + timedelta(seconds=20), "mine"),
        Notice(START + timedelta(seconds=11), "no more traffic"),
    ]
    assert [line.text for line in event_lines(events, notices)] == [
        "✗ REFUSED no more traffic",
        "mine",
        "◆ MARK later",
    ]


def test_the_filter_looks_at_text_actor_and_deployments() -> None:
    events = [
        event(1, EventKind.SHIFTED, "a shift", 1.0, after=table(5)),
        event(2, EventKind.MARKED, "Hello", 2.0, actor="ana"),
    ]
    assert [line.who for line in event_lines(events, only="ANA")] == ["ana"]
    assert [line.text for line in event_lines(events, only="v0513")] == ["a shift"]
    assert event_lines(events, only="nothing") == ()


def test_weights_are_logged_under_short_names_and_found_by_the_full_ones() -> None:
    names = short_names([BASELINE, CANARY])
    rolled = event(
        1,
        EventKind.ROLLED_BACK,
        describe(table(10), table(0)),
        1.0,
        before=table(10),
        after=table(0),
    )
    [line] = event_lines([rolled], only=CANARY, names=names)
    assert line.text == "◀ ROLLED BACK v1120 90 → 100%, v0513 10 → 0%"


def test_no_word_is_said_twice_and_the_kind_finds_its_events() -> None:
    said = (
        (EventKind.PAUSED, "traffic paused", "❚❚ traffic paused"),
        (EventKind.SATURATED, "client saturated: 3 skipped", "▲ client saturated: 3 skipped"),
        (EventKind.BUDGET_SPENT, "budget of 5.00 USD spent", "■ budget of 5.00 USD spent"),
        (EventKind.THROTTLED, "v1 asks for a pause of 2 s", "▲ v1 asks for a pause of 2 s"),
    )
    for kind, text, shown in said:
        assert [line.text for line in event_lines([event(1, kind, text, 1.0)])] == [shown]
        assert event_lines([event(1, kind, text, 1.0)], only=kind.value.replace("_", " ").upper())


def test_hostile_events_are_plain_lines() -> None:
    hostile = event(
        1, EventKind.MARKED, "[@click=app.quit]x[/]\x1b[2J\n\u202e" + "y" * 5000, 1.0, actor="\x07" * 50
    )
    line = event_lines([hostile])[0]
    assert "[@click=app.quit]x[/]" in line.text
    assert line.text.isprintable()
    assert line.who.isprintable()
    assert len(line.text) <= 400


# --- details ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [77, 117, 197])
def test_details_hold_every_window_within_the_width(width: int) -> None:
    lines = details_lines(view_of(made_snapshot()), CANARY, width)
    text = "\n".join(line.text for line in lines)
    measured = [line for line in lines if line.text.startswith("  latency P95")]
    assert measured[0].text.split()[-5:] == ["655"] * 5
    assert all(cell_len(line.text) <= width for line in lines if line.text.startswith("  latency"))
    for part in (
        "1m",
        "run",
        "ended server error",
        "filter completion:hate",
        "served gpt-4o",
        "3 bad lines",
        "line 17",
    ):
        assert part in text
    assert "1.25 cached in" in text


def test_details_show_each_task_where_there_are_several() -> None:
    both = {"5m": {"email": figures(100), "contract": figures(50), ALL_TASKS: figures(150)}}
    text = "\n".join(line.text for line in details_lines(view_of(with_canary(figures=both)), CANARY, 117))
    assert "task email" in text
    assert "task contract" in text


def test_details_say_what_is_unknown_and_what_came_after_reasoning() -> None:
    def lines(**changes: Any) -> dict[str, list[str]]:
        made = with_canary(figures=windows(figures(100, **changes)))
        texts = [line.text for line in details_lines(view_of(replace(made, reserved_usd=0.5)), CANARY, 117)]
        return {text[:36].strip(): text[36:].split() for text in texts}

    plain_ = lines()
    assert plain_["first of answer"] == ["ms", "same", "as", "first", "token"]
    assert "without counts" not in plain_
    assert next(rest for said, rest in plain_.items() if said.startswith("spent 1.9"))[-2:] == [
        "0.500", "reserved",
    ]  # fmt: skip
    thought = lines(answer_ttft_ms=Quantiles(2000.0, 3000.0, 4000.0, 90))
    assert thought["first of answer P50"] == ["ms", *["2,000"] * 5]
    assert thought["first of answer, values"] == ["n", *["90"] * 5]
    assert lines(ttft_ms=None, answer_ttft_ms=None)["first of answer"] == ["ms", "–"]
    unknown = lines(answers_with_usage=0, answers_without_usage=98, ms_per_output_token=None)
    assert unknown["per token P50"] == ["ms", *["?"] * 5]
    assert unknown["prompt per answer"] == ["tokens", *["?"] * 5]
    assert unknown["without counts"] == ["n", *["98"] * 5]


def test_details_say_what_a_service_said_of_waiting() -> None:
    def said(**changes: Any) -> str:
        lines = details_lines(view_of(with_canary(**changes)), CANARY, 117)
        return " ".join(" ".join(line.text for line in lines).split())

    assert "throttled its service asks to wait 8 s more quota" not in said(throttled_s=8.0)
    assert "throttled its service asks to wait 8 s more last answer" in said(throttled_s=8.0, next_try_s=8.0)
    long = said(throttled_s=7_500.0, next_try_s=200.0)
    assert (
        "throttled its service asks to wait 2 h 5 min more; one request is tried every 300 s; the next" in long
    )
    assert "the next request is sent in 03:20" in long
    none = said(quota_exhausted="HTTP 429: pay first\x1b[31m", next_try_s=200.0)
    assert "quota EXHAUSTED: HTTP 429: pay first\\x1b[31m; one request is tried every 300 s" in none


def test_details_of_hostile_and_missing_things() -> None:
    error = "\x1b[31m[/b]" + "z" * 9000
    made = with_canary(last_error=error, unreachable="no route", throttled_s=3.0, figures={})
    made = replace(made, sources=(SourceView("s", "sampled", error="gone\n"),))
    lines = details_lines(view_of(made), CANARY, 77)
    assert all(line.text.isprintable() or not line.text for line in lines)
    assert max(len(line.text) for line in lines) < 400
    assert "not part of this rollout" in details_lines(view_of(made), "nobody", 77)[0].text


def test_every_label_of_the_details_is_whole_on_a_narrow_terminal() -> None:
    lines = [line.text for line in details_lines(view_of(made_snapshot()), CANARY, 77)]
    head = next(n for n, line in enumerate(lines) if line.startswith("all tasks"))
    labels = [line[:25] for line in lines[head + 1 : lines.index("", head)]]
    own = [label for label in labels if not label.startswith(("  served", "  filter"))]
    assert len(own) > 30
    assert [label for label in own if "…" in label or not label.endswith(" ")] == []


def test_the_remedy_for_a_price_fits_the_session() -> None:
    canary = made_snapshot().deployments[CANARY].deployment
    made = with_canary(deployment=replace(canary, price=None))
    for shown, said in (
        (made, "price       ? unknown: give `price` in the rollout file"),
        (replace(made, player=PlayerView(60.0)), "price       not recorded: what each request cost is"),
    ):
        assert said in [line.text for line in details_lines(view_of(shown), CANARY, 77)]


def test_details_say_how_old_an_error_is_and_where_a_price_comes_from() -> None:
    price = replace(PRICE, source="a table of prices with a long name " * 3)
    canary = made_snapshot().deployments[CANARY].deployment
    made = with_canary(last_error="HTTP 503", last_error_s=388.0, deployment=replace(canary, price=price))
    made = replace(made, record=RecordView("x", "cannot write x: disk full"))
    lines = [line.text for line in details_lines(view_of(made), CANARY, 77)]
    assert "last error  12s ago: HTTP 503" in lines
    assert "  cannot write x: disk full" in lines
    source = lines.index("price       2.5 in, 1.25 cached in, 10 out USD per 1M tokens") + 1
    assert lines[source].startswith("  source    as of ")
    assert sum(line.count("long name") for line in lines[source : source + 4]) == 3
    assert all(cell_len(line) <= 77 for line in lines[source : source + 4])


def test_a_mark_moves_no_digit() -> None:
    both = {w: {ALL_TASKS: figures(100, estimated_usd=0.1 * (w == "5m"))} for w in ("1m", "5m")}
    lines = [line.text for line in details_lines(view_of(with_canary(figures=both)), CANARY, 117)]
    head = next(line for line in lines if line.startswith("all tasks"))
    costs = next(line for line in lines if "cost per 1k" in line)
    assert "~" in costs
    for window in ("1m", "5m"):
        assert costs[head.index(window) + 1].isdigit()
        assert costs[head.index(window) + 2] == ("~" if window == "5m" else " ")


# --- exports ------------------------------------------------------------------------------------


def test_the_csv_has_a_line_per_deployment_window_and_task() -> None:
    found = list(csv.DictReader(io.StringIO(figures_csv(made_snapshot()))))
    assert len(found) == 2 * 5 * 2
    canary = next(
        r for r in found if r["deployment"] == CANARY and r["window"] == "5m" and r["task"] == ALL_TASKS
    )
    assert (canary["p95_ms"], canary["requests"], canary["ttft_p50_ms"]) == ("655.0", "1000", "163.75")


def test_the_table_of_an_export_tells_throttled_from_errors() -> None:
    made = with_canary(figures=windows(figures(100, kinds={OutcomeKind.OK: 75, OutcomeKind.RATE_LIMITED: 25})))
    found = list(csv.DictReader(io.StringIO(figures_csv(made))))
    canary = next(r for r in found if r["deployment"] == CANARY)
    assert (canary["error_pct"], canary["throttled_pct"]) == ("0.0", "25.0")


def test_the_json_is_strict_and_whole() -> None:
    made = replace(made_snapshot(), spent_usd=math.nan)
    state = json.loads(state_json(made), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert state["spent_usd"] is None
    assert state["deployments"][CANARY]["deployment"]["price"]["input_usd"] == PRICE.input_usd
    assert len(state["history"]) == 300


def test_an_export_never_overwrites_and_stays_in_its_folder(tmp_path: Path) -> None:
    made = replace(made_snapshot(), run_id="../../etc/x y")
    first, second = write_export(tmp_path, made, "<svg/>"), write_export(tmp_path, made, "<svg/>")
    assert len({*first, *second}) == 6
    assert {path.parent for path in (*first, *second)} == {tmp_path}


# --- beside the baseline ------------------------------------------------------------------------


def test_errors_and_filter_hits_come_before_a_p95_that_knows_only_answers() -> None:
    failing = figures(1000, 300.0, kinds={OutcomeKind.OK: 700, OutcomeKind.SERVER_ERROR: 300})
    cell = cells(with_canary(figures=windows(failing)))["VS BASELINE"]
    assert (cell.longer[0], cell.tone) == ("ERR 30.00 vs 2.00%", "warn")
    blocked = figures(1000, 655.0, prompt_blocked=40, completion_blocked=40)
    compared = against_baseline(with_canary(figures=windows(blocked)), CANARY, "5m")
    assert compared.sentence.startswith("FILT 8.00 vs 0.60%, P95 655 ms vs 402 ms")


def test_a_handful_of_errors_is_not_yet_a_rate() -> None:
    few = figures(60, 655.0, kinds={OutcomeKind.OK: 56, OutcomeKind.SERVER_ERROR: 4})
    assert against_baseline(with_canary(figures=windows(few)), CANARY, "5m").text.startswith("P95")
