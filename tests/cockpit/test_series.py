"""From a Snapshot to plots: which seconds, which deployments, which styles, which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tui.cockpit.palette import SERIES_COLOURS
from tui.cockpit.plots.series import mini_lines, panels
from tui.cockpit.plots.spec import Panel, Series
from tui.cockpit.text.format import LONGEST, short_names
from tui.model import (
    Deployment,
    DeploymentView,
    Event,
    EventKind,
    Second,
    SecondFigures,
    Snapshot,
    TrafficState,
)

OLD, NEW = "gpt4o-prod-v1120", "gpt4o-prod-v0513"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def figures(value: float | None = 200.0, weight: float = 50.0, requests: int = 9) -> SecondFigures:
    tenth = None if value is None else value / 10
    double = None if value is None else value * 2
    return SecondFigures(requests, value, double, double, tenth, tenth, tenth, weight, weight)


NOTHING = figures(None, 0.0, 0)


def snapshot(
    history: Sequence[Second],
    *,
    names: Sequence[str] = (OLD, NEW),
    weights: Mapping[str, float] | None = None,
    events: Sequence[Event] = (),
) -> Snapshot:
    views = {
        name: DeploymentView(
            Deployment(name, "main", "gpt-4o", "1"), "baseline" if name == OLD else "canary", {}
        )
        for name in names
    }
    return Snapshot(
        at=AT,
        at_s=history[-1].at_s if history else 0.0,
        run_id="1",
        rollout="r",
        environment="test",
        state=TrafficState.RUNNING,
        baseline=OLD,
        weights={"default": {OLD: 90.0, NEW: 10.0} if weights is None else weights},
        deployments=views,
        history=tuple(history),
        events=tuple(events),
    )


def seconds(count: int, **by_name: SecondFigures) -> list[Second]:
    both = {OLD: by_name.get("old", figures()), NEW: by_name.get("new", figures(300.0))}
    return [Second(float(i), both) for i in range(1, count + 1)]


def drawn(panel: Panel) -> dict[str, Series]:
    return {series.label: series for series in panel.spec.series}


def test_the_four_plots_show_the_figures_of_both_versions() -> None:
    made = panels(snapshot(seconds(400)), "5m", [OLD, NEW], 400.0)
    assert {name: panel.key for name, panel in made.items()} == {
        "latency": 1,
        "cost": 2,
        "rates": 3,
        "weights": 4,
    }
    latency = drawn(made["latency"])
    assert set(latency) == {f"{v} {rank}" for v in ("v1120", "v0513") for rank in ("P50", "P95", "P99")}
    assert latency["v1120 P50"].points[-1] == (0.0, 200.0)
    assert latency["v0513 P95"].points[0] == (-300.0, 600.0)
    assert drawn(made["cost"])["v0513"].points[-1] == (0.0, 30.0)
    assert set(drawn(made["rates"])) == {
        f"{v} {what}" for v in ("v1120", "v0513") for what in ("filter", "error")
    }
    assert drawn(made["weights"])["v1120"].points[-1] == (0.0, 50.0)


def test_styles_tell_versions_and_percentiles_apart() -> None:
    latency = drawn(panels(snapshot(seconds(9)), "5m", [OLD, NEW], 9.0)["latency"])
    assert [latency[f"{v} P95"].colour for v in ("v1120", "v0513")] == ["baseline", "canary"]
    bright = {label.split()[1]: not series.dim for label, series in latency.items()}
    assert bright == {"P50": False, "P95": True, "P99": False}
    for of_one_rank in ("P50", "P95", "P99"):
        assert latency[f"v1120 {of_one_rank}"].marker != latency[f"v0513 {of_one_rank}"].marker


def test_every_line_of_latency_is_named_with_its_newest_value_in_its_own_style() -> None:
    newest = SecondFigures(9, 504.2, 1100.0, 12_345.6, 1.0, 0.0, 0.0, 50.0, 50.0)
    made = panels(
        snapshot([*seconds(9, new=NOTHING), Second(10.0, {OLD: newest, NEW: NOTHING})]), "5m", [OLD, NEW], 10.0
    )
    legend = made["latency"].legend
    assert [entry.label for entry in legend if entry.marker == ""] == ["v1120", "v0513"]
    named = [entry.label for entry in legend if entry.joined]
    assert named == ["P50  504", "P95 1100", "P99 12346", "P50    –", "P95    –", "P99    –"]
    styles = {(entry.colour, entry.dim, entry.marker) for entry in legend if entry.joined}
    assert styles == {(series.colour, series.dim, series.marker) for series in made["latency"].spec.series}


@pytest.mark.parametrize("mode", ["braille", "hd", "ascii"])
def test_each_font_gets_markers_it_can_show(mode: str) -> None:
    made = panels(snapshot(seconds(9)), "5m", [OLD, NEW], 9.0, marker=mode)  # type: ignore[arg-type]
    markers = {series.marker for panel in made.values() for series in panel.spec.series}
    assert mode == "braille" or not markers & {"braille", "dashes"}
    assert mode != "ascii" or all(len(marker) == 1 and marker.isascii() for marker in markers)


def test_a_p99_far_above_the_rest_does_not_press_the_other_lines_flat() -> None:
    def reach(p99_ms: float) -> float:
        far = SecondFigures(9, 200.0, 400.0, p99_ms, 1.0, 0.0, 0.0, 50.0, 50.0)
        shown = panels(snapshot(seconds(60, new=far)), "1m", [OLD, NEW], 60.0)["latency"].spec.series
        return max(series.reach or 0.0 for series in shown)

    assert (reach(700.0), reach(50_000.0)) == (700.0, 800.0)


def test_weights_keep_a_fixed_axis_and_the_others_find_theirs() -> None:
    made = panels(snapshot(seconds(9)), "5m", [OLD, NEW], 9.0)
    assert (made["weights"].spec.y_min, made["weights"].spec.y_max) == (0.0, 100.0)
    assert [made[name].spec.y_max for name in ("latency", "cost", "rates")] == [None] * 3


@pytest.mark.parametrize(
    ("window", "x_min", "labels"),
    [
        ("1m", -60.0, ["-60s", "-30s", "now"]),
        ("5m", -300.0, ["-5m", "-2.5m", "now"]),
        ("60m", -3600.0, ["-60m", "-30m", "now"]),
        ("run", -499.0, ["start", "-4.16m", "now"]),
    ],
)
def test_x_runs_from_the_start_of_the_window_to_now(window: str, x_min: float, labels: list[str]) -> None:
    spec = panels(snapshot(seconds(500)), window, [OLD], 500.0)["cost"].spec
    assert (spec.x_min, spec.x_max) == (x_min, 0.0)
    assert [label for _, label in spec.x_ticks] == labels
    assert [x for x, _ in spec.x_ticks] == [x_min, x_min / 2, 0.0]


def test_a_run_longer_than_its_history_does_not_claim_its_start() -> None:
    history = [Second(float(i), {OLD: figures()}) for i in range(5000, 5100)]
    labels = [label for _, label in panels(snapshot(history), "run", [OLD], 5099.0)["cost"].spec.x_ticks]
    assert labels == ["-99s", "-50s", "now"]


def test_an_unknown_window_is_an_error() -> None:
    with pytest.raises(KeyError):
        panels(snapshot([]), "7m", [OLD], 0.0)


def test_without_history_there_are_axes_and_no_points() -> None:
    made = panels(snapshot([]), "run", [OLD, NEW], 0.0)
    assert all(series.points == () for panel in made.values() for series in panel.spec.series)
    assert made["latency"].spec.x_min < made["latency"].spec.x_max


def test_seconds_after_now_and_before_the_window_are_left_out() -> None:
    points = drawn(panels(snapshot(seconds(400)), "1m", [OLD], 300.0)["cost"])["v1120"].points
    assert (points[0][0], points[-1][0]) == (-60.0, 0.0)


def test_missing_figures_and_missing_seconds_are_gaps() -> None:
    history = (
        seconds(10) + [Second(11.0, {NEW: figures()})] + [Second(float(i), {OLD: figures()}) for i in (30, 31)]
    )
    points = drawn(panels(snapshot(history), "1m", [OLD], 31.0)["cost"])["v1120"].points
    assert [x for x, y in points if y is None] == [-20.0, -10.5]
    assert list(points) == sorted(points, key=lambda point: point[0])


def test_marks_are_weight_changes_inside_the_window() -> None:
    def event(at_s: float, kind: EventKind) -> Event:
        return Event(1, AT, at_s, "user", kind, "")

    events = [event(10, EventKind.SHIFTED), event(390, EventKind.ROLLED_BACK), event(395, EventKind.MARKED)]
    made = panels(snapshot(seconds(400), events=events), "1m", [OLD], 400.0)
    assert {panel.spec.marks for panel in made.values()} == {((-10.0, "shift"),)}
    assert [entry.label for entry in made["cost"].legend if entry.marker == "┊"] == ["shift"]


def test_limits_reach_their_plot_and_its_legend() -> None:
    made = panels(snapshot(seconds(9)), "1m", [OLD], 9.0, limits={"rates": 1.0})
    assert {name: panel.spec.limit for name, panel in made.items() if panel.spec.limit is not None} == {
        "rates": 1.0
    }
    assert "limit" in [entry.label for entry in made["rates"].legend]
    assert "limit" not in [entry.label for entry in made["cost"].legend]


def test_only_deployments_with_traffic_or_data_are_drawn() -> None:
    history = [Second(float(i), {OLD: figures(), NEW: NOTHING}) for i in range(1, 50)]
    alone = snapshot(history, weights={OLD: 100.0, NEW: 0.0})
    assert set(drawn(panels(alone, "1m", [OLD, NEW], 49.0)["cost"])) == {"v1120"}
    waiting = snapshot(history, weights={OLD: 95.0, NEW: 5.0})
    assert set(drawn(panels(waiting, "1m", [OLD, NEW], 49.0)["cost"])) == {"v1120", "v0513"}
    rolled_back = snapshot(seconds(49), weights={OLD: 100.0, NEW: 0.0})
    assert set(drawn(panels(rolled_back, "1m", [OLD, NEW], 49.0)["cost"])) == {"v1120", "v0513"}


def test_at_most_four_are_drawn_each_in_a_style_of_its_own() -> None:
    names = [OLD, *(f"canary-v{i}" for i in range(10, 17))]
    weights = dict.fromkeys(names, 0.0) | {
        OLD: 70.0,
        "canary-v11": 10.0,
        "canary-v14": 10.0,
        "canary-v16": 10.0,
    }
    history = [Second(1.0, {name: figures() for name in names})]
    made = drawn(panels(snapshot(history, names=names, weights=weights), "1m", names, 1.0)["cost"])
    assert set(made) == {"v1120", "v11", "v14", "v16"}
    assert {series.colour for series in made.values()} == set(SERIES_COLOURS)


def test_a_version_keeps_its_colour_when_another_goes() -> None:
    names = [OLD, NEW, "gpt4o-prod-v0718"]
    history = [Second(1.0, {OLD: figures(), NEW: NOTHING, names[2]: figures()})]

    def colour(weights: dict[str, float]) -> str:
        return drawn(panels(snapshot(history, names=names, weights=weights), "1m", names, 1.0)["cost"])[
            "v0718"
        ].colour

    assert (
        colour({OLD: 80.0, NEW: 10.0, names[2]: 10.0})
        == colour({OLD: 90.0, NEW: 0.0, names[2]: 10.0})
        == "third"
    )


def rates(filter_pct: float, error_pct: float) -> SecondFigures:
    return SecondFigures(9, 200.0, 400.0, 400.0, 1.0, filter_pct, error_pct, 50.0, 50.0)


@pytest.mark.parametrize(
    ("filter_pct", "error_pct", "bright", "note"),
    [
        (2.0, 1.0, "filter", "dim: errors"),
        (0.0, 35.0, "error", "dim: filter"),
        (0.0, 0.0, "filter", "dim: errors"),
    ],
)
def test_the_rate_that_reaches_higher_is_bright_and_named_in_the_mini_line(
    filter_pct: float, error_pct: float, bright: str, note: str
) -> None:
    shown = snapshot(seconds(60, old=rates(0.0, 0.0), new=rates(filter_pct, error_pct)))
    panel = panels(shown, "1m", [OLD, NEW], 60.0)["rates"]
    assert {series.label.split()[1] for series in panel.spec.series if not series.dim} == {bright}
    assert {series.label.split()[1] for series in panel.spec.series if series.dim} == {"filter", "error"} - {
        bright
    }
    assert note in [entry.label for entry in panel.legend]
    mini = mini_lines(shown, "1m", [OLD, NEW], 60.0)["rates"]
    newest = max(filter_pct, error_pct)
    assert (mini.title, mini.graphs[1].figure) == (f"{bright}%", f"{newest:.2f}")
    assert mini.high == newest


def test_what_was_throttled_is_drawn_where_anything_was() -> None:
    limited = replace(rates(0.5, 0.0), throttled_pct=40.0)
    shown = snapshot(seconds(60, old=replace(rates(0.5, 0.0), throttled_pct=0.0), new=limited))
    panel = panels(shown, "1m", [OLD, NEW], 60.0)["rates"]
    assert panel.title == "filter/err/thr %"
    assert {series.label.split()[1] for series in panel.spec.series if not series.dim} == {"throttled"}
    assert "dim: filter, dotted: errors" in [entry.label for entry in panel.legend]
    assert mini_lines(shown, "1m", [OLD, NEW], 60.0)["rates"].title == "thr%"
    calm = snapshot(seconds(60, old=rates(0.5, 0.0), new=replace(rates(0.5, 0.0), throttled_pct=0.0)))
    assert panels(calm, "1m", [OLD, NEW], 60.0)["rates"].title == "filter/err %"
    assert len(panels(calm, "1m", [OLD, NEW], 60.0)["rates"].spec.series) == 4


def test_a_long_window_is_thinned_and_its_spike_survives() -> None:
    history = [Second(float(i), {OLD: figures(9000.0 if i == 1234 else 200.0 + i % 5)}) for i in range(1, 3601)]
    points = drawn(panels(snapshot(history), "60m", [OLD], 3600.0, width=100)["latency"])["v1120 P50"].points
    assert len(points) <= 2 * 100 + 2
    assert (1234 - 3600.0, 9000.0) in points
    assert list(points) == sorted(points, key=lambda point: point[0])


def test_a_thinned_picture_does_not_shimmer_as_time_goes_on() -> None:
    history = [Second(float(i), {OLD: figures(200.0 + (i * 7919) % 101)}) for i in range(1, 3700)]

    def picked(now_s: float) -> set[float]:
        latency = panels(snapshot(history), "60m", [OLD], now_s, width=100)["latency"]
        return {x + now_s for x, _ in drawn(latency)["v1120 P50"].points if -3500 < x < -100}

    before, after = picked(3600.0), picked(3601.0)
    assert {at for at in before ^ after if 150 < at < 3450} == set()


def test_mini_lines_share_one_scale_and_say_the_difference() -> None:
    lines = mini_lines(snapshot(seconds(300)), "5m", [OLD, NEW], 300.0, width=10)
    cost = lines["cost"]
    assert [graph.values for graph in cost.graphs] == [(20.0,) * 10, (30.0,) * 10]
    assert (cost.low, cost.high, cost.note) == (0.0, 30.0, "+50%")
    assert [graph.figure for graph in cost.graphs] == ["$20.000", "$30.000"]
    assert (lines["rates"].note, lines["weights"].note, lines["weights"].high) == ("+10.00", "", 100.0)


def test_mini_lines_without_data_say_so() -> None:
    lines = mini_lines(snapshot([]), "5m", [OLD, NEW], 0.0, width=5)
    assert [graph.values for graph in lines["cost"].graphs] == [(None,) * 5] * 2
    assert {graph.figure for line in lines.values() for graph in line.graphs} == {"–"}
    assert lines["cost"].note == ""


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ([OLD, NEW], ["v1120", "v0513"]),
        (["gpt4o-v1-eu", "gpt4o-v2-eu"], ["v1-eu", "v2-eu"]),
        (["only-one-v3"], ["v3"]),
        (["a", "b"], ["a", "b"]),
        (["gpt-4", "gpt-5"], ["gpt-4", "gpt-5"]),
        (["summariser20251120", "summariser20260513"], ["…ser20251120", "…ser20260513"]),
        ([], []),
    ],
)
def test_short_names(names: list[str], labels: list[str]) -> None:
    assert list(short_names(names).values()) == labels


def test_short_names_never_agree_and_never_grow() -> None:
    hostile = ["", "-", "--", "x" * 500, "x" * 500 + "y", "字字", "a-b", "a_b", "\x1b[31m", "1", "2", "a-b"]
    labels = short_names(hostile)
    assert set(labels) == set(hostile)
    assert len(set(labels.values())) == len(labels)
    assert all(0 < len(label) <= LONGEST for label in labels.values())
