"""The screens at every size and in every state, with what hostile data do to them: nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import (
    BASELINE,
    CANARY,
    FakeControls,
    event,
    figures,
    made_snapshot,
    windows,
)
from tests.support.typed import present
from tui.cockpit.messages import SnapshotArrived
from tui.cockpit.plots.process import InlineRenderer
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.banner import BannerBar
from tui.cockpit.widgets.event_log import EventLog
from tui.cockpit.widgets.lines import Lines
from tui.cockpit.widgets.tables import VersionTable
from tui.model import DEFAULT_TASK, Event, EventKind, RecordView, SenderView, Snapshot, TrafficState

SIZES = [(80, 24), (120, 36), (200, 60), (60, 16), (59, 15), (20, 5)]
PLOTS_AT = {(80, 24): 1, (120, 36): 4, (200, 60): 4, (60, 16): 1, (59, 15): 0, (20, 5): 0}


def empty(state: TrafficState) -> Snapshot:
    made = made_snapshot(state=state, history=())
    blank = {
        n: replace(v, figures=windows(figures(0)), last_answer_s=None) for n, v in made.deployments.items()
    }
    return replace(made, deployments=blank)


def changed(name: str, **changes: Any) -> Snapshot:
    made = made_snapshot()
    return replace(made, deployments={**made.deployments, name: replace(made.deployments[name], **changes)})


STATES = {
    "RUNNING": made_snapshot(),
    "STARTING": empty(TrafficState.STARTING),
    "NO DATA YET": empty(TrafficState.RUNNING),
    "THROTTLED": changed(CANARY, throttled_s=200_000.0, next_try_s=250.0, held_back=912),
    "QUOTA EXHAUSTED": changed(CANARY, quota_exhausted="HTTP 429: [/b]You exceeded your quota", next_try_s=9.0),
    "CLIENT SATURATED": made_snapshot(sender=SenderView(200, 200, 9, 40, 55.0, True, 300.0)),
    "UNREACHABLE": changed(BASELINE, unreachable="connection refused"),
    "BUDGET SPENT": made_snapshot(state=TrafficState.BUDGET_SPENT),
    "TRAFFIC PAUSED": made_snapshot(state=TrafficState.PAUSED),
    "ENDED": made_snapshot(state=TrafficState.ENDED),
    "RECORD ERROR": made_snapshot(record=RecordView("x", "disk full")),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
async def test_every_state_at_every_size(state: str, size: tuple[int, int]) -> None:
    async with cockpit(FakeControls(STATES[state]), size=size) as c:
        assert state[: size[0] - 6] in c.banner
        assert len(c.plots()) == PLOTS_AT[size]
        assert len(c.table) == 3
        for widget in c.app.screen.query(Lines):
            assert all(len(line) <= size[0] or widget.id == "log" for line in widget.plain_lines)
        bottom = c.app.screen.query_one("KeyFooter").region
        assert (bottom.y, bottom.height) == (size[1] - 1, 1)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_plots_are_drawn_and_leave_room_for_the_rest(size: tuple[int, int]) -> None:
    async with cockpit(size=size, renderer=InlineRenderer()) as c:
        shown = c.plots()
        assert all(plot.failure == "" for plot in shown)
        assert all(plot.size.height >= 8 for plot in shown)
        svg = c.app.export_screenshot()
        assert re.search("[\u2801-\u28ff]", svg)
        assert "latency&#160;ms" in svg
        assert c.app.screen.query_one(EventLog).size.height >= 2


async def test_a_terminal_that_changes_its_size_changes_the_layout() -> None:
    async with cockpit(size=(120, 36)) as c:
        for size, plots in PLOTS_AT.items():
            await c.pilot.resize_terminal(*size)
            await c.settle()
            assert len(c.plots()) == plots


async def test_after_any_change_of_size_every_title_and_the_log_are_whole() -> None:
    async with cockpit(size=(80, 24)) as c:
        await c.press("m", *"kept", "enter", "z")
        for size in ((20, 5), (80, 24), (120, 36)):
            await c.pilot.resize_terminal(*size)
            await c.settle()
        await c.press("z", "w", "2")
        for size in ((120, 36), (59, 15), (80, 24), (200, 60)):
            await c.pilot.resize_terminal(*size)
            await c.settle()
            painted = ["".join(s.text for s in row) for row in c.app.screen._compositor.render_strips()]
            for plot in c.plots():
                at = plot.region
                assert painted[at.y][at.x : at.right].endswith("─╮")
            assert "MARK kept" in c.log


async def test_time_passes_on_the_screen_when_the_engine_falls_silent() -> None:
    async with cockpit() as c:
        c.controls.clock.pass_s(12)
        c.app.tick()
        await c.settle()
        assert "STALE 12s" in c.banner
        assert "12s old" in c.table[2]
        c.controls.publish()
        await c.settle()
        assert "STALE" not in c.banner


async def test_a_flood_of_snapshots_is_one_repaint(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as c:
        shown: list[View] = []
        monkeypatch.setattr(c.app.screen, "show", shown.append)
        for i in range(500):
            c.app.post_message(SnapshotArrived(replace(c.controls.current, at_s=400.0 + i)))
        await c.settle()
        assert shown[-1].live.at_s == 899.0
        assert len(shown) < 5


async def test_snapshots_may_come_from_any_thread() -> None:
    async with cockpit() as c:
        thread = threading.Thread(target=lambda: c.controls.publish(state=TrafficState.PAUSED))
        thread.start()
        thread.join()
        await c.settle()
        assert "TRAFFIC PAUSED" in c.banner


async def test_rows_that_did_not_change_are_not_painted_again() -> None:
    async with cockpit() as c:
        table = c.app.screen.query_one(VersionTable)
        kept = dict(table._strips)
        assert len(kept) == 3
        other = replace(c.controls.current.deployments[CANARY], figures=windows(figures(1000, 777.0)))
        c.controls.publish(deployments={**c.controls.current.deployments, CANARY: other})
        await c.settle()
        assert table._strips[0] is kept[0]
        assert table._strips[1] is kept[1]
        assert table._strips[2] is not kept[2]
        assert "777" in table.plain_lines[2]


HOSTILE = "[@click=app.roll_back]x[/] [b]\x1b[2J\x07\n\u202e" + "W" * 3000


async def test_hostile_text_is_text_everywhere() -> None:
    made = changed(CANARY, unreachable=HOSTILE, last_error=HOSTILE)
    made = replace(made, rollout=HOSTILE, environment=HOSTILE, record=RecordView(HOSTILE, HOSTILE))
    made = replace(made, events=(event(1, EventKind.MARKED, HOSTILE, 1.0, actor=HOSTILE, reason=HOSTILE),))
    async with cockpit(FakeControls(made)) as c:
        assert "[@click=app.roll_back]x[/]" in c.log
        await c.press("enter", "j", "G", "escape", "y", "slash", *"[b]", "enter", "m", *"[/b]", "enter")
        assert c.controls.calls == ["mark"]
        assert "\x1b" not in c.app.clipboard
        assert c.app.is_running


async def test_numbers_that_are_none_or_not_finite_are_dashes() -> None:
    strange = figures(100, math_inf := float("inf"), cost_usd=float("nan"))
    assert math_inf > 0
    async with cockpit(FakeControls(changed(CANARY, figures=windows(strange)))) as c:
        assert c.table[2].count("–") >= 5
        await c.press("enter")
        assert c.app.is_running


async def test_no_canary_and_no_deployment_are_no_trouble() -> None:
    made = made_snapshot()
    alone = replace(
        made,
        deployments={BASELINE: made.deployments[BASELINE]},
        weights={DEFAULT_TASK: {BASELINE: 100.0}},
    )
    async with cockpit(FakeControls(alone)) as c:
        await c.press("minus", "plus", "P", "j", "enter", "escape")
        assert c.controls.calls == []
        assert "no canary" in c.log


async def test_a_failure_inside_the_engine_is_said_and_the_cockpit_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controls = FakeControls()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom [/b]")

    monkeypatch.setattr(controls._controller, "roll_back", broken)
    monkeypatch.setattr(controls, "_do", lambda name, act: failed(act))
    async with cockpit(controls) as c:
        await c.press("r")
        assert "roll back failed: RuntimeError: boom [/b]" in c.log
        assert c.app.is_running


def failed(act: Callable[[], Event]) -> Future[Event]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act)


async def test_the_footer_can_be_clicked() -> None:
    async with cockpit() as c:
        await c.pilot.click("KeyFooter", offset=(3, 0))
        await c.settle()
        assert c.controls.calls == ["roll_back"]


async def test_the_key_that_helps_now_is_the_second_of_the_footer() -> None:
    async with cockpit(FakeControls(STATES["TRAFFIC PAUSED"]), size=(80, 24)) as c:
        assert c.footer.split()[:5] == ["r", "ROLL", "BACK", "x", "Continue"]
        await c.press("x")
        assert c.footer.split()[:5] == ["r", "ROLL", "BACK", "-", "-5%"]
        await c.press("space")
        assert c.footer.split()[3:6] == ["space", "Go", "on"]


async def test_the_footer_of_the_details_offers_only_keys_that_act_there() -> None:
    async with cockpit() as c:
        assert "Zoom" in c.footer
        assert "Back" not in c.footer
        await c.press("enter")
        assert "Zoom" not in c.footer
        assert c.footer.split()[3:5] == ["escape", "Back"]
        await c.press("escape")
        assert "Zoom" in c.footer


@pytest.mark.parametrize(
    ("columns", "figure"), [(80, "for 01:40 "), (120, "for 01:40: 1975 requests since, none")]
)
async def test_a_roll_back_says_where_the_traffic_is_at_every_width(columns: int, figure: str) -> None:
    made = made_snapshot(
        weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}},
        assigned={DEFAULT_TASK: {BASELINE: 1975}},
        events=(event(1, EventKind.ROLLED_BACK, "x", 300.0),),
        can_undo={DEFAULT_TASK: {BASELINE: 90.0, CANARY: 10.0}},
    )
    async with cockpit(FakeControls(made), size=(columns, 24)) as c:
        assert "ROLLED BACK   baseline v1120 100%" in c.banner
        assert figure in c.banner
        assert "press u twice" in c.banner


async def test_what_is_dim_is_darker_than_what_is_not() -> None:
    made = made_snapshot(events=(event(1, EventKind.MARKED, "a note", 1.0),))
    old = replace(made.deployments[CANARY], last_answer_s=300.0)
    made = replace(made, deployments={**made.deployments, CANARY: old})
    async with cockpit(FakeControls(made)) as c:
        table, log = c.app.screen.query_one(VersionTable), c.app.screen.query_one(EventLog)
        assert brightness(table, 2, "655") < brightness(table, 1, "402")
        assert brightness(log, 0, "14:00:01 ") < brightness(log, 0, "a note")
        await c.press("enter")
        details = c.app.screen.query_one("#details-lines", Lines)
        y = next(i for i, line in enumerate(details.plain_lines) if "latency, values" in line)
        assert brightness(details, y, "latency") < brightness(details, y - 2, "latency")


def brightness(widget: Lines, y: int, text: str) -> int:
    """Red, green and blue of the first piece of a painted row that holds ``text``."""
    style = next(piece.style for piece in widget.render_line(y) if text in piece.text)
    return sum(present(present(style).color).get_truecolor())


async def test_actors_and_texts_of_the_log_stand_below_each_other() -> None:
    events = [event(1, EventKind.SOURCE, "said", 1.0, actor="canarytop")]
    events += [event(i, EventKind.SOURCE, "said", float(i), actor=a) for i, a in ((2, "ana"), (3, "x" * 16))]
    async with cockpit(FakeControls(made_snapshot(events=tuple(events)))) as c:
        assert len({line.index("said") for line in c.log.splitlines()}) == 1


async def test_the_banner_is_in_the_details_too() -> None:
    async with cockpit() as c:
        await c.press("enter", "r")
        assert "ROLLED BACK" in "\n".join(c.app.screen.query_one(BannerBar).plain_lines)


async def test_no_colour_leaves_shapes_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with cockpit(FakeControls(STATES["RECORD ERROR"])) as c:
        assert "✗ RECORD ERROR" in c.banner
        assert c.table[1].lstrip().startswith("●")
        assert c.table[2].startswith("❯ ▲")
        svg = c.app.export_screenshot()
        frame = {"28c840", "c5c8c6", "febc2e", "ff5f57"}  # of the window that is drawn around a picture
        colours = set(re.findall(r"#([0-9a-f]{6})", svg)) - frame
        assert len(colours) > 3
        assert all(len({code[0:2], code[2:4], code[4:6]}) == 1 for code in colours)
